from divprune_sym.evaluation.ensemble import Ensemble as Ensemble
from divprune_sym.evaluation.error import error_of as error_of
from divprune_sym.evaluation.error import errors_of as errors_of
from divprune_sym.evaluation.error import generalization_error as generalization_error
from divprune_sym.evaluation.error import moments_of as moments_of
from divprune_sym.evaluation.error import second_moments as second_moments
