from divprune_sym.codegen.arithmetic import CannotPrint as CannotPrint
from divprune_sym.codegen.cache import UnsafeCache as UnsafeCache
from divprune_sym.codegen.cache import cache_folder as cache_folder
from divprune_sym.codegen.cache import cached_module as cached_module
from divprune_sym.codegen.compiler import Function as Function
from divprune_sym.codegen.compiler import UndeclaredSize as UndeclaredSize
from divprune_sym.codegen.compiler import compile_system as compile_system
from divprune_sym.codegen.scalar import scalar_kernel as scalar_kernel
