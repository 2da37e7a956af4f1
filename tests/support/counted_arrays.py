"""Arrays that count the operations done with them, and the bytes read and written.

The rules are those of docs/derivations/index.md, section "Cost". Only the work on whole arrays is
counted, not that on rows that are broadcast or on single numbers.
"""

import numpy as np

TALLY = {"operations": 0, "bytes": 0}
BY_UFUNC = {"clip": 2, "positive": 0}  # operations per entry, if not one


def add(operations, n_bytes):
    TALLY["operations"] += operations
    TALLY["bytes"] += n_bytes


def plain(value):
    return value.view(np.ndarray) if isinstance(value, Counted) else value


def counted(value):
    return value.view(Counted) if isinstance(value, np.ndarray) else value


def whole(arrays, size):
    """Bytes of the different arrays among `arrays` that have `size` entries."""
    found = {id(a): a.nbytes for a in arrays if isinstance(a, np.ndarray) and a.size == size}
    return sum(found.values())


class Counted(np.ndarray):
    """A NumPy array; every operation on it is entered in TALLY."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if out is not None:
            kwargs["out"] = tuple(plain(o) for o in out)
        result = getattr(ufunc, method)(*map(plain, inputs), **kwargs)
        if ufunc is np.matmul:
            add(2 * result.size * inputs[0].shape[-1], sum(a.nbytes for a in (*inputs, result)))
        elif method == "__call__":
            n_bytes = whole(inputs, result.size) + result.nbytes
            add(BY_UFUNC.get(ufunc.__name__, 1) * result.size, n_bytes)
        else:  # a sum, a maximum: every entry is read once
            add(inputs[0].size, inputs[0].nbytes + (result.nbytes if method == "reduceat" else 0))
        return out[0] if out is not None else counted(result)

    def __array_function__(self, function, types, args, kwargs):
        if function not in (np.where, np.concatenate, np.copyto, np.take_along_axis):
            return super().__array_function__(function, types, args, kwargs)
        arrays = args[0] if function is np.concatenate else args
        result = function(*_stripped(args), **{k: plain(v) for k, v in kwargs.items()})
        if function is np.where:
            add(result.size, whole(arrays, result.size) + result.nbytes)
        elif function is np.concatenate:
            add(0, sum(a.nbytes for a in arrays) + result.nbytes)
        return counted(result)

    def __getitem__(self, key):
        result = super().__getitem__(key)
        if isinstance(key, np.ndarray):
            add(0, 2 * result.nbytes)
        return result

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        if isinstance(value, np.ndarray) and value.ndim:
            add(0, 2 * value.nbytes)

    def argmax(self, *args, **kwargs):
        add(self.size, self.nbytes)
        return counted(plain(self).argmax(*args, **kwargs))

    def reshape(self, *shape):
        result = super().reshape(*shape)
        if not np.shares_memory(result, self):
            add(0, 2 * result.nbytes)
        return result


def _stripped(args):
    return [
        [plain(a) for a in arg] if isinstance(arg, list | tuple) else plain(arg) for arg in args
    ]


def counted_zeros(*args, **kwargs):
    """numpy.zeros, entered in TALLY."""
    result = np.empty(*args, **kwargs)
    result[...] = 0
    if not result.ndim:
        return result
    add(0, result.nbytes)
    return counted(result)


def cost(function, *args, **kwargs):
    """Result, operations and bytes of one call with counted arrays."""
    TALLY.update(operations=0, bytes=0)
    result = function(
        *(counted(np.ascontiguousarray(a)) if isinstance(a, np.ndarray) else a for a in args),
        **{name: counted(value) for name, value in kwargs.items()},
    )
    return result, TALLY["operations"], TALLY["bytes"]
