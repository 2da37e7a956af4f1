"""Examples for generative models: the target of every token is the next token."""

import hashlib

import numpy as np

from minitransformer.data.examples.examples import Batch, ExampleSet
from minitransformer.data.examples.foreign_arrays import host_array
from minitransformer.data.examples.reading import (
    check_range,
    check_rows,
    check_unpadded,
    id_sequence,
)
from minitransformer.data.tokenizers.tokenizer import PADDING

NO_TARGET = -1


class NextTokens(ExampleSet):
    """Pieces of id sequences; the target of each id is the next id.

    Padding is on the right, where no token attends to it under a causal mask. So a batch needs no
    padding mask. The targets of padding are -1, which the loss ignores.

    Parameters
    ----------
    ids : (N,) int array
        All sequences, one after the other; inputs and targets are both read from this array.
    starts, lengths : (n,) int arrays
        The input of a piece is ``ids[start : start + length]``, and its targets are
        ``ids[start + 1 : start + length + 1]``.
    window : int, optional
        The length of all windows but the last, if the pieces are the windows of one long sequence.
    """

    def __init__(self, ids, starts, lengths, window=None):
        self.ids, self.starts, self.lengths, self.window = ids, starts, lengths, window

    @classmethod
    def joined(cls, parts):
        """As :meth:`ExampleSet.joined`."""
        before = np.cumsum([0, *(len(part.ids) for part in parts[:-1])])
        starts = [part.starts + shift for part, shift in zip(parts, before, strict=True)]
        return cls(
            np.concatenate([part.ids for part in parts]),
            np.concatenate(starts),
            np.concatenate([part.lengths for part in parts]),
        )

    def batch(self, indices):
        """The pieces at `indices` as one :class:`Batch`, padded to the longest of them."""
        starts, lengths = self.starts[indices], self.lengths[indices]
        longest = int(lengths.max())
        # Clipped to valid positions; ids after the end of a piece are replaced with padding below.
        ids = self.ids.take(starts[:, None] + np.arange(longest + 1), mode="clip").astype(np.int64)
        inputs, targets = ids[:, :-1], ids[:, 1:]
        if lengths.min() < longest:
            inside = np.arange(longest) < lengths[:, None]
            inputs = np.where(inside, inputs, PADDING)
            targets = np.where(inside, targets, NO_TARGET)
        return Batch(inputs, None, targets)

    def weight(self, loss, indices=slice(None)):
        """The number of targets, by which the loss of the pieces at `indices` is divided."""
        return float(self.tokens(indices))

    def part(self, start, stop):
        """Pieces `start` to `stop` - 1."""
        return NextTokens(self.ids, self.starts[start:stop], self.lengths[start:stop], self.window)

    def fingerprint(self):
        """SHA-256 (hexadecimal) of the data, to check that a resumed run has the same data."""
        digest = hashlib.sha256()
        for array in (self.ids, self.starts, self.lengths):
            digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()

    def to_draw_from(self):
        """All windows, starting at any id, if the pieces are windows; otherwise the pieces."""
        if self.window is None or self.lengths[0] < self.window:
            return self
        first, stop = self.starts[0], self.starts[-1] + self.lengths[-1] + 1
        return AnyWindow(self.ids[first:stop], self.window)


class AnyWindow(NextTokens):
    """Every window of one long sequence: example k starts at id k.

    Parameters
    ----------
    ids : (N,) int array
        The sequence.
    window : int
        Number of tokens in a window, less than N.
    """

    def __init__(self, ids, window):
        n = len(ids) - window
        # broadcast_to: the same length for all windows, without using memory
        super().__init__(ids, np.arange(n), np.broadcast_to(np.int64(window), n), window)

    def draw(self, size, rng):
        """`size` windows, drawn uniformly with replacement."""
        return rng.integers(len(self), size=size)

    def fingerprint(self):
        """SHA-256 (hexadecimal) of the ids and the length of a window."""
        return hashlib.sha256(np.append(self.ids, self.window)).hexdigest()


def read_windows(x, vocab_size, window):
    """Check one long id sequence and cut it into windows that together predict all of it.

    Parameters
    ----------
    x : (N,) sequence of int
        The sequence, which must have at least 2 ids.
    vocab_size : int
        Ids are 0 to `vocab_size` - 1.
    window : int
        Number of input tokens in a window; the last window may be shorter.

    Returns
    -------
    NextTokens

    Raises
    ------
    TypeError, ValueError
        The message gives the place of the first fault.
    """
    ids = id_sequence("x", x)
    if len(ids) < 2:
        raise ValueError(f"x must contain at least 2 ids, an input and its target, got {len(ids)}")
    check_range("x", ids, None, vocab_size)
    starts = np.arange(0, len(ids) - 1, window)
    return NextTokens(ids, starts, np.minimum(window, len(ids) - 1 - starts), window)


def read_rows(name, x, vocab_size, max_ids, min_ids=2):
    """Check a list of id sequences.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    x : list of id sequences, or (n, T) int array
        The sequences. Every id is a token; an array that looks padded is refused.
    vocab_size : int
        Ids are 0 to `vocab_size` - 1.
    max_ids, min_ids : int
        Maximum and minimum number of ids in a sequence.

    Returns
    -------
    ids : (N,) int array
        All sequences, one after the other.
    lengths : (n,) int array
        Length of each sequence.

    Raises
    ------
    TypeError, ValueError
        The message gives the place of the first fault.
    """
    x = host_array(x)
    check_rows(name, x)
    check_unpadded(name, x)
    rows = [id_sequence(f"{name}[{i}]", row) for i, row in enumerate(x)]
    lengths = np.array([len(row) for row in rows])
    for i in np.flatnonzero(lengths < min_ids)[:1]:
        raise ValueError(f"{name}[{i}] has {lengths[i]} ids, at least {min_ids} are needed")
    for i in np.flatnonzero(lengths > max_ids)[:1]:
        raise ValueError(f"{name}[{i}] has {lengths[i]} ids, at most {max_ids} are allowed")
    ids = np.concatenate(rows).astype(np.int64)
    check_range(name, ids, lengths, vocab_size)
    return ids, lengths


def pieces_of(ids, lengths):
    """Whole sequences as :class:`NextTokens`: the input is every id but the last."""
    return NextTokens(ids, np.cumsum(lengths) - lengths, lengths - 1)
