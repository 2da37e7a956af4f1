"""Arrays in safetensors files written by other programs: one file, or several with an index.

Such a file has no digest, so a changed weight cannot be detected. The rest of the file is checked
before an array is created; see :mod:`~minitransformer.storage.header`.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from minitransformer.storage.header import (
    BFLOAT16,
    METADATA,
    header_length,
    read_entries,
    require_file,
)
from minitransformer.storage.json_text import read_json, strict_json

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"


class ArrayFile(Mapping):
    """A safetensors file as a mapping: ``file[name]`` reads that array.

    Only the header is kept in memory, so reading one array at a time needs memory for only one.

    Parameters
    ----------
    path : path-like
        The file.

    Attributes
    ----------
    entries : dict of str -> Entry
        The dtype, shape and place of each array.
    metadata : dict of str -> str
        The text metadata of the header.

    Raises
    ------
    ValueError
        If the file is truncated, or its header is invalid. The message names the fault.
    OSError
        If the file does not exist or cannot be read.
    """

    def __init__(self, path):
        self.path = Path(path)
        n_bytes = require_file(self.path).st_size
        with open(self.path, "rb") as file:
            length = header_length(file.read(8), self.path)
            if 8 + length > n_bytes:
                raise ValueError(
                    f"{self.path} is truncated: {n_bytes} bytes, but its header "
                    f"alone takes {8 + length}"
                )
            raw = file.read(length)
        self._body = 8 + length
        try:
            header = strict_json(raw)
            self.entries = read_entries(header, n_bytes - self._body)
        except ValueError as error:
            raise ValueError(f"{self.path} is not a valid safetensors file: {error}") from error
        self.metadata = header.get(METADATA, {})

    def __getitem__(self, name):
        """A writable array, the one called `name`; bfloat16 becomes float32, without rounding."""
        entry = self.entries[name]
        stored = np.empty(entry.shape, entry.storage)
        with open(self.path, "rb") as file:
            file.seek(self._body + entry.start)
            if file.readinto(stored.reshape(-1).view(np.uint8)) != stored.nbytes:
                raise ValueError(f"{self.path} was truncated while it was read")
        if entry.dtype == BFLOAT16:
            return from_bfloat16(stored)
        if stored.dtype == bool and stored.view(np.uint8).max(initial=0) > 1:
            raise ValueError(f"{self.path}: {name!r} is BOOL, but has bytes other than 0 and 1")
        return stored

    def __iter__(self):
        return iter(self.entries)

    def __len__(self):
        return len(self.entries)


class ArrayFolder(Mapping):
    """The arrays of a folder: those in ``model.safetensors``, or in the files that its index names.

    Parameters
    ----------
    folder : path-like
        A folder with ``model.safetensors``, or with ``model.safetensors.index.json`` and the files
        of its ``weight_map``. If it has both, the single file is used.

    Attributes
    ----------
    entries : dict of str -> Entry
        dtype, shape and place of each array.

    Raises
    ------
    ValueError
        If a file is not valid, or the index does not match a file. The message names both.
    FileNotFoundError
        If the folder has neither, or a file of the index is missing.
    """

    def __init__(self, folder):
        folder = Path(folder)
        if (folder / SINGLE).exists():
            file = ArrayFile(folder / SINGLE)
            self._where = dict.fromkeys(file, file)
        elif (folder / INDEX).exists():
            self._where = _files_of_index(folder / INDEX)
        else:
            raise FileNotFoundError(f"{folder} has neither {SINGLE} nor {INDEX}")
        self.entries = {name: file.entries[name] for name, file in self._where.items()}

    def __getitem__(self, name):
        return self._where[name][name]

    def __iter__(self):
        return iter(self._where)

    def __len__(self):
        return len(self._where)


def from_bfloat16(bits):
    """Convert bfloat16, given as bits (uint16), to float32: the same bits, then 16 zero bits."""
    wide = bits.astype("<u4")
    wide <<= 16
    return wide.view("<f4")


def _files_of_index(path):
    """Map each array's name to the file that contains it; the index and the files must agree."""
    weight_map = read_json(path).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError(f"{path} has no weight_map of array names to file names")
    for shard in weight_map.values():
        # a file name is joined to the folder, and must not lead out of it
        if not isinstance(shard, str) or Path(shard).name != shard or "\\" in shard or not shard:
            raise ValueError(f"{path} names a file that is not in the same folder: {shard!r:.80}")
    missing = {shard for shard in weight_map.values() if not (path.parent / shard).exists()}
    if missing:
        raise FileNotFoundError(
            f"{path} names files that do not exist: {', '.join(sorted(missing))}"
        )
    files = {shard: ArrayFile(path.parent / shard) for shard in sorted(set(weight_map.values()))}
    found = {(name, shard) for shard, file in files.items() for name in file}
    wrong = sorted(found ^ set(weight_map.items()))
    if wrong:
        raise ValueError(
            f"{path} and the files it names disagree about the place of: "
            f"{', '.join(f'{name} in {shard}' for name, shard in wrong[:8])}"
        )
    return {name: files[shard] for name, shard in weight_map.items()}
