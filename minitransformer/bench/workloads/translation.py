"""Training steps of an encoder-decoder on pairs of sentences."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minitransformer.bench.workloads.case import SEED, Case, block_flops

START, END, FIRST_WORD = 1, 2, 3
LABEL_SMOOTHING = 0.1


@dataclass(frozen=True)
class TranslationCase(Case):
    """The model of Vaswani et al., trained with Adam: post-norm, one table for embeddings and head.

    Attributes
    ----------
    pairs : int
        B, the number of pairs of sentences per step.
    shortest, longest : int
        Bounds on the length of a source, and on that of a target including its start token.
    vocab_size, d_model, n_heads, d_ff, n_layers : int
        The sizes V, D, H and F, and the number of blocks in each stack, N.
    """

    pairs: int = 32
    shortest: int = 20
    longest: int = 32
    vocab_size: int = 8_000
    d_model: int = 256
    n_heads: int = 8
    d_ff: int = 1024
    n_layers: int = 2

    kind = "translation"

    @property
    def sizes(self):
        """The sizes of the model, as a dict of its arguments."""
        names = "vocab_size d_model n_heads d_ff n_layers dropout".split()
        return {"max_len": self.longest} | {name: getattr(self, name) for name in names}

    @property
    def unequal(self):
        return self.shortest < self.longest

    def _lengths(self):
        """Lengths of all sources, and of all targets with their start token: int arrays (n,)."""
        batches = sentences(self)
        sources = [len(ids) for batch in batches for ids in batch.sources]
        targets = [len(ids) + 1 for batch in batches for ids in batch.targets]
        return np.array(sources), np.array(targets)

    def tokens(self):
        S, T = self._lengths()
        return float((S + T).sum()) / self.batches

    def flops(self):
        (S, T), D, F = self._lengths(), self.d_model, self.d_ff
        encoder = block_flops(S, S * S, D, F)
        # Cross-attention adds two maps of the target's tokens, and two maps of the source's tokens.
        decoder = block_flops(T, T * (T + 1) / 2 + T * S, D, F, 6) + 2 * S * 2 * D * D
        forward = self.n_layers * (encoder + decoder) + 2 * T * D * self.vocab_size
        return 3 * float(forward.sum()) / self.batches


class Sentences(NamedTuple):
    """B sources and B targets: lists of int arrays, without start and end tokens."""

    sources: list
    targets: list


def sentences(case):
    """The batches of a case, which are the same in every process."""
    rng = np.random.default_rng(SEED)

    def draw(specials):
        lengths = rng.integers(case.shortest, case.longest, case.pairs, endpoint=True) - specials
        return [rng.integers(FIRST_WORD, case.vocab_size, length) for length in lengths]

    return [Sentences(draw(0), draw(1)) for _ in range(case.batches)]


def padded(sequences, length=None, filler=0):
    """The sequences as an int array (B, T), padded with `filler`; T is `length` or the longest."""
    ids = np.full((len(sequences), length or max(map(len, sequences))), filler)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return ids


def translation(dropout=None):
    """A small model for sentences like image captions, with and without dropout."""
    return [
        TranslationCase("2 + 2 blocks, d_model 256, 32 pairs", p)
        for p in ((0.1, 0.0) if dropout is None else (dropout,))
    ]
