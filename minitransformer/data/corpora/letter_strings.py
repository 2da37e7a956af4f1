"""Copying and reversing strings of letters: two tasks with exactly one right answer.

Whether a string is held out depends only on a hash of the string. So training can draw any number
of strings, from any seed, and never sees one that is used for testing.
"""

import hashlib
import string

import numpy as np

from minitransformer.checks import check_count, check_text

HELD_OUT_FRACTION = 1 / 16
MAX_REFUSED = 10_000  # after this many draws in a row without a new string, give up


def copy_task(
    seed, n, *, held_out=False, min_length=1, max_length=20, alphabet=string.ascii_lowercase
):
    """Strings of random letters, each with itself as the answer.

    Parameters
    ----------
    seed : int or sequence of int
        The same seed gives the same strings. ``[seed, step]`` gives each step its own batch.
    n : int
        Number of pairs.
    held_out : bool
        Whether to draw from the strings that are held out from training (one in sixteen), without
        repetition, or from all other strings.
    min_length, max_length : int
        Lengths are drawn uniformly from this range, including both ends.
    alphabet : str
        Letters to draw from: at least two, all different.

    Returns
    -------
    pairs : list of n (str, str)
        Source and target.

    Raises
    ------
    TypeError, ValueError
        If an argument is not valid, or there are fewer than `n` held-out strings.

    Examples
    --------
    >>> copy_task(0, 2, max_length=5)
    [('nhibb', 'nhibb'), ('aevq', 'aevq')]
    """
    return [(text, text) for text in _draw(seed, n, held_out, min_length, max_length, alphabet)]


def reverse_task(
    seed, n, *, held_out=False, min_length=1, max_length=20, alphabet=string.ascii_lowercase
):
    """The strings of :func:`copy_task`, each with its reverse as the answer.

    The parameters are those of :func:`copy_task`.

    Examples
    --------
    >>> reverse_task(0, 2, max_length=5)
    [('nhibb', 'bbihn'), ('aevq', 'qvea')]
    """
    texts = _draw(seed, n, held_out, min_length, max_length, alphabet)
    return [(text, text[::-1]) for text in texts]


def is_held_out(text: str) -> bool:
    """Whether a string is held out from training; this is true of one string in sixteen."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < HELD_OUT_FRACTION * 2**64


def _draw(seed, n, held_out, min_length, max_length, alphabet):
    _check(n, min_length, max_length, alphabet)
    rng = np.random.default_rng(seed)
    found, seen, refused = [], set(), 0
    while len(found) < n:
        for text in _candidates(rng, n, min_length, max_length, alphabet):
            if is_held_out(text) != held_out or text in seen:
                refused += 1
                continue
            refused = 0
            found.append(text)
            if held_out:
                seen.add(text)
        if refused > MAX_REFUSED:
            raise ValueError(
                f"n must be at most the number of strings, got {n}: only {len(found)} "
                f"{'held-out' if held_out else 'training'} strings of length "
                f"{min_length} to {max_length} were found with the letters {alphabet!r}"
            )
    return found[:n]


def _candidates(rng, n, min_length, max_length, alphabet):
    """`n` strings with lengths in the given range."""
    lengths = rng.integers(min_length, max_length, size=n, endpoint=True)
    letters = "".join(alphabet[i] for i in rng.integers(len(alphabet), size=n * max_length))
    starts = range(0, n * max_length, max_length)
    return [letters[i : i + length] for i, length in zip(starts, lengths.tolist(), strict=True)]


def _check(n, min_length, max_length, alphabet):
    check_count("n", n, 0)
    check_count("min_length", min_length, 1)
    check_count("max_length", max_length, min_length)
    check_text(alphabet, "alphabet")
    if len(alphabet) < 2 or len(set(alphabet)) < len(alphabet):
        raise ValueError(f"alphabet must be two or more different letters, got {alphabet!r}")
