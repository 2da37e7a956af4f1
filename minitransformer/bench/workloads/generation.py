"""Text generation with a decoder, token by token."""

from dataclasses import dataclass

import numpy as np

from minitransformer.bench.workloads.case import SEED
from minitransformer.bench.workloads.language_model import GPTCase


@dataclass(frozen=True)
class GenerationCase(GPTCase):
    """Generation: one prompt is continued greedily, always with the most probable token.

    Attributes
    ----------
    prompt, written : int
        Number of tokens in the prompt, and number of tokens to generate.
    """

    prompt: int = 32
    written: int = 64

    kind = "generation"
    work = "a prompt read and continued"

    def tokens(self):
        return self.written

    def flops(self):
        length = self.prompt + self.written - 1  # the last generated token is not read
        return self.forward_flops(length, length * (length + 1) / 2, self.written)


def prompts(case):
    """The prompts of a case: one int array per batch."""
    rng = np.random.default_rng(SEED)
    return [rng.integers(0, case.vocab_size, case.prompt) for _ in range(case.batches)]


def generation(dropout=None):
    """Generation with a model of the size of GPT-2's smallest."""
    if dropout:
        raise ValueError(f"generation uses no dropout: leave out --dropout, got {dropout}")
    return [
        GenerationCase(
            "GPT-2's shape, 64 tokens after 32", 0.0, batches=1, repeats=7, vocab_size=50_257,
            max_len=1024, d_model=768, n_heads=12, n_layers=12, bias=True, activation="gelu_tanh",
        )
    ]  # fmt: skip
