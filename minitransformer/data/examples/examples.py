"""Examples, stored so that taking a batch is cheap."""

import hashlib
from typing import NamedTuple

import numpy as np

from minitransformer.data.examples.batching import filled_groups, length_batches, micro_batches, pad


class Batch(NamedTuple):
    """A batch of examples, padded to form one rectangular array.

    Attributes
    ----------
    ids : (B, T) int array
        Token ids; 0 is padding.
    mask : (B, T) bool array or None
        True for tokens, False for padding; None if there is no padding.
    targets : (B, ...) int array or None
        The values that the model is to predict.
    """

    ids: np.ndarray
    mask: np.ndarray | None
    targets: np.ndarray | None


class ExampleSet:
    """The base class of all examples, which cuts them into batches and micro-batches.

    Attributes
    ----------
    lengths : (n,) int array
        Length of each example, in tokens.
    """

    def __len__(self):
        return len(self.lengths)

    def batches(self, size, rng):
        """Batches of `size` examples of similar length, in random order: a list of index arrays."""
        return length_batches(self.lengths, size, rng)

    def tokens(self, indices):
        """Number of tokens in the examples at `indices`, without padding."""
        return int(self.lengths[indices].sum())

    def cut(self, indices, max_tokens, fill=False):
        """Cut the examples at `indices` into micro-batches of at most `max_tokens` tokens.

        `max_tokens` includes padding. The total cost is minimal; with `fill`, the number of
        micro-batches is minimal instead.

        Returns
        -------
        list of (int array, tuple)
            For each micro-batch, indices of examples, and the length to which these are padded.
        """
        lengths = self.lengths[indices]
        if fill:
            groups = filled_groups(lengths[:, None], max_tokens)
        else:
            groups = micro_batches(lengths, max_tokens)
        return [(indices[group], (int(lengths[group].max()),)) for group in groups]

    def to_draw_from(self):
        """The examples to draw from if a run is counted in steps; see :class:`NextTokens`."""
        return self


class Examples(ExampleSet):
    """Id sequences of any length with their targets.

    Parameters
    ----------
    ids : (N,) int array
        All sequences, one after the other.
    lengths : (n,) int array
        Length of each sequence.
    inside : (N,) bool array, optional
        False for ids to be masked out; by default, no id is.
    targets : (n, ...) array, optional
        The target of each sequence.
    """

    def __init__(self, ids, lengths, inside=None, targets=None):
        self.ids, self.lengths, self.inside, self.targets = ids, lengths, inside, targets
        self._ends = np.cumsum(lengths)

    def with_targets(self, targets):
        """The same sequences, with `targets`."""
        return type(self)(self.ids, self.lengths, self.inside, targets)

    def _spans(self, indices):
        return [(self._ends[i] - self.lengths[i], self._ends[i]) for i in indices]

    def batch(self, indices):
        """The examples at `indices` as one :class:`Batch`, padded to the longest of them."""
        spans = self._spans(indices)
        ids, mask = pad([self.ids[a:b] for a, b in spans])
        if self.inside is not None:
            mask[mask] = np.concatenate([self.inside[a:b] for a, b in spans])
        targets = None if self.targets is None else self.targets[indices]
        return Batch(ids, None if mask.all() else mask, targets)

    def weight(self, loss, indices=slice(None)):
        """The divisor of the loss of the examples at `indices`, by default all."""
        return loss.normaliser(self.targets[indices])

    def part(self, start, stop):
        """Examples `start` to `stop` - 1."""
        a = self._ends[start] - self.lengths[start]
        b = self._ends[stop - 1]
        return type(self)(
            self.ids[a:b],
            self.lengths[start:stop],
            None if self.inside is None else self.inside[a:b],
            None if self.targets is None else self.targets[start:stop],
        )

    def fingerprint(self):
        """SHA-256 (hexadecimal) of the data, to check that a resumed run has the same data."""
        digest = hashlib.sha256()
        for array in (self.ids, self.lengths, self.inside, self.targets):
            digest.update(b"none" if array is None else np.ascontiguousarray(array))
        return digest.hexdigest()
