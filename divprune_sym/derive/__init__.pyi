from divprune_sym.derive.results import derived_equations as derived_equations
from divprune_sym.derive.results import derived_integral as derived_integral
