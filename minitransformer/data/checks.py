"""Checks of arguments that several parts of `data` share."""

from collections.abc import Iterable

import numpy as np

from minitransformer.backend import check_ids


def check_integer(name, value, least):
    """TypeError if `value` is no integer, ValueError if it is below `least`."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


def check_row(ids, n) -> np.ndarray:
    """`ids` as an array, or an error if they are not one row of integers in 0..n - 1."""
    ids = np.asarray(ids)
    if ids.ndim != 1:
        raise ValueError(f"ids must have one axis, but their shape is {ids.shape}")
    if ids.size:  # an empty list would be of floats
        check_ids(ids, n)
    return ids


def check_text(text):
    """TypeError if `text` is not a string."""
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, not {type(text).__name__}")


def check_texts(texts):
    """TypeError if `texts` is one string, or nothing to go through, and not a list of them."""
    if isinstance(texts, str | bytes):
        raise TypeError("texts must be a list of strings, not one string")
    if not isinstance(texts, Iterable):
        raise TypeError(f"texts must be a list of strings, not {type(texts).__name__}")


def check_tokens(tokens) -> list[str]:
    """`tokens` as a list of different non-empty strings, or an error."""
    if isinstance(tokens, str):
        raise TypeError("tokens must be a sequence of strings, not one string")
    try:
        tokens = list(tokens)
    except TypeError:
        raise TypeError(
            f"tokens must be a sequence of strings, not {type(tokens).__name__}"
        ) from None
    seen = set()
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"tokens must be strings, not {type(token).__name__}")
        if not token:
            raise ValueError("a token may not be empty")
        if token in seen:
            raise ValueError(f"tokens must be different, but {token!r} stands there twice")
        seen.add(token)
    return tokens
