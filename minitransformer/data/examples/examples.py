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
    weights : (B,) float64 array or None
        Weight of each example in the loss; None if all have the weight 1.
    """

    ids: np.ndarray
    mask: np.ndarray | None
    targets: np.ndarray | None
    weights: np.ndarray | None = None


class ExampleSet:
    """The base class of all examples, which cuts them into batches and micro-batches.

    Attributes
    ----------
    lengths : (n,) int array
        Length of each example, in tokens.
    """

    def __len__(self):
        return len(self.lengths)

    @classmethod
    def joined(cls, parts):
        """The examples of all `parts`, a list of sets of this class, one after the other."""
        raise TypeError(f"{cls.__name__} cannot be joined: give all examples at once, not batches")

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
    weights : (n,) float64 array, optional
        The weight of each sequence in the loss.
    """

    def __init__(self, ids, lengths, inside=None, targets=None, weights=None):
        self.ids, self.lengths, self.inside = ids, lengths, inside
        self.targets, self.weights = targets, weights
        self._ends = np.cumsum(lengths)

    @classmethod
    def joined(cls, parts):
        """As :meth:`ExampleSet.joined`; a part without weights has the weights 1."""

        def all_of(name, default=None):
            arrays = [getattr(part, name) for part in parts]
            if all(array is None for array in arrays):
                return None
            pairs = zip(arrays, parts, strict=True)
            return np.concatenate([default(p) if a is None else a for a, p in pairs])

        return cls(
            all_of("ids"),
            all_of("lengths"),
            all_of("inside", lambda part: np.ones(len(part.ids), bool)),
            all_of("targets"),
            all_of("weights", lambda part: np.ones(len(part))),
        )

    def with_targets(self, targets, weights=None):
        """The same sequences, with `targets` and, if given, `weights`."""
        return type(self)(self.ids, self.lengths, self.inside, targets, weights)

    def _spans(self, indices):
        return [(self._ends[i] - self.lengths[i], self._ends[i]) for i in indices]

    def batch(self, indices):
        """The examples at `indices` as one :class:`Batch`, padded to the longest of them."""
        spans = self._spans(indices)
        ids, mask = pad([self.ids[a:b] for a, b in spans])
        if self.inside is not None:
            mask[mask] = np.concatenate([self.inside[a:b] for a, b in spans])
        targets = None if self.targets is None else self.targets[indices]
        weights = None if self.weights is None else self.weights[indices]
        return Batch(ids, None if mask.all() else mask, targets, weights)

    def weight(self, loss, indices=slice(None)):
        """The divisor of the loss of the examples at `indices`, by default all."""
        if self.weights is None:
            return loss.normaliser(self.targets[indices])
        return loss.normaliser(self.targets[indices], self.weights[indices])

    def part(self, start, stop):
        """Examples `start` to `stop` - 1."""
        a = self._ends[start] - self.lengths[start]
        b = self._ends[stop - 1]
        return type(self)(
            self.ids[a:b],
            self.lengths[start:stop],
            None if self.inside is None else self.inside[a:b],
            None if self.targets is None else self.targets[start:stop],
            None if self.weights is None else self.weights[start:stop],
        )

    def fingerprint(self):
        """SHA-256 (hexadecimal) of the data, to check that a resumed run has the same data."""
        digest = hashlib.sha256()
        for array in (self.ids, self.lengths, self.inside, self.targets):
            digest.update(b"none" if array is None else np.ascontiguousarray(array))
        if self.weights is not None:
            digest.update(np.ascontiguousarray(self.weights))
        return digest.hexdigest()
