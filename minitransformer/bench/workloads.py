"""What is measured: the shapes of the work, and data of these shapes, the same for every side."""

import math
from dataclasses import dataclass, replace

import numpy as np

N_CLASSES, SEED = 2, 0
SHORTEST, MEDIAN_LENGTH, SPREAD = 10, 174, 0.75


@dataclass(frozen=True)
class Case:
    """One row of a benchmark: training steps of the classifier, float32, Adam.

    Attributes
    ----------
    name : str
    dropout : float
        Of the embeddings, the attention weights and both residual branches.
    texts : int
        B, sequences in a step.
    max_len : int
        T, tokens of the longest sequence.
    varied : bool
        Lengths are lognormal, as those of film reviews are, and clipped to 10..T; otherwise every
        sequence has T tokens.
    padded : bool
        Every sequence is padded to T on every side, and padding costs as much as tokens do.
    batches : int
        Different batches, taken in turn.
    repeats : int
        Steps that are timed, where nothing else is asked for.
    vocab_size, d_model, n_heads, d_ff, n_layers : int
        V, D, H, F and N.
    """

    name: str
    dropout: float
    texts: int = 32
    max_len: int = 256
    varied: bool = True
    padded: bool = False
    batches: int = 4
    repeats: int = 12
    vocab_size: int = 20_000
    d_model: int = 128
    n_heads: int = 4
    d_ff: int = 512
    n_layers: int = 2

    @property
    def sizes(self):
        """The arguments that give the model its shape."""
        names = "vocab_size max_len d_model n_heads d_ff n_layers dropout".split()
        return {name: getattr(self, name) for name in names}


class Batch:
    """Sequences and their classes.

    Attributes
    ----------
    sequences : list of (T_i,) int64 arrays
    labels : (B,) int64 array
    """

    def __init__(self, sequences, labels):
        self.sequences, self.labels = sequences, labels

    @property
    def lengths(self):
        """(B,) int array"""
        return np.array([len(ids) for ids in self.sequences])

    def padded(self, length=None):
        """ids (B, T) with 0 for padding, mask (B, T); T is the longest, or `length`."""
        lengths = self.lengths
        mask = np.arange(length or lengths.max()) < lengths[:, None]
        ids = np.zeros(mask.shape, np.int64)
        ids[mask] = np.concatenate(self.sequences)
        return ids, mask


def batches(case):
    """The batches of a case; the same in every process."""
    rng = np.random.default_rng(SEED)
    return [_batch(case, rng) for _ in range(case.batches)]


def _batch(case, rng):
    lengths = np.full(case.texts, case.max_len)
    if case.varied:
        drawn = rng.lognormal(math.log(MEDIAN_LENGTH), SPREAD, case.texts)
        lengths = drawn.clip(min(SHORTEST, case.max_len), case.max_len).astype(int)
    sequences = [rng.integers(1, case.vocab_size, length) for length in lengths]
    return Batch(sequences, rng.integers(0, N_CLASSES, case.texts))


def flops(case):
    """Operations of the matrix products of a step, the mean over the batches.

    A product (m, k) x (k, n) is 2 m k n operations; the backward pass takes two products for each
    of the forward pass. Padding counts only where the case says that it is computed. What an
    implementation computes twice to save memory counts once.
    """
    if case.padded:
        lengths = np.full(case.texts * case.batches, case.max_len)
    else:
        lengths = np.concatenate([batch.lengths for batch in batches(case)])
    D, F = case.d_model, case.d_ff
    tokens = 2 * lengths * (4 * D * D + 2 * D * F)  # Q, K, V, output; both maps of the network
    pairs = 2 * 2 * lengths**2 * D  # scores, and weights times values
    return 3 * case.n_layers * float((tokens + pairs).sum()) / case.batches


DROPOUTS = (0.1, 0.0)


def classifier(dropout=None):
    """The classifier on texts of film-review length, with and without dropout."""
    return [
        Case(name, p, padded=padded)
        for p in (DROPOUTS if dropout is None else (dropout,))
        for name, padded in (("as each would be run", False), ("padded alike", True))
    ]


LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096)
COUNTS = (16, 32, 64, 128)


def attention(dropout=None):
    """The same model on longer and longer texts, then on more and more of them."""
    p = DROPOUTS[0] if dropout is None else dropout
    base = Case("", p, texts=8, varied=False, batches=1, repeats=3)
    shapes = [(8, length) for length in LENGTHS] + [(count, 256) for count in COUNTS]
    return [
        replace(base, name=f"{texts} texts of {length:,} tokens", texts=texts, max_len=length)
        for texts, length in shapes
    ]


WORKLOADS = {"classifier": classifier, "attention": attention}
"""The cases of each workload, as functions of the dropout asked for (None: the usual ones)."""
