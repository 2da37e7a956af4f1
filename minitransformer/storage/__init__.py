"""Files: atomic writes, files of weights that contain no code, and verified downloads."""

from minitransformer.storage.atomic import (
    atomic_write,
    remove_leftovers,
    write_json,
    write_text,
)
from minitransformer.storage.download import DownloadError, fetch
from minitransformer.storage.finite import check_finite
from minitransformer.storage.foreign import ArrayFile, ArrayFolder
from minitransformer.storage.json_text import read_json, strict_json
from minitransformer.storage.progress import late_bar
from minitransformer.storage.weights import check_arrays, load_arrays, save_arrays

__all__ = [
    "ArrayFile",
    "ArrayFolder",
    "DownloadError",
    "atomic_write",
    "check_arrays",
    "check_finite",
    "fetch",
    "late_bar",
    "load_arrays",
    "read_json",
    "remove_leftovers",
    "save_arrays",
    "strict_json",
    "write_json",
    "write_text",
]
