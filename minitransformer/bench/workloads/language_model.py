"""Training steps of a decoder that predicts the next token."""

from dataclasses import dataclass

import numpy as np

from minitransformer.bench.workloads.case import SEED, Case, block_flops

ADAMW = {"learning_rate": 1e-3, "beta2": 0.99, "weight_decay": 0.1}
CLIP = 1.0


@dataclass(frozen=True)
class GPTCase(Case):
    """A decoder in GPT-2's layout: learned positions, pre-norm, tied head.

    Attributes
    ----------
    vocab_size, max_len, d_model, n_heads, n_layers : int
        The sizes V, T, D, H and N. The width of the feed-forward network is 4 D.
    bias : bool
        Whether the linear maps have biases.
    activation : {"gelu", "gelu_tanh"}
        The activation of the feed-forward network.
    """

    vocab_size: int = 65
    max_len: int = 64
    d_model: int = 128
    n_heads: int = 4
    n_layers: int = 4
    bias: bool = False
    activation: str = "gelu"

    @property
    def sizes(self):
        """The sizes of the model, as a dict of its arguments."""
        names = "vocab_size max_len d_model n_heads n_layers bias activation dropout".split()
        return {name: getattr(self, name) for name in names}

    def forward_flops(self, tokens, pairs, scored):
        """Number of operations in a forward pass in which `scored` tokens pass through the head."""
        block = block_flops(tokens, pairs, self.d_model, 4 * self.d_model)
        return self.n_layers * block + 2 * scored * self.d_model * self.vocab_size


@dataclass(frozen=True)
class LanguageModelCase(GPTCase):
    """Training steps on windows of a text, with AdamW and gradients clipped to norm 1.

    Attributes
    ----------
    windows : int
        B, the number of windows of `max_len` tokens per step.
    """

    windows: int = 12

    kind = "language model"

    def tokens(self):
        return self.windows * self.max_len

    def flops(self):
        n = self.tokens()
        return 3 * self.forward_flops(n, n * (self.max_len + 1) / 2, n)


def windows(case):
    """One int array (B, T + 1) per batch: rows of T input tokens, followed by the last target."""
    rng = np.random.default_rng(SEED)
    shape = case.windows, case.max_len + 1
    return [rng.integers(0, case.vocab_size, shape) for _ in range(case.batches)]


def language_model(dropout=None):
    """nanoGPT's example for a CPU, and its small GPT with and without dropout."""
    first = 0.0 if dropout is None else dropout
    cases = [LanguageModelCase("4 blocks, d_model 128, 12 x 64", first, repeats=30)]
    cases += [
        LanguageModelCase(
            "6 blocks, d_model 384, 16 x 256", p, batches=2, repeats=5, windows=16, max_len=256,
            d_model=384, n_heads=6, n_layers=6,
        )
        for p in ((0.2, 0.0) if dropout is None else (dropout,))
    ]  # fmt: skip
    return cases
