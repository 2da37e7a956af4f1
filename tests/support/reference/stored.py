"""Reading the values that were stored from PyTorch."""

import json
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import safe_open


def _as_they_were(value):
    """JSON has no tuples: every list was one."""
    if isinstance(value, dict):
        return {key: _as_they_were(part) for key, part in value.items()}
    return tuple(map(_as_they_were, value)) if isinstance(value, list) else value


@cache
def _read(name):
    with safe_open(Path(__file__).parent / f"{name}.safetensors", framework="numpy") as file:
        options = json.loads(file.metadata()["notes"])["options"]
        return {key: file.get_tensor(key) for key in file.keys()}, _as_they_were(options)


def _below(arrays, prefix):
    return {
        key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)
    }


def cases(name):
    """Case name -> (arrays by name, options) of one stored file, "pairs" or "classifier"."""
    arrays, options = _read(name)
    return {case: (_below(arrays, f"{case}/"), options[case]) for case in options}


def group(arrays, prefix, dtype=None):
    """The arrays of a case below `prefix`, floating ones in `dtype` if one is given."""
    return {
        key: value.astype(dtype) if dtype is not None and value.dtype.kind == "f" else value
        for key, value in _below(arrays, f"{prefix}/").items()
    }


def error(ours, theirs):
    """Largest |ours - theirs| / max(1, |theirs|) over all elements."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    return float(np.max(np.abs(ours - theirs) / np.maximum(1, np.abs(theirs)), initial=0.0))
