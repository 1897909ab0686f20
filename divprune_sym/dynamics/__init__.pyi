from divprune_sym.dynamics.equations import Assignment as Assignment
from divprune_sym.dynamics.equations import System as System
from divprune_sym.dynamics.equations import equations_of_motion as equations_of_motion
from divprune_sym.dynamics.equations import error_equations as error_equations
from divprune_sym.dynamics.update import UpdateRule as UpdateRule
