"""Batches of sequences of different lengths, with as little padding as possible."""

from collections.abc import Sequence

import numpy as np

from minitransformer.checks import check_count, check_instance
from minitransformer.data.tokenizers.tokenizer import PADDING

POOL = 50
"""Number of batches in a pool of :func:`length_batches`; more mean less padding, less mixing."""
MAX_SEQUENCES = 512
"""Maximum number of sequences in a micro-batch; with more, finding the best cut takes longer."""
CALL_COST = 100
"""The fixed cost of computing a micro-batch, in tokens, according to a rough measurement."""


def pad(sequences: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Pad id sequences on the right to form one rectangular array.

    Parameters
    ----------
    sequences : list of B int arrays or lists
        The sequences, none of which may be empty.

    Returns
    -------
    ids : (B, T) int64 array
        T is the maximum length; 0 is padding.
    mask : (B, T) bool array
        True for tokens, False for padding.

    Raises
    ------
    TypeError
        If an id is not an integer.
    ValueError
        If there is no sequence, or a sequence is empty or not one-dimensional.
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("sequences is empty: there is nothing to pad")
    for i, array in enumerate(arrays):
        if array.ndim != 1 or array.size == 0:
            raise ValueError(
                f"sequences[{i}] must be a non-empty list of ids, got shape {array.shape}"
            )
        if not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"sequences[{i}] must contain integers, got {array.dtype}")
    lengths = np.array([len(array) for array in arrays])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, PADDING, dtype=np.int64)
    ids[mask] = np.concatenate(arrays)
    return ids, mask


def length_batches(lengths, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Batches of similar length in random order, every sequence in exactly one of them.

    All indices are shuffled and cut into pools of 50 batches. Within a pool, they are sorted by
    length and cut into batches. Then all batches are shuffled. So the sequences in a batch change
    from epoch to epoch, yet little padding is needed.

    Parameters
    ----------
    lengths : (n,) int array
        Length of each sequence, in tokens.
    batch_size : int
        Number of sequences in a batch; one batch may have fewer.
    rng : numpy.random.Generator
        The same state gives the same batches.

    Returns
    -------
    batches : list of int64 arrays
        Indices into `lengths`.
    """
    lengths = _checked_lengths(lengths)
    check_count("batch_size", batch_size)
    check_instance("rng", rng, np.random.Generator)
    order = rng.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), POOL * batch_size):
        pool = order[start : start + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def micro_batches(lengths, max_tokens: int) -> list[np.ndarray]:
    """Groups of similar length, each of at most `max_tokens` tokens when padded.

    The sequences are sorted by length and cut into groups so that the total cost is lowest. The
    cost of a group is its number of tokens, including padding, plus the fixed cost `CALL_COST`. For
    film reviews in batches of 32, this results in 5 % padding, compared with 10 % if each group is
    simply filled up.

    Parameters
    ----------
    lengths : (n,) int array
        Length of each sequence, in tokens.
    max_tokens : int
        Maximum number of tokens, including padding, in a group of more than one sequence. This is
        the number of sequences, at most `MAX_SEQUENCES`, times the maximum length. A sequence with
        more tokens is a group of its own.

    Returns
    -------
    groups : list of int64 arrays
        Indices into `lengths`, each in exactly one group, from the shortest to the longest.
    """
    lengths = _checked_lengths(lengths)
    check_count("max_tokens", max_tokens)
    order = np.argsort(lengths, kind="stable")
    ascending = lengths[order].tolist()
    # least[k] is the cost of the k shortest sequences; their last group starts at start[k].
    least, start = [0], [0]
    for stop, longest in enumerate(ascending, start=1):
        cost, best = least[stop - 1] + longest, stop - 1
        max_rows = min(max_tokens // max(longest, 1), MAX_SEQUENCES)
        for first in range(stop - 2, max(stop - max_rows, 0) - 1, -1):
            other = least[first] + (stop - first) * longest
            if other < cost:
                cost, best = other, first
        least.append(cost + CALL_COST)
        start.append(best)
    groups, stop = [], len(ascending)
    while stop:
        groups.append(order[start[stop] : stop])
        stop = start[stop]
    return groups[::-1]


def filled_groups(lengths, max_tokens: int) -> list[np.ndarray]:
    """As few groups of similar length as possible, each of at most `max_tokens` when padded.

    This is for a device, where the time for a group depends on the number of calls rather than on
    the number of tokens, so padding costs almost nothing.

    Parameters
    ----------
    lengths : (n, k) int array
        The lengths of each example's k sequences. Examples are sorted by the first length.
    max_tokens : int
        Maximum number of tokens, including padding, in a group of more than one example.

    Returns
    -------
    groups : list of int64 arrays
        Indices into `lengths`, each in exactly one group, from the shortest to the longest.
    """
    groups, group, longest = [], [], np.zeros(lengths.shape[1], np.int64)
    for i in np.lexsort(lengths.T[::-1]):
        longest = np.maximum(longest, lengths[i])
        if group and (len(group) + 1) * longest.sum() > max_tokens:
            groups.append(np.array(group))
            group, longest = [], lengths[i]
        group.append(i)
    return [*groups, np.array(group)]


def _checked_lengths(lengths) -> np.ndarray:
    lengths = np.asarray(lengths)
    if lengths.ndim != 1 or lengths.size == 0:
        raise ValueError(f"lengths must be a non-empty list of numbers, got shape {lengths.shape}")
    if not np.issubdtype(lengths.dtype, np.integer):
        raise TypeError(f"lengths must be integers, got {lengths.dtype}")
    if lengths.min() < 1:
        raise ValueError(f"lengths must be >= 1, got {lengths.min()}")
    return lengths


def windows(ids, size: int, stride: int) -> list[np.ndarray]:
    """Overlapping windows that together cover a long sequence.

    Parameters
    ----------
    ids : (T,) int array
        The sequence.
    size : int
        Number of tokens in a window; a shorter sequence is a single window.
    stride : int
        Number of tokens from the start of one window to the start of the next; at most `size`, so
        that no token is left out. The last window is moved back so that it is full.

    Returns
    -------
    pieces : list of arrays
        Views of `ids`.
    """
    ids = np.asarray(ids)
    if ids.ndim != 1 or ids.size == 0:
        raise ValueError(f"ids must be a non-empty list of ids, got shape {ids.shape}")
    check_count("size", size)
    if not 1 <= stride <= size:
        raise ValueError(f"stride must be in 1..size = {size}, got {stride}")
    if len(ids) <= size:
        return [ids]
    starts = [*range(0, len(ids) - size, stride), len(ids) - size]
    return [ids[start : start + size] for start in starts]
