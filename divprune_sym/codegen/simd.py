"""Numbers of several lanes for Numba: `Lanes(w)` is LLVM's `<w x double>`, with the operators of a float.

Text that computes with floats computes with lanes too, one IEEE operation for each operator and lane. Nothing is
contracted or reassociated, and products are added by `fma` only where the text says so: the bits of a lane depend
neither on the other lanes, nor on the width, nor on the processor.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.extending import lower_builtin, lower_cast, register_model
from numba.core.typeconv.castgraph import Conversion
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic
from numba.np.arrayobj import _empty_nd_impl, make_array, populate_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

# one register of the widest kind most processors have; two halves of it where they have less
WIDTH = 4


class Lanes(types.Type):
    """Several float64 side by side."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"Lanes({width})")

    def can_convert_from(self, typingctx: Any, other: types.Type) -> Conversion | None:
        """Numbers become lanes by repetition."""
        return Conversion.safe if isinstance(other, types.Number) else None

    def unify(self, typingctx: Any, other: types.Type) -> types.Type | None:
        """A variable that is a number here and lanes there holds lanes."""
        return self if isinstance(other, types.Number) else None


class IndexLanes(types.Type):
    """Several indices side by side: reading an array at them gathers, writing scatters."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"IndexLanes({width})")


class _Model(models.PrimitiveModel):
    element: ir.Type

    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(self.element, fe_type.width))


@register_model(Lanes)
class _LanesModel(_Model):
    element = ir.DoubleType()


@register_model(IndexLanes)
class _IndexLanesModel(_Model):
    element = ir.IntType(64)


def _splat(builder: Any, value: Any, vector: ir.VectorType) -> Any:
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)


@lower_cast(types.Number, Lanes)
def _number_to_lanes(context: Any, builder: Any, fromty: Any, toty: Any, value: Any) -> Any:
    number = context.cast(builder, value, fromty, types.float64)
    return _splat(builder, number, context.get_value_type(toty))


# --- functions of floats that lanes have too -----------------------------------------------------------


def fma(x: float, y: float, z: float) -> float:
    """x·y + z, rounded once where it is compiled."""
    return x * y + z


def above(x: float, y: float, yes: float, no: float) -> float:
    """`yes` where x > y, else `no`."""
    return yes if x > y else no


def any_above(x: float, y: float) -> bool:
    """Whether x > y in any lane."""
    return x > y


def power_of_two(n: float) -> float:
    """2ⁿ of an integer n from −1022 to 1023."""
    return float(2.0**n)


def lanes_of(arguments: tuple[types.Type, ...]) -> types.Type | None:
    """What numbers are computed as: lanes if any of them is, else float64; None for anything but numbers."""
    if not all(isinstance(x, (Lanes, types.Number)) for x in arguments):
        return None
    return next((x for x in arguments if isinstance(x, Lanes)), types.float64)


def _operation(function: Any, arity: int, emit: Any, *, lanes_only: bool, result: types.Type | None = None) -> None:
    """Teach Numba one function of numbers: its types, and the instruction for it."""

    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            common = lanes_of(args) if len(args) == arity else None
            if common is None or (lanes_only and not isinstance(common, Lanes)):
                return None
            return signature(result or common, *[common] * arity)

    infer_global(function)(Template)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit(builder, *args)

    lower_builtin(function, *[Lanes] * arity)(lower)
    if not lanes_only:
        lower_builtin(function, *[types.Float] * arity)(lower)


def _intrinsic(name: str) -> Any:
    """A call of an LLVM intrinsic that has one type for its arguments and its result."""

    def emit(builder: Any, *args: Any) -> Any:
        kind = args[0].type
        mangled = f"v{kind.count}f64" if isinstance(kind, ir.VectorType) else "f64"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind] * len(args)), f"llvm.{name}.{mangled}"
        )
        return builder.call(function, args)

    return emit


def _emit_any_above(builder: Any, x: Any, y: Any) -> Any:
    test = builder.fcmp_ordered(">", x, y)
    if not isinstance(x.type, ir.VectorType):
        return test
    bits = builder.bitcast(test, ir.IntType(x.type.count))
    return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))


def _lane_by_lane(function: Any, arity: int) -> None:
    """Teach Numba the lanes of a function that only floats have."""

    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            common = lanes_of(args) if len(args) == arity else None
            return signature(common, *[common] * arity) if isinstance(common, Lanes) else None

    infer_global(function)(Template)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        scalar = context.get_function(function, signature(types.float64, *[types.float64] * arity))
        result = ir.Constant(args[0].type, ir.Undefined)
        for lane in range(args[0].type.count):
            at = ir.Constant(ir.IntType(32), lane)
            value = scalar(builder, [builder.extract_element(x, at) for x in args])
            result = builder.insert_element(result, value, at)
        return result

    lower_builtin(function, *[Lanes] * arity)(lower)


def _emit_power_of_two(builder: Any, n: Any) -> Any:
    """The exponent's bits: n + 1023, brought to the end of the mantissa by adding 1.5 · 2⁵², then moved up."""
    kind = n.type
    integers = ir.VectorType(ir.IntType(64), kind.count) if isinstance(kind, ir.VectorType) else ir.IntType(64)

    def constant(of: Any, value: Any) -> Any:
        return ir.Constant(of, [value] * of.count if isinstance(of, ir.VectorType) else value)

    shifted = builder.fadd(n, constant(kind, 1.5 * 2.0**52 + 1023.0))
    bits = builder.shl(builder.bitcast(shifted, integers), constant(integers, 52))
    return builder.bitcast(bits, kind)


_lane_by_lane(math.atan2, 2)
_operation(operator.add, 2, lambda b, x, y: b.fadd(x, y), lanes_only=True)
_operation(operator.iadd, 2, lambda b, x, y: b.fadd(x, y), lanes_only=True)
_operation(operator.sub, 2, lambda b, x, y: b.fsub(x, y), lanes_only=True)
_operation(operator.mul, 2, lambda b, x, y: b.fmul(x, y), lanes_only=True)
_operation(operator.truediv, 2, lambda b, x, y: b.fdiv(x, y), lanes_only=True)
_operation(operator.neg, 1, lambda b, x: b.fneg(x), lanes_only=True)
_operation(math.sqrt, 1, _intrinsic("sqrt"), lanes_only=True)
_operation(math.fabs, 1, _intrinsic("fabs"), lanes_only=True)
_operation(math.copysign, 2, _intrinsic("copysign"), lanes_only=True)
_operation(fma, 3, _intrinsic("fma"), lanes_only=False)
_operation(above, 4, lambda b, x, y, yes, no: b.select(b.fcmp_ordered(">", x, y), yes, no), lanes_only=False)
_operation(power_of_two, 1, _emit_power_of_two, lanes_only=False)
_operation(any_above, 2, _emit_any_above, lanes_only=False, result=types.boolean)


@infer_global(operator.add)
class _ShiftedIndices(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        packed = [x for x in args if isinstance(x, IndexLanes)]
        whole = [x for x in args if isinstance(x, types.Integer)]
        return signature(packed[0], *args) if len(packed) == len(whole) == 1 else None


@lower_builtin(operator.add, types.Integer, IndexLanes)
def _shift(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    offset = context.cast(builder, args[0], sig.args[0], types.intp)
    return builder.add(_splat(builder, offset, args[1].type), args[1])


# --- arrays of lanes -----------------------------------------------------------------------------------


def _padded(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs in whole packs: the last one is repeated."""
    fill = (0, -len(rows) % WIDTH)
    return np.pad(rows, fill, mode="edge"), np.pad(columns, fill, mode="edge")


def half_pairs(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All (i, k) with k ≤ i < size, as two arrays of a multiple of `WIDTH`."""
    return _padded(*np.tril_indices(size))


def all_pairs(rows: int, columns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All (i, n) with i < rows and n < columns, as two arrays of a multiple of `WIDTH`."""
    at = np.indices((rows, columns)).reshape(2, -1)
    return _padded(at[0], at[1])


def _array_of(element: types.Type, dimensions: int) -> types.Array:
    # not aligned: arrays from outside start anywhere
    return types.Array(element, dimensions, "C", aligned=not isinstance(element, Lanes))


@intrinsic
def as_lanes(typingctx: Any, array: types.Array) -> Any:
    """A float64 array (…, w) as an array (…) of lanes, without copying; w is `WIDTH`."""
    result = _array_of(Lanes(WIDTH), array.ndim - 1)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source = make_array(array)(context, builder, args[0])
        target = make_array(result)(context, builder)
        dimensions = result.ndim
        shape = cgutils.unpack_tuple(builder, source.shape)[:dimensions]
        strides = cgutils.unpack_tuple(builder, source.strides)[:dimensions]
        width = ir.Constant(ir.IntType(64), WIDTH)
        target.data = builder.bitcast(source.data, context.get_data_type(result.dtype).as_pointer())
        target.shape = cgutils.pack_array(builder, shape, ty=ir.IntType(64))
        target.strides = cgutils.pack_array(builder, strides, ty=ir.IntType(64))
        target.itemsize = ir.Constant(ir.IntType(64), 8 * WIDTH)
        target.nitems = builder.sdiv(source.nitems, width)
        target.parent = source.parent
        target.meminfo = source.meminfo
        if context.enable_nrt:
            context.nrt.incref(builder, result, target._getvalue())
        return target._getvalue()

    return result(array), codegen


@intrinsic
def lane_array(typingctx: Any, shape: types.BaseTuple) -> Any:
    """Room for an array of lanes."""
    result = _array_of(Lanes(WIDTH), len(shape))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _empty_nd_impl(context, builder, result, cgutils.unpack_tuple(builder, args[0]))._getvalue()

    return result(shape), codegen


def _local(element: types.Type, shape: Any) -> Any:
    """Room on the stack: it is gone when the function returns."""
    result = _array_of(element, len(shape))
    extents = [extent.literal_value for extent in shape.types]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count = int(np.prod(extents))
        itemsize = 8 * getattr(element, "width", 1)
        data = cgutils.alloca_once(builder, context.get_data_type(element), size=ir.Constant(ir.IntType(64), count))
        strides = [itemsize * int(np.prod(extents[axis + 1 :])) for axis in range(len(extents))]
        return _borrowed(context, builder, result, data, extents, strides)

    return result(shape), codegen


def _borrowed(context: Any, builder: Any, kind: types.Array, data: Any, shape: Any, strides: Any) -> Any:
    """An array over memory that somebody else keeps."""
    array = make_array(kind)(context, builder)
    as_integers = [
        [x if isinstance(x, ir.Value) else ir.Constant(ir.IntType(64), x) for x in given] for given in (shape, strides)
    ]
    populate_array(
        array,
        data=data,
        shape=cgutils.pack_array(builder, as_integers[0], ty=ir.IntType(64)),
        strides=cgutils.pack_array(builder, as_integers[1], ty=ir.IntType(64)),
        itemsize=ir.Constant(ir.IntType(64), 8 * getattr(kind.dtype, "width", 1)),
        meminfo=None,
    )
    return array._getvalue()


@intrinsic(prefer_literal=True)
def local_array(typingctx: Any, shape: types.BaseTuple) -> Any:
    """Room for floats on the stack, of literal extents; it is gone when the function returns."""
    return _local(types.float64, shape)


@intrinsic(prefer_literal=True)
def local_lanes(typingctx: Any, shape: types.BaseTuple) -> Any:
    """Room for lanes on the stack, of literal extents; it is gone when the function returns."""
    return _local(Lanes(WIDTH), shape)


@intrinsic
def view(typingctx: Any, array: types.Array, start: types.Integer, shape: types.BaseTuple) -> Any:
    """Entries of a flat array from `start` on, in a shape; the array must outlive the view, which is not counted."""
    result = _array_of(array.dtype, len(shape))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source = make_array(sig.args[0])(context, builder, args[0])
        extents = cgutils.unpack_tuple(builder, args[2])
        strides = [ir.Constant(ir.IntType(64), 8 * getattr(array.dtype, "width", 1))]
        for extent in reversed(extents[1:]):
            strides.insert(0, builder.mul(strides[0], extent))
        data = builder.gep(source.data, [args[1]])
        return _borrowed(context, builder, result, data, extents, strides)

    return result(array, types.intp, types.UniTuple(types.intp, len(shape))), codegen


@intrinsic
def packed_indices(typingctx: Any, array: types.Array, start: types.Integer) -> Any:
    """The `WIDTH` entries of an int64 array from `start` on, as one index."""
    result = IndexLanes(WIDTH)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source = make_array(sig.args[0])(context, builder, args[0])
        pointer = builder.gep(source.data, [args[1]])
        vector = context.get_value_type(result)
        return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=8)

    return result(array, types.intp), codegen


@intrinsic
def take(typingctx: Any, array: types.Array, index: types.BaseTuple) -> Any:
    """The entries of a float64 array at several indices, one for each lane."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        result = ir.Constant(context.get_value_type(sig.return_type), ir.Undefined)
        for at, pointer in _pointers(context, builder, sig, args):
            result = builder.insert_element(result, builder.load(pointer), at)
        return result

    return Lanes(WIDTH)(array, index), codegen


@intrinsic
def put(typingctx: Any, array: types.Array, index: types.BaseTuple, value: types.Type) -> Any:
    """Write each lane to its own entry of a float64 array; the last lane wins where entries coincide."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        for at, pointer in _pointers(context, builder, sig, args):
            builder.store(builder.extract_element(args[2], at), pointer)
        return context.get_dummy_value()

    return types.none(array, index, Lanes(WIDTH)), codegen


def _pointers(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """The address of each lane's element."""
    array = make_array(sig.args[0])(context, builder, args[0])
    kinds = tuple(sig.args[1])
    values = cgutils.unpack_tuple(builder, args[1])
    for lane in range(WIDTH):
        at = ir.Constant(ir.IntType(32), lane)
        own = [
            builder.extract_element(value, at) if isinstance(kind, IndexLanes) else value
            for kind, value in zip(kinds, values, strict=True)
        ]
        yield at, cgutils.get_item_pointer(context, builder, sig.args[0], array, own, wraparound=False)


@intrinsic
def next_ticket(typingctx: Any, tickets: types.Array) -> Any:
    """Entry 0 of an int64 array, which goes up by one: no two threads get the same number."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        source = make_array(sig.args[0])(context, builder, args[0])
        return builder.atomic_rmw("add", source.data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(tickets), codegen


# --- functions at an address ---------------------------------------------------------------------------

_FLOATS = types.CPointer(types.float64)
# f(y, dydt, p) of flat arrays, or flat arrays of lanes: y and dydt have n entries, p has m
AT_ADDRESS = types.void(_FLOATS, _FLOATS, _FLOATS, types.int64, types.int64)


@intrinsic
def call(typingctx: Any, address: Any, y: Any, dydt: Any, p: Any) -> Any:
    """Call the function of type `AT_ADDRESS` at an address."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        floats, integer = ir.DoubleType().as_pointer(), ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [floats] * 3 + [integer] * 2)
        arrays = [make_array(of)(context, builder, value) for of, value in zip(sig.args[1:], args[1:], strict=True)]
        pointers = [builder.bitcast(array.data, floats) for array in arrays]
        function = builder.inttoptr(args[0], kind.as_pointer())
        builder.call(function, [*pointers, arrays[0].nitems, arrays[2].nitems])
        return context.get_dummy_value()

    return types.none(types.int64, y, dydt, p), codegen


# f(y, directions, out, p) of a flat array, (packs, n) of lanes twice, and m parameters; then n, packs and m
ALONG_AT_ADDRESS = types.void(*[_FLOATS] * 4, *[types.int64] * 3)


@intrinsic
def call_along(typingctx: Any, address: Any, y: Any, directions: Any, out: Any, p: Any) -> Any:
    """Call the function of type `ALONG_AT_ADDRESS` at an address; directions and out are (packs, n, WIDTH)."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        floats, integer = ir.DoubleType().as_pointer(), ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [floats] * 4 + [integer] * 3)
        arrays = [make_array(of)(context, builder, value) for of, value in zip(sig.args[1:], args[1:], strict=True)]
        packs = builder.extract_value(arrays[1].shape, 0)
        function = builder.inttoptr(args[0], kind.as_pointer())
        builder.call(function, [*(x.data for x in arrays), arrays[0].nitems, packs, arrays[3].nitems])
        return context.get_dummy_value()

    return types.none(types.int64, y, directions, out, p), codegen


def _at(element: types.Type, pointer: types.CPointer, count: types.Integer) -> Any:
    result = _array_of(element, 1)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = builder.bitcast(args[0], context.get_data_type(element).as_pointer())
        return _borrowed(context, builder, result, data, [args[1]], [8 * getattr(element, "width", 1)])

    return result(pointer, types.int64), codegen


@intrinsic
def floats_at(typingctx: Any, pointer: types.CPointer, count: types.Integer) -> Any:
    """So many floats from a pointer on, as an array; the memory is somebody else's."""
    return _at(types.float64, pointer, count)


@intrinsic
def lanes_at(typingctx: Any, pointer: types.CPointer, count: types.Integer) -> Any:
    """So many lanes from a pointer on, as an array; the memory is somebody else's."""
    return _at(Lanes(WIDTH), pointer, count)
