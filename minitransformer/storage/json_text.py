"""Reading JSON. The package has no other JSON reader, so errors are the same everywhere."""

import json
from pathlib import Path

from minitransformer.storage.header import require_file

MAX_JSON = 16 << 20  # in bytes; enough for an index of some hundred thousand arrays


def read_json(path, limit=MAX_JSON):
    """The object in a JSON file.

    Parameters
    ----------
    path : path-like
        The file.
    limit : int
        Maximum size in bytes.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the file is larger than `limit`, is not JSON in UTF-8, or does not contain exactly one
        object.
    OSError
        If the file does not exist or cannot be read.
    """
    path = Path(path)
    if (size := require_file(path).st_size) > limit:
        raise ValueError(f"{path} has {size} bytes; at most {limit} are read")
    try:
        value = strict_json(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} must contain a JSON object, got {type(value).__name__}")
    return value


def strict_json(raw):
    """The value of a JSON text.

    Parameters
    ----------
    raw : str, or bytes in UTF-8
        The text.

    Raises
    ------
    ValueError
        If the text is not JSON or is nested too deeply, or if an object has the same key twice.
        Other readers would use only the last value of such a key.
    """
    try:
        text = raw if isinstance(raw, str) else bytes(raw).decode("utf-8")
        return json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from error


def _without_repeats(pairs):
    found = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name!r:.80} occurs twice")
        found[name] = value
    return found
