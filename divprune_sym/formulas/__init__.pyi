from divprune_sym.formulas.report import Report as Report
from divprune_sym.formulas.report import check_formula as check_formula
