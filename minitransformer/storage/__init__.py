"""Files: atomic writes, weights without code in them, verified downloads."""

from minitransformer.storage.atomic import atomic_write, write_json, write_text
from minitransformer.storage.weights import check_arrays, load_arrays, save_arrays

__all__ = [
    "atomic_write",
    "check_arrays",
    "load_arrays",
    "save_arrays",
    "write_json",
    "write_text",
]
