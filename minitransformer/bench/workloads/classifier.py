"""Training steps of the classifier, on texts as long as film reviews and on longer texts."""

import math
from dataclasses import dataclass, replace

import numpy as np

from minitransformer.bench.workloads.case import SEED, Case, block_flops

N_CLASSES = 2
SHORTEST, MEDIAN_LENGTH, SPREAD = 10, 174, 0.75


@dataclass(frozen=True)
class ClassifierCase(Case):
    """Training steps of the classifier with Adam. Dropout is also applied to the embeddings.

    Attributes
    ----------
    texts : int
        B, the number of sequences per step.
    max_len : int
        T, the length of the longest sequence.
    varied : bool
        If True, lengths have a lognormal distribution, like those of film reviews, and are clipped
        to 10..T. If False, every sequence has T tokens.
    padded : bool
        If True, both sides pad every sequence to T, and padding costs as much as tokens.
    vocab_size, d_model, n_heads, d_ff, n_layers : int
        The sizes V, D, H, F and N of the model.
    """

    texts: int = 32
    max_len: int = 256
    varied: bool = True
    padded: bool = False
    vocab_size: int = 20_000
    d_model: int = 128
    n_heads: int = 4
    d_ff: int = 512
    n_layers: int = 2

    kind = "classifier"

    @property
    def sizes(self):
        """The sizes of the model, as a dict of its arguments."""
        names = "vocab_size max_len d_model n_heads d_ff n_layers dropout".split()
        return {name: getattr(self, name) for name in names}

    @property
    def unequal(self):
        return self.varied and not self.padded

    def _lengths(self):
        """Lengths of all sequences of all batches, an int array (n,); all are T if padded."""
        if self.padded:
            return np.full(self.texts * self.batches, self.max_len)
        return np.concatenate([batch.lengths for batch in batches(self)])

    def tokens(self):
        return float(sum(batch.lengths.sum() for batch in batches(self))) / self.batches

    def flops(self):
        """As for any case, except that operations on padding are counted if `padded` is True."""
        lengths = self._lengths()
        block = block_flops(lengths, lengths**2, self.d_model, self.d_ff)
        return 3 * self.n_layers * float(block.sum()) / self.batches

    def times_as_large(self, other):
        """Memory for attention weights, proportional to B T^2, divided by that of another case."""
        return self.texts * self.max_len**2 / (other.texts * other.max_len**2)


class Batch:
    """Sequences and their classes.

    Attributes
    ----------
    sequences : list of (T_i,) int64 arrays
        The token ids of each sequence.
    labels : (B,) int64 array
        The class of each sequence.
    """

    def __init__(self, sequences, labels):
        self.sequences, self.labels = sequences, labels

    @property
    def lengths(self):
        """Lengths of the sequences, an int array (B,)."""
        return np.array([len(ids) for ids in self.sequences])

    def padded(self, length=None):
        """ids (B, T) with 0 as padding, and mask (B, T); T is `length`, or the longest sequence."""
        lengths = self.lengths
        mask = np.arange(length or lengths.max()) < lengths[:, None]
        ids = np.zeros(mask.shape, np.int64)
        ids[mask] = np.concatenate(self.sequences)
        return ids, mask


def batches(case):
    """The batches of a case, which are the same in every process."""
    rng = np.random.default_rng(SEED)
    return [_batch(case, rng) for _ in range(case.batches)]


def _batch(case, rng):
    lengths = np.full(case.texts, case.max_len)
    if case.varied:
        drawn = rng.lognormal(math.log(MEDIAN_LENGTH), SPREAD, case.texts)
        lengths = drawn.clip(min(SHORTEST, case.max_len), case.max_len).astype(int)
    sequences = [rng.integers(1, case.vocab_size, length) for length in lengths]
    return Batch(sequences, rng.integers(0, N_CLASSES, case.texts))


DROPOUTS = (0.1, 0.0)


def classifier(dropout=None):
    """The classifier on texts as long as film reviews, with and without dropout."""
    return [
        ClassifierCase(name, p, padded=padded)
        for p in (DROPOUTS if dropout is None else (dropout,))
        for name, padded in (("as each would be run", False), ("padded alike", True))
    ]


LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096)
COUNTS = (16, 32, 64, 128)


def attention(dropout=None):
    """The same model on texts of increasing length, then on an increasing number of texts."""
    p = DROPOUTS[0] if dropout is None else dropout
    base = ClassifierCase("", p, texts=8, varied=False, batches=1, repeats=3)
    shapes = [(8, length) for length in LENGTHS] + [(count, 256) for count in COUNTS]
    return [
        replace(base, name=f"{texts} texts of {length:,} tokens", texts=texts, max_len=length)
        for texts, length in shapes
    ]
