"""Copying and reversing strings of letters: tasks whose right answer is known exactly.

Whether a string is held out is decided by the string alone, through a hash. So training can draw
strings for ever, from any seed, and never meets one of those that it will be judged on.
"""

import hashlib
import string

import numpy as np

from minitransformer.checks import check_count

HELD_OUT_SHARE = 1 / 16
MAX_REFUSED = 10_000  # draws in a row that give nothing new: there is nothing left to draw


def copy_task(
    seed, n, *, held_out=False, min_length=1, max_length=20, alphabet=string.ascii_lowercase
):
    """Strings of random letters, each with itself as the answer.

    Parameters
    ----------
    seed : int or sequence of int
        The same seed gives the same strings; ``[seed, step]`` gives a batch for each step.
    n : int
        Number of pairs.
    held_out : bool
        Draw from the strings that are kept from training (one in sixteen of all), no one twice.
        Without it, from all others.
    min_length, max_length : int
        Lengths are drawn evenly from these and all between.
    alphabet : str
        Letters to draw from, at least two, none twice.

    Returns
    -------
    pairs : list of n (str, str)
        Source and target.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, or there are not so many held-out strings.

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

    Examples
    --------
    >>> reverse_task(0, 2, max_length=5)
    [('nhibb', 'bbihn'), ('aevq', 'qvea')]
    """
    texts = _draw(seed, n, held_out, min_length, max_length, alphabet)
    return [(text, text[::-1]) for text in texts]


def is_held_out(text: str) -> bool:
    """Whether a string is kept from training: for one in sixteen of all strings."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < HELD_OUT_SHARE * 2**64


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
                f"n = {n} strings were asked for, but only {len(found)} "
                f"{'held-out' if held_out else 'training'} ones were found of length "
                f"{min_length} to {max_length} with the letters {alphabet!r}"
            )
    return found[:n]


def _candidates(rng, n, min_length, max_length, alphabet):
    """Some strings, of the lengths asked for."""
    lengths = rng.integers(min_length, max_length, size=n, endpoint=True)
    letters = "".join(alphabet[i] for i in rng.integers(len(alphabet), size=n * max_length))
    starts = range(0, n * max_length, max_length)
    return [letters[i : i + length] for i, length in zip(starts, lengths.tolist(), strict=True)]


def _check(n, min_length, max_length, alphabet):
    check_count("n", n, 0)
    check_count("min_length", min_length, 1)
    check_count("max_length", max_length, min_length)
    if not isinstance(alphabet, str):
        raise TypeError(f"alphabet must be a string, not {type(alphabet).__name__}")
    if len(alphabet) < 2 or len(set(alphabet)) < len(alphabet):
        raise ValueError(f"alphabet must be at least two letters, none twice, not {alphabet!r}")
