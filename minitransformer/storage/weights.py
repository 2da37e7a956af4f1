"""Arrays in a safetensors file, which contains no code and in which every altered byte is detected.

A safetensors file consists of the length of the header (eight bytes), a JSON header (the dtype,
shape and place of each array, and text metadata), and the bytes of the arrays. Two rules are added
to the format here:

- the header is written in one canonical form (metadata sorted, see :func:`_encode_header`), so the
  same content always gives the same bytes, and a header in any other form has been altered;
- its metadata contain ``sha256``, the digest of the body and of the header with an empty digest.
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import safetensors.numpy

from minitransformer.storage.atomic import atomic_write
from minitransformer.storage.header import (
    BFLOAT16,
    FORMAT_DTYPES,
    MAX_HEADER,
    METADATA,
    header_length,
    read_entries,
    require_file,
)
from minitransformer.storage.json_text import strict_json

DIGEST = "sha256"
DTYPES = (
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
)
# Names of the dtypes that are written.
OWN = tuple(name for name in FORMAT_DTYPES if name != BFLOAT16)


def save_arrays(path, arrays: dict, metadata: dict | None = None):
    """Write arrays and text metadata to one file, atomically.

    Parameters
    ----------
    path : path-like
        The file to write.
    arrays : dict of str -> numpy array, any shape, any dtype of :data:`DTYPES`
        The arrays. Views and transposes are allowed; they are made contiguous first. (The
        safetensors library would silently write their memory in the wrong order.) Arrays that share
        memory are stored separately, so pass a tied parameter only once.
    metadata : dict of str -> str, optional
        Any further data that belong to the weights. The key ``sha256`` is reserved.

    Raises
    ------
    TypeError, ValueError
        If a name, an array or metadata are not allowed by the format. Nothing is then written.
    OSError
        See :func:`~minitransformer.storage.atomic.atomic_write`.
    """
    arrays = {name: _storable(name, array) for name, array in arrays.items()}
    metadata = _checked_metadata(metadata or {})
    blob = safetensors.numpy.save(arrays)
    length = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + length])
    body = memoryview(blob)[8 + length :]
    header[METADATA] = metadata | {DIGEST: ""}
    header[METADATA][DIGEST] = _digest(header, body)
    encoded = _encode_header(header)
    if len(encoded) > MAX_HEADER:
        raise ValueError(
            f"names and metadata take {len(encoded)} bytes; the header of a file may "
            f"have at most {MAX_HEADER}"
        )

    def write(file):
        file.write(len(encoded).to_bytes(8, "little"))
        file.write(encoded)
        file.write(body)

    atomic_write(path, write)


def load_arrays(path, expect: dict | None = None):
    """Read what :func:`save_arrays` wrote, and verify every byte of it.

    Loading needs memory for the arrays, for the bytes of the file (until they are verified), and
    for parsing the header (25 MB for the longest header allowed).

    Parameters
    ----------
    path : path-like
        The file to read.
    expect : dict of str -> (shape, dtype), optional
        The arrays that the file must contain; it must not contain others.

    Returns
    -------
    arrays : dict of str -> numpy array
        The arrays, which are writable, in alphabetical order of their names.
    metadata : dict of str -> str
        The text metadata, without the digest.

    Raises
    ------
    ValueError
        If the file is truncated, altered, in a different format, or does not match `expect`.
    OSError
        If the file does not exist or cannot be read.
    """
    path = Path(path)
    require_file(path)
    with open(path, "rb") as file:
        length = header_length(file.read(8), path)
        file.seek(0)
        raw = file.read()
    header = _verified_header(raw, length, path)
    try:
        entries = read_entries(header, len(raw) - 8 - length, OWN)
    except ValueError as error:
        raise ValueError(f"{path} is not a valid safetensors file: {error}") from error
    arrays = {name: _array(raw, 8 + length, entries[name]) for name in sorted(entries)}
    if expect is not None:
        check_arrays(arrays, expect, path)
    return arrays, {key: text for key, text in header[METADATA].items() if key != DIGEST}


def check_arrays(arrays: dict, expect: dict, where):
    """Raise a ValueError that lists missing and unexpected arrays, and wrong shapes and dtypes.

    Parameters
    ----------
    arrays : dict of str -> array
        The arrays; any objects with a shape and a dtype.
    expect : dict of str -> (shape, dtype)
        The expected arrays. A dtype of None means that any dtype is allowed.
    where : path-like or str
        The place of the arrays, for the message.
    """
    missing = sorted(set(expect) - set(arrays))
    extra = sorted(set(arrays) - set(expect))
    faults = [f"missing: {_some(missing)}"] if missing else []
    faults += [f"unexpected: {_some(extra)}"] if extra else []
    wrong = []
    for name in sorted(set(arrays) & set(expect)):
        shape, dtype = tuple(expect[name][0]), expect[name][1]
        found, wanted = arrays[name], shape if dtype is None else f"{np.dtype(dtype)} {shape}"
        if found.shape != shape or (dtype is not None and found.dtype != dtype):
            wrong.append(f"{name} is {found.dtype} {found.shape}, expected {wanted}")
    faults += [_some(wrong)] if wrong else []
    if faults:
        raise ValueError(f"{where} does not fit this model: {'; '.join(faults)}")


def _some(words, limit=12):
    """The words in one line; if there are many, only the first, and the number of the rest."""
    more = [f"and {len(words) - limit} more"] if len(words) > limit else []
    return ", ".join([*words[:limit], *more])


def _storable(name, array):
    if not isinstance(name, str) or not name or name == METADATA:
        raise ValueError(
            f"an array's name must be a non-empty text other than {METADATA!r}, got {name!r}"
        )
    if not isinstance(array, np.ndarray | np.generic):
        raise TypeError(
            f"array {name!r} must be a NumPy array (move it with to_host first), "
            f"got {type(array).__name__}"
        )
    if array.dtype.name not in DTYPES:
        raise TypeError(f"array {name!r} has dtype {array.dtype}; allowed: {', '.join(DTYPES)}")
    # not np.ascontiguousarray, which turns shape () into (1,)
    return np.asarray(array, order="C")


def _checked_metadata(metadata):
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata must map text to text, got {key!r}: {value!r}")
    if DIGEST in metadata:
        raise ValueError(f"metadata must not have the key {DIGEST!r}, which is reserved")
    return dict(metadata)


def _encode_header(header):
    """The canonical form of a header: metadata first, keys sorted, no spaces, padded to 8 bytes."""
    ordered = {METADATA: dict(sorted(header[METADATA].items()))}
    ordered |= {name: header[name] for name in sorted(header) if name != METADATA}
    encoded = json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return encoded + b" " * (-len(encoded) % 8)


def _digest(header, body):
    """SHA-256 (hexadecimal) of names, dtypes, shapes, places, metadata and bytes."""
    blank = header | {METADATA: header[METADATA] | {DIGEST: ""}}
    digest = hashlib.sha256(_encode_header(blank))
    digest.update(body)
    return digest.hexdigest()


def _array(raw, body, entry):
    """A copy of one array in the file's bytes `raw`; the body starts at byte `body`."""
    flat = np.frombuffer(raw, entry.storage, math.prod(entry.shape), body + entry.start)
    return flat.reshape(entry.shape).copy()


def _verified_header(raw, length, path):
    """Return the header of a file if no byte was altered; otherwise raise ValueError."""
    try:
        header = strict_json(raw[8 : 8 + length])
        canonical = _encode_header(header)
        digest = header[METADATA][DIGEST]
        found = _digest(header, memoryview(raw)[8 + length :])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} is truncated, altered, or was not written by minitransformer: "
            f"its header cannot be read ({type(error).__name__}: {error})"
        ) from error
    if found != digest or canonical != raw[8 : 8 + length]:
        raise ValueError(
            f"{path} is truncated or altered: its SHA-256 does not match the stored one"
        )
    return header
