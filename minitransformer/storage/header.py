"""The header of a safetensors file: its length, and a check that the arrays fill the file exactly.

The format has three parts: the length of the header (eight bytes, little-endian), the header, and
the body. The header is a JSON object that gives the dtype, the shape and the place in the body of
each array. The file contains no code, but every number in it may be wrong, so each is checked
before memory is allocated.

Source: https://github.com/huggingface/safetensors, README, "Format".
"""

import math
import stat
from typing import NamedTuple

import numpy as np

METADATA = "__metadata__"
# In bytes; enough for some ten thousand arrays. Parsing a header takes up to 22 times its size in
# memory, so without a limit, loading could need more than twice the size of the file.
MAX_HEADER = 1 << 20
MAX_AXES = 64  # NumPy's limit
BFLOAT16 = "BF16"  # NumPy has no such dtype, so the raw bits are read
FORMAT_DTYPES = {
    "BOOL": "?", "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8",
    "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8", BFLOAT16: "<u2",
}  # fmt: skip


class Entry(NamedTuple):
    """One array: its dtype's name in the format, its shape, and its place in the body."""

    dtype: str
    shape: tuple
    start: int
    stop: int

    @property
    def storage(self):
        """The dtype of the stored bytes."""
        return np.dtype(FORMAT_DTYPES[self.dtype])


def require_file(path):
    """Return `path.stat()`, or raise ValueError if `path` is a folder, a device or a pipe."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} is not a file")
    return found


def header_length(first, path):
    """The length of the header, read from a file's first eight bytes; ValueError if too long."""
    length = int.from_bytes(first[:8], "little")
    if length > MAX_HEADER:
        raise ValueError(
            f"{path} is truncated, altered, or not a safetensors file: header length "
            f"{length}, allowed at most {MAX_HEADER}"
        )
    return length


def read_entries(header, n_bytes, dtypes=tuple(FORMAT_DTYPES)):
    """The arrays of a parsed header, which must fill the body without gap or overlap.

    Parameters
    ----------
    header : object
        The parsed JSON, which has not been checked.
    n_bytes : int
        Length of the body.
    dtypes : sequence of str
        Names of the allowed dtypes.

    Returns
    -------
    dict of str -> Entry
        The arrays, in the order of their places in the body.

    Raises
    ------
    ValueError
        If an array is wrong. The message names the array and the fault.
    """
    if not isinstance(header, dict):
        raise ValueError(f"the header must be an object, got {type(header).__name__}")
    _check_metadata(header.get(METADATA, {}))
    entries = {
        name: _entry(name, value, n_bytes, dtypes)
        for name, value in header.items()
        if name != METADATA
    }
    entries = dict(sorted(entries.items(), key=lambda item: item[1][2:]))
    end, before = 0, None
    for name, entry in entries.items():
        if entry.start < end:
            raise ValueError(
                f"{before!r} and {name!r} overlap: the first ends at byte {end}, the "
                f"second starts at byte {entry.start}"
            )
        if entry.start > end:
            raise ValueError(f"{entry.start - end} bytes before {name!r} belong to no array")
        end, before = entry.stop, name
    if end < n_bytes:
        raise ValueError(f"the last {n_bytes - end} bytes belong to no array")
    return entries


def _check_metadata(metadata):
    """Raise ValueError unless `metadata` maps text to text."""
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError(f"{METADATA} must map text to text")


def _entry(name, value, n_bytes, dtypes):
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name!r} needs dtype, shape and data_offsets, and nothing else")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if dtype not in dtypes:
        raise ValueError(f"{name!r} has dtype {dtype!r:.40}; allowed: {', '.join(dtypes)}")
    if not _are_counts(shape) or len(shape) > MAX_AXES:
        raise ValueError(
            f"{name!r} has a shape that is not a list of up to {MAX_AXES} lengths: {shape!r:.60}"
        )
    if not _are_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"{name!r} has data_offsets that are not [begin, end]: {offsets!r:.60}")
    start, stop = offsets
    if stop > n_bytes:
        raise ValueError(
            f"{name!r} is beyond the end, or the file is truncated: bytes {start} "
            f"to {stop} of {n_bytes}"
        )
    # NumPy multiplies the non-zero lengths, and refuses a product that is too large
    if math.prod(n for n in shape if n) >= 1 << 60:
        raise ValueError(f"{name!r} has a shape that is too large: {shape!r:.60}")
    size = math.prod(shape) * np.dtype(FORMAT_DTYPES[dtype]).itemsize
    if size != stop - start:
        raise ValueError(
            f"{name!r} of {dtype} and shape {shape!r:.60} takes {size} bytes, but its "
            f"data_offsets give {stop - start}"
        )
    return Entry(dtype, tuple(shape), start, stop)


def _are_counts(values):
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 1 << 63 for v in values)
