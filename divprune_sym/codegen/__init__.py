"""From indexed SymPy sums to compiled loops: halve and factor sums, hoist, render, cache."""

from divprune_sym.ground.lazy import lazy_attributes

_WHERE = {
    "CannotPrint": "render",
    "Function": "compiler",
    "UndeclaredSize": "compiler",
    "UnsafeCache": "cache",
    "cache_folder": "cache",
    "cached_module": "cache",
    "compile_system": "compiler",
    "scalar_kernel": "scalar",
}
__all__ = list(_WHERE)
__getattr__ = lazy_attributes(__name__, _WHERE)
