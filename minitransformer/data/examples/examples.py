"""Examples, kept so that a batch is cheap to cut out."""

import hashlib
from typing import NamedTuple

import numpy as np

from minitransformer.data.examples.batching import filled_groups, length_batches, micro_batches, pad


class Batch(NamedTuple):
    """A rectangular piece of the examples.

    Attributes
    ----------
    ids : (B, T) int array
        0 where there is padding.
    mask : (B, T) bool array or None
        True where a token stands; None when there is no padding at all.
    targets : (B, ...) int array or None
    """

    ids: np.ndarray
    mask: np.ndarray | None
    targets: np.ndarray | None


class ExampleSet:
    """What all examples share: how they are cut into batches and micro-batches.

    Attributes
    ----------
    lengths : (n,) int array
        Length of each example, in tokens.
    """

    def __len__(self):
        return len(self.lengths)

    def batches(self, size, rng):
        """Batches of `size` examples of similar length, in random order: a list of indices."""
        return length_batches(self.lengths, size, rng)

    def tokens(self, indices):
        """Tokens of the examples `indices`, without padding."""
        return int(self.lengths[indices].sum())

    def cut(self, indices, most, fill=False):
        """The examples `indices` in micro-batches of at most `most` tokens, padding included.

        Where it costs the least padding, or, to `fill` them, in as few as there can be.

        Returns
        -------
        list of (int array, tuple)
            Indices, and the lengths to which they are padded.
        """
        lengths = self.lengths[indices]
        groups = filled_groups(lengths[:, None], most) if fill else micro_batches(lengths, most)
        return [(indices[group], (int(lengths[group].max()),)) for group in groups]

    def to_draw_from(self):
        """The examples from which a run that counts steps draws; see :mod:`windows`."""
        return self


class Examples(ExampleSet):
    """Id sequences of any length with their targets.

    Parameters
    ----------
    ids : (N,) int array
        All sequences, one after the other.
    lengths : (n,) int array
        Length of each.
    inside : (N,) bool array, optional
        False at ids that are to be masked out; all count by default.
    targets : (n, ...) array, optional
    """

    def __init__(self, ids, lengths, inside=None, targets=None):
        self.ids, self.lengths, self.inside, self.targets = ids, lengths, inside, targets
        self._ends = np.cumsum(lengths)

    def with_targets(self, targets):
        """The same sequences with `targets`."""
        return type(self)(self.ids, self.lengths, self.inside, targets)

    def _spans(self, indices):
        return [(self._ends[i] - self.lengths[i], self._ends[i]) for i in indices]

    def batch(self, indices):
        """The examples `indices` as one :class:`Batch`, padded to the longest of them."""
        spans = self._spans(indices)
        ids, mask = pad([self.ids[a:b] for a, b in spans])
        if self.inside is not None:
            mask[mask] = np.concatenate([self.inside[a:b] for a, b in spans])
        targets = None if self.targets is None else self.targets[indices]
        return Batch(ids, None if mask.all() else mask, targets)

    def weight(self, loss, indices=slice(None)):
        """What the loss of the examples `indices`, all by default, is a mean over."""
        return loss.normaliser(self.targets[indices])

    def part(self, start, stop):
        """Examples `start` to before `stop`."""
        a = self._ends[start] - self.lengths[start]
        b = self._ends[stop - 1]
        return type(self)(
            self.ids[a:b],
            self.lengths[start:stop],
            None if self.inside is None else self.inside[a:b],
            None if self.targets is None else self.targets[start:stop],
        )

    def fingerprint(self):
        """SHA-256 (hexadecimal) of everything: whether a resumed run has the same data."""
        digest = hashlib.sha256()
        for array in (self.ids, self.lengths, self.inside, self.targets):
            digest.update(b"none" if array is None else np.ascontiguousarray(array))
        return digest.hexdigest()
