"""Examples for encoder-decoder models: pairs of a source and a target sequence."""

import hashlib
from typing import NamedTuple

import numpy as np

from minitransformer.data.examples.batching import (
    CALL_COST,
    MAX_SEQUENCES,
    filled_groups,
    length_batches,
)
from minitransformer.data.examples.examples import Examples, ExampleSet
from minitransformer.data.examples.next_tokens import NextTokens, read_rows


class PairBatch(NamedTuple):
    """A batch of pairs; sources and targets are each padded to form a rectangular array.

    Attributes
    ----------
    ids : (B, S) int array
        The sources; 0 is padding.
    mask : (B, S) bool array or None
        True for tokens of the source, False for padding; None if there is no padding.
    inputs : (B, T) int array
        The input of the decoder: the start token, then the target. Padding is on the right, where
        no token attends to it under the causal mask.
    targets : (B, T) int array
        What the decoder is to predict: the target, then the end token; -1 is padding.
    """

    ids: np.ndarray
    mask: np.ndarray | None
    inputs: np.ndarray
    targets: np.ndarray


class Pairs(ExampleSet):
    """Source sequences, each with its target.

    Parameters
    ----------
    sources : Examples
        The n sources.
    targets : NextTokens
        The n targets, each with its start and end tokens.
    """

    def __init__(self, sources, targets):
        self.sources, self.targets = sources, targets
        self.lengths = sources.lengths + targets.lengths

    @classmethod
    def joined(cls, parts):
        """As :meth:`ExampleSet.joined`."""
        sources = Examples.joined([part.sources for part in parts])
        return cls(sources, NextTokens.joined([part.targets for part in parts]))

    def batch(self, indices):
        """The pairs at `indices` as one :class:`PairBatch`; each array fits its longest row."""
        source, target = self.sources.batch(indices), self.targets.batch(indices)
        return PairBatch(source.ids, source.mask, target.ids, target.targets)

    def batches(self, size, rng):
        """Batches of pairs of similar lengths, in random order: a list of index arrays."""
        # Sorted by target length, which determines most of the work, then by source length.
        key = self.targets.lengths * (int(self.sources.lengths.max()) + 1) + self.sources.lengths
        return length_batches(key, size, rng)

    def cut(self, indices, max_tokens, fill=False):
        """As :meth:`ExampleSet.cut`; the tokens of sources and targets are added."""
        S, T = self.sources.lengths[indices], self.targets.lengths[indices]
        if fill:
            groups = filled_groups(np.stack([T, S], axis=1), max_tokens)
        else:
            groups = micro_batches_of_pairs(S, T, max_tokens)
        return [(indices[g], (int(S[g].max()), int(T[g].max()))) for g in groups]

    def weight(self, loss, indices=slice(None)):
        """The number of target tokens, including end tokens, by which the loss is divided."""
        return self.targets.weight(loss, indices)

    def part(self, start, stop):
        """Pairs `start` to `stop` - 1."""
        return Pairs(self.sources.part(start, stop), self.targets.part(start, stop))

    def fingerprint(self):
        """SHA-256 (hexadecimal) of the data, to check that a resumed run has the same data."""
        both = self.sources.fingerprint() + self.targets.fingerprint()
        return hashlib.sha256(both.encode()).hexdigest()


def micro_batches_of_pairs(source_lengths, target_lengths, max_tokens):
    """Groups of pairs of similar lengths, each of at most `max_tokens` when both are padded.

    This is :func:`~minitransformer.data.examples.batching.micro_batches` for two lengths: the pairs
    are sorted by target length, then by source length, and cut so that the total cost is lowest.

    Parameters
    ----------
    source_lengths, target_lengths : (n,) int arrays
        Lengths of the two sequences of each pair, in tokens.
    max_tokens : int
        Maximum number of tokens, including padding, in a group. A pair with more tokens is a group
        of its own.

    Returns
    -------
    list of int arrays
        Indices of pairs, each in exactly one group.
    """
    order = np.lexsort((source_lengths, target_lengths))
    S, T = source_lengths[order].tolist(), target_lengths[order].tolist()
    # least[k] is the cost of the first k pairs; their last group starts at start[k].
    least, start = [0], [0]
    for stop in range(1, len(order) + 1):
        longest, T_last = S[stop - 1], T[stop - 1]
        cost, best = least[stop - 1] + longest + T_last, stop - 1
        for first in range(stop - 2, max(stop - MAX_SEQUENCES, 0) - 1, -1):
            longest = max(longest, S[first])
            tokens = (stop - first) * (longest + T_last)
            if tokens > max_tokens:
                break
            if least[first] + tokens < cost:
                cost, best = least[first] + tokens, first
        least.append(cost + CALL_COST)
        start.append(best)
    groups, stop = [], len(order)
    while stop:
        groups.append(order[start[stop] : stop])
        stop = start[stop]
    return groups[::-1]


def read_pairs(sources, targets, sizes, max_len, start_id, end_id):
    """Check source and target sequences.

    Parameters
    ----------
    sources, targets : lists of n id sequences
        The sequences, without start and end tokens. A target may be empty.
    sizes : (int, int)
        Sizes of the two vocabularies.
    max_len : int
        Maximum number of tokens of a source, and of a target with its start or end token.
    start_id : int
        The id to put before each target.
    end_id : int or None
        The id to put after each target; None if the targets are beginnings, to be continued.

    Returns
    -------
    Pairs

    Raises
    ------
    TypeError, ValueError
        The message gives the place of the first fault.
    """
    ids, lengths = read_rows("source", sources, sizes[0], max_len, 1)
    own, n = read_rows("target", targets, sizes[1], max_len - 1, 0)
    if len(lengths) != len(n):
        raise ValueError(
            f"source and target must have the same number of sequences, "
            f"got {len(lengths)} and {len(n)}"
        )
    ends = 1 if end_id is None else 2
    framed = np.full(len(own) + ends * len(n), end_id or 0, np.int64)
    starts = np.cumsum(n + ends) - (n + ends)
    framed[starts] = start_id
    places = np.repeat(starts + 1 - (np.cumsum(n) - n), n) + np.arange(len(own))
    framed[places] = own
    return Pairs(Examples(ids, lengths), NextTokens(framed, starts, n + 1))
