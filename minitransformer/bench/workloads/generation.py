"""Text out of a decoder, token by token."""

from dataclasses import dataclass

import numpy as np

from minitransformer.bench.workloads.case import SEED
from minitransformer.bench.workloads.language_model import GPTCase


@dataclass(frozen=True)
class GenerationCase(GPTCase):
    """One text is gone on with, always by the most probable token.

    Attributes
    ----------
    prompt, written : int
        Tokens that are given, and that follow.
    """

    prompt: int = 32
    written: int = 64

    kind = "generation"
    work = "a prompt read and gone on with"

    def tokens(self):
        return self.written

    def flops(self):
        length = self.prompt + self.written - 1  # nobody reads the last one
        return self.forward_flops(length, length * (length + 1) / 2, self.written)


def prompts(case):
    """An int array for each batch."""
    rng = np.random.default_rng(SEED)
    return [rng.integers(0, case.vocab_size, case.prompt) for _ in range(case.batches)]


def generation(dropout=None):
    """GPT-2's smallest model."""
    if dropout:
        raise ValueError(f"nothing is dropped in generation: leave out --dropout, got {dropout}")
    return [
        GenerationCase(
            "GPT-2's shape, 64 tokens after 32", 0.0, batches=1, repeats=7, vocab_size=50_257,
            max_len=1024, d_model=768, n_heads=12, n_layers=12, bias=True, activation="gelu_tanh",
        )
    ]  # fmt: skip
