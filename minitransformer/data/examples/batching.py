"""Batches of sequences of different lengths, with as little padding as may be."""

from collections.abc import Sequence

import numpy as np

from minitransformer.data.tokenizers.vocabulary import PADDING

POOL = 50
"""Batches among which :func:`length_batches` sorts: more means less padding and less mixing."""
MOST = 512
"""Most sequences in a micro-batch: more gain nothing, and finding the best cut would take long."""
CALLS = 100
"""What the calls for a micro-batch cost, in tokens; measured, roughly."""


def pad(sequences: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Id sequences as one rectangular array, filled up with padding on the right.

    Parameters
    ----------
    sequences : list of B int arrays or lists
        None of them empty.

    Returns
    -------
    ids : (B, T) int64 array
        T is the greatest length; 0 is padding.
    mask : (B, T) bool array
        True where a token stands.

    Raises
    ------
    TypeError
        If an id is not an integer.
    ValueError
        If there is no sequence, or one is empty or not one-dimensional.
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("sequences is empty: there is nothing to pad")
    for i, array in enumerate(arrays):
        if array.ndim != 1 or array.size == 0:
            raise ValueError(
                f"sequences[{i}] must be a non-empty list of ids, but its shape is {array.shape}"
            )
        if not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"ids must be integers, but sequences[{i}] is of {array.dtype}")
    lengths = np.array([len(array) for array in arrays])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, PADDING, dtype=np.int64)
    ids[mask] = np.concatenate(arrays)
    return ids, mask


def length_batches(lengths, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Batches of similar length in random order, every sequence in exactly one of them.

    All indices are shuffled and cut into pools of 50 batches; within a pool they are sorted by
    length and cut into batches; then the batches are shuffled. Which sequences meet in a batch
    is therefore random from one epoch to the next, yet little padding is needed.

    Parameters
    ----------
    lengths : (n,) int array
        Length of each sequence, in tokens.
    batch_size : int
        Sequences in a batch; one batch holds what is left over.
    rng : numpy.random.Generator
        The same state gives the same batches.

    Returns
    -------
    batches : list of int64 arrays
        Indices into `lengths`.
    """
    lengths = _checked_lengths(lengths)
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, not {type(rng).__name__}")
    order = rng.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), POOL * batch_size):
        pool = order[start : start + POOL * batch_size]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def micro_batches(lengths, max_tokens: int) -> list[np.ndarray]:
    """Groups of similar length, each of at most `max_tokens` tokens when padded.

    Of all ways to cut the sequences, sorted by length, into groups, the one that computes the
    least: the sum over the groups of its tokens, padding included, and of `CALLS`, what a group
    costs besides. Film reviews in batches of 32 so carry 5 % of padding in place of 10 % when
    each group is simply filled up.

    Parameters
    ----------
    lengths : (n,) int array
        Length of each sequence, in tokens.
    max_tokens : int
        Most tokens, padding included, in a group of more than one sequence: its number of
        sequences, at most `MOST`, times its greatest length. A longer sequence stands alone.

    Returns
    -------
    groups : list of int64 arrays
        Indices into `lengths`, each in exactly one group, from the shortest to the longest.
    """
    lengths = _checked_lengths(lengths)
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, not {max_tokens}")
    order = np.argsort(lengths, kind="stable")
    ascending = lengths[order].tolist()
    # least[k] is the cost of the k shortest; their last group begins at start[k].
    least, start = [0], [0]
    for stop, longest in enumerate(ascending, start=1):
        cost, begin = least[stop - 1] + longest, stop - 1
        most = min(max_tokens // max(longest, 1), MOST)
        for first in range(stop - 2, max(stop - most, 0) - 1, -1):
            other = least[first] + (stop - first) * longest
            if other < cost:
                cost, begin = other, first
        least.append(cost + CALLS)
        start.append(begin)
    groups, stop = [], len(ascending)
    while stop:
        groups.append(order[start[stop] : stop])
        stop = start[stop]
    return groups[::-1]


def filled_groups(lengths, max_tokens: int) -> list[np.ndarray]:
    """As few groups of similar length as fit: each filled up to `max_tokens` tokens when padded.

    For a device, where a group costs the time of its calls, and padding next to nothing.

    Parameters
    ----------
    lengths : (n, k) int array
        Of each example the lengths of its k sequences; the first sorts them.
    max_tokens : int
        Most tokens, padding included, in a group of more than one example.

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
        raise ValueError(
            f"lengths must be a non-empty list of numbers, but its shape is {lengths.shape}"
        )
    if not np.issubdtype(lengths.dtype, np.integer):
        raise TypeError(f"lengths must be integers, but their dtype is {lengths.dtype}")
    if lengths.min() < 1:
        raise ValueError(f"lengths must be at least 1, but one is {lengths.min()}")
    return lengths


def windows(ids, size: int, stride: int) -> list[np.ndarray]:
    """Overlapping pieces of a long sequence that together hold every token of it.

    Parameters
    ----------
    ids : (T,) int array
    size : int
        Tokens in a window; a shorter sequence is one window.
    stride : int
        Tokens from one window's start to the next; at most `size`, so that none is left out.
        The last window moves back until it is full.

    Returns
    -------
    pieces : list of arrays
        Views of `ids`.
    """
    ids = np.asarray(ids)
    if ids.ndim != 1 or ids.size == 0:
        raise ValueError(f"ids must be a non-empty list of ids, but its shape is {ids.shape}")
    if size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    if not 1 <= stride <= size:
        raise ValueError(f"stride must lie in 1..size = {size}, not {stride}")
    if len(ids) <= size:
        return [ids]
    starts = [*range(0, len(ids) - size, stride), len(ids) - size]
    return [ids[start : start + size] for start in starts]
