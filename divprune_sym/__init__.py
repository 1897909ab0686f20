"""divprune_sym: the statistical mechanics of neural-network pruning, derived, compiled and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from divprune_sym.ground.lazy import lazy_attributes

if TYPE_CHECKING:
    from divprune_sym.dpp import LEnsemble
    from divprune_sym.dynamics.equations import equations_of_motion
    from divprune_sym.gaussian import ERF, expectation, integral
    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning import METHODS
    from divprune_sym.simulate import Network, Training, random_network, train, train_replicas
    from divprune_sym.solvers import (
        Problem,
        Solution,
        generalization_error,
        integrate,
        integrate_batch,
        integrate_fixed_step,
    )
    from divprune_sym.specialised import specialised_state

    __version__: str

__all__ = [
    "ERF",
    "METHODS",
    "LEnsemble",
    "Network",
    "OrderParameters",
    "Problem",
    "Solution",
    "Training",
    "__version__",
    "equations_of_motion",
    "expectation",
    "generalization_error",
    "integral",
    "integrate",
    "integrate_batch",
    "integrate_fixed_step",
    "random_network",
    "specialised_state",
    "train",
    "train_replicas",
]

_WHERE = {
    "OrderParameters": "notation",
    "ERF": "gaussian",
    "expectation": "gaussian",
    "integral": "gaussian",
    "equations_of_motion": "dynamics.equations",
    "Problem": "solvers",
    "Solution": "solvers",
    "generalization_error": "solvers",
    "integrate": "solvers",
    "integrate_batch": "solvers",
    "integrate_fixed_step": "solvers",
    "METHODS": "pruning",
    "specialised_state": "specialised",
    "LEnsemble": "dpp",
    "Network": "simulate",
    "Training": "simulate",
    "random_network": "simulate",
    "train": "simulate",
    "train_replicas": "simulate",
}
_submodules = lazy_attributes(__name__, _WHERE)

if not TYPE_CHECKING:  # a type checker knows the names above, and no others

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            return version("divprune-sym")
        return _submodules(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
