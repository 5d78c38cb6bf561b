"""How kernels are compiled: one decorator, one cache folder, one error model.

A kernel declares its types in its signature with the aliases below and is compiled
when its module is imported. The machine code is kept in a user folder keyed by a hash of every kernel
source, the numba version and the processor, because numba itself does not notice that a callee in another
file has changed. A file lock lets one process at a time compile a kernel; the others read what it wrote.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

import numba
import numpy as np
from filelock import FileLock
from llvmlite import binding
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model
from numpy.typing import NDArray
from platformdirs import user_cache_path

__all__ = [
    "B1",
    "CACHE_FOLDER",
    "F1",
    "F2",
    "I1",
    "I2",
    "U1",
    "OutF1",
    "OutF2",
    "OutI1",
    "OutI2",
    "OutU1",
    "borrowed",
    "cache_folder",
    "helper",
    "index",
    "inlined",
    "kernel",
    "small",
]

_PACKAGES = ("traffic", "signals", "transit", "scenarios", "simulation")
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": False}


def _array(dtype: types.Type, ndim: int, *, readonly: bool) -> types.Array:
    return types.Array(dtype, ndim, "C", readonly=readonly)


# Read-only inputs: what a kernel may not write, its signature forbids.
F1 = Annotated[NDArray[np.float64], _array(types.float64, 1, readonly=True)]
F2 = Annotated[NDArray[np.float64], _array(types.float64, 2, readonly=True)]
I1 = Annotated[NDArray[np.int32], _array(types.int32, 1, readonly=True)]
I2 = Annotated[NDArray[np.int32], _array(types.int32, 2, readonly=True)]
U1 = Annotated[NDArray[np.uint8], _array(types.uint8, 1, readonly=True)]
B1 = Annotated[NDArray[np.bool_], _array(types.boolean, 1, readonly=True)]
OutF1 = Annotated[NDArray[np.float64], _array(types.float64, 1, readonly=False)]
OutF2 = Annotated[NDArray[np.float64], _array(types.float64, 2, readonly=False)]
OutI1 = Annotated[NDArray[np.int32], _array(types.int32, 1, readonly=False)]
OutI2 = Annotated[NDArray[np.int32], _array(types.int32, 2, readonly=False)]
OutU1 = Annotated[NDArray[np.uint8], _array(types.uint8, 1, readonly=False)]

index = np.uint32
"""Cast of an index that is never negative: compiled code need not look whether it counts from the end."""

_SCALARS: dict[object, types.Type] = {int: types.int64, float: types.float64, bool: types.boolean}
_Function = TypeVar("_Function", bound=Callable[..., Any])
_Arrays = TypeVar("_Arrays")


def cache_folder() -> Path:
    """Return the folder that holds the compiled kernels of exactly these sources."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(f"{numba.__version__} {binding.get_host_cpu_name()}".encode())
    for package in _PACKAGES:
        for source in sorted((root / package).rglob("_kernels*.py")):
            digest.update(f"{source.relative_to(root).as_posix()}\0".encode() + source.read_bytes())
    base = os.environ.get("JASYL_CACHE_DIR")
    folder = Path(base) if base else user_cache_path("jasyl")
    bounds = "-boundscheck" if numba.config.BOUNDSCHECK else ""
    return folder / "kernels" / (digest.hexdigest()[:20] + bounds)


CACHE_FOLDER = cache_folder()
CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
os.environ["NUMBA_CACHE_DIR"] = str(CACHE_FOLDER)
numba.config.CACHE_DIR = str(CACHE_FOLDER)


def _numba_type(hint: Any) -> types.Type:
    """Translate one annotation: an alias above, a plain scalar, or a NamedTuple of them."""
    if get_origin(hint) is Annotated:
        return get_args(hint)[1]
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        hints = get_type_hints(hint, include_extras=True)
        parts = [_numba_type(hints[name]) for name in hint._fields]
        if all(part == parts[0] for part in parts):
            return types.NamedUniTuple(parts[0], len(parts), hint)
        return types.NamedTuple(parts, hint)
    message = f"{hint!r} is no kernel type: use an alias of _kernels_jit, int, float, bool or a NamedTuple"
    raise TypeError(message)


def kernel(function: _Function) -> _Function:
    """Compile `function` for exactly the types of its annotations, from the cache if it is there.

    Kernels do not hold the interpreter's lock: several may run at once, on arrays of their own.
    """
    if numba.config.DISABLE_JIT:
        return function
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    signature = tuple(_numba_type(hint) for hint in hints.values())
    with FileLock(CACHE_FOLDER / f"{function.__module__}.{function.__name__}.lock"):
        return cast("_Function", numba.njit(signature, cache=True, nogil=True, **_OPTIONS)(function))


def helper(function: _Function) -> _Function:
    """Mark `function` as a part of kernels: compiled into each caller, never called from outside."""
    return cast("_Function", numba.njit(**_OPTIONS)(function))


def small(function: _Function) -> _Function:
    """Mark a helper that the compiler's back end copies into its callers, which costs less time than `inlined`."""
    return cast("_Function", numba.njit(forceinline=True, **_OPTIONS)(function))


def inlined(function: _Function) -> _Function:
    """Mark a helper whose body is copied into its callers: for one so short that a call would cost more."""
    return cast("_Function", numba.njit(inline="always", **_OPTIONS)(function))


class _Lent(types.Array):  # type: ignore[misc]
    """An array whose references are not counted."""

    def __init__(self, dtype: types.Type, ndim: int, layout: str, *, readonly: bool) -> None:
        name = f"lent({dtype}, {ndim}, {layout}, {readonly})"
        super().__init__(dtype, ndim, layout, readonly=readonly, name=name)

    def copy(
        self,
        dtype: types.Type | None = None,
        ndim: int | None = None,
        layout: str | None = None,
        readonly: bool | None = None,
    ) -> _Lent:
        """Return the type of a part of the array."""
        return _Lent(
            self.dtype if dtype is None else dtype,
            self.ndim if ndim is None else ndim,
            self.layout if layout is None else layout,
            readonly=not self.mutable if readonly is None else readonly,
        )


@register_model(_Lent)
class _LentModel(models.StructModel):  # type: ignore[misc]
    """An array as numba lays it out, but for the type of the pointer that leads to the count."""

    def __init__(self, manager: Any, kind: _Lent) -> None:
        members = [
            ("meminfo", types.voidptr),
            ("parent", types.voidptr),
            ("nitems", types.intp),
            ("itemsize", types.intp),
            ("data", types.CPointer(kind.dtype)),
            ("shape", types.UniTuple(types.intp, kind.ndim)),
            ("strides", types.UniTuple(types.intp, kind.ndim)),
        ]
        super().__init__(manager, kind, members)


def _lent_type(kind: types.Type) -> types.Type:
    if isinstance(kind, types.BaseNamedTuple):
        parts = [_lent_type(part) for part in kind]
        if isinstance(kind, types.NamedUniTuple):
            return types.NamedUniTuple(parts[0], len(parts), kind.instance_class)
        return types.NamedTuple(parts, kind.instance_class)
    if isinstance(kind, types.Array):
        return _Lent(kind.dtype, kind.ndim, kind.layout, readonly=not kind.mutable)
    return kind


def _lend(context: Any, builder: Any, kind: types.Type, value: Any) -> Any:
    if isinstance(kind, types.BaseNamedTuple):
        parts = [
            _lend(context, builder, part, builder.extract_value(value, place))
            for place, part in enumerate(kind)
        ]
        return context.make_tuple(builder, _lent_type(kind), parts)
    if not isinstance(kind, types.Array):
        return value
    array = context.make_array(kind)(context, builder, value=value)
    lent = context.make_array(_lent_type(kind))(context, builder)
    for name in ("nitems", "itemsize", "data", "shape", "strides"):
        setattr(lent, name, getattr(array, name))
    for name in ("meminfo", "parent"):
        setattr(lent, name, cgutils.get_null_value(getattr(lent, name).type))
    return lent._getvalue()  # noqa: SLF001 - how numba's own code returns a structure


@intrinsic  # type: ignore[untyped-decorator]
def _without_count(_context: Any, arrays: types.Type) -> Any:
    """Return an array, or a NamedTuple of arrays and scalars, whose references are not counted."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _lend(context, builder, signature.args[0], values[0])

    return _lent_type(arrays)(arrays), generate


def _borrowed(arrays: _Arrays) -> _Arrays:
    """Return an array, or a NamedTuple of them, for use within the calling kernel, which holds references to all.

    Helpers that take many arrays would count the references of each one up and down at every call, and these steps
    can take longer than what the helper does.
    """
    return _without_count(arrays)  # type: ignore[no-any-return]


def _itself(arrays: _Arrays) -> _Arrays:
    return arrays


borrowed = _itself if numba.config.DISABLE_JIT else inlined(_borrowed)
