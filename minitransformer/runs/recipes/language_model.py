"""Recipes for language models, which predict the next token."""

from dataclasses import dataclass

from minitransformer import models
from minitransformer.runs.recipes.recipe import (
    MEASURES,
    MODEL,
    TRAINING,
    VOCABULARY,
    Recipe,
    setting,
)

TOKENIZERS = ("characters", "words", "bpe")


@dataclass(frozen=True)
class LanguageModelRecipe(Recipe):
    """Settings of a decoder-only model. A batch consists of windows of `max_len` tokens."""

    norm_kind: str = setting("layer", MODEL, "layer, rms")
    n_kv_heads: int = setting(0, MODEL, "number of heads of keys and values; 0: as many as n_heads")
    window: int = setting(0, MODEL, "number of past tokens that attention can reach; 0: all")
    bias: bool = setting(True, MODEL, "whether linear layers have biases")
    tied: bool = setting(True, MODEL, "one table for the embeddings and the output")

    tokenizer: str = setting("characters", VOCABULARY, "characters, words, bpe")
    merges: int = setting(2000, VOCABULARY, "maximum number of merges that bpe learns")

    steps: int = setting(2000, TRAINING, "training steps")

    metrics = ("accuracy", "perplexity")
    monitors = (*MEASURES, "none", "off")
    added = {"monitor": "off", "patience": 0}

    model_class = models.GPT

    def model_arguments(self, vocab_size, seed, n_classes=None):
        chosen = super().model_arguments(vocab_size, seed)
        for name in ("n_kv_heads", "window", "d_ff"):
            chosen[name] = chosen[name] or None
        return chosen

    def length(self):
        return {"steps": self.steps}

    def check(self, workers=None, **more):
        if self.window > self.max_len:
            raise ValueError(
                f"window must be <= max_len = {self.max_len}, the most that a model reads, got "
                f"{self.window}; 0 means all of it"
            )
        super().check(workers, **more)
        self.one_of("tokenizer", *TOKENIZERS)
        self.at_least(1, "merges")


NANOGPT = LanguageModelRecipe(
    monitor="none",
    d_model=128,
    n_heads=4,
    d_ff=512,
    n_layers=4,
    max_len=64,
    dropout=0.0,
    positions="learned",
    activation="gelu",
    bias=False,
    batch_size=12,
    steps=2000,
    learning_rate=1e-3,
    beta2=0.99,
    weight_decay=0.1,
    warmup=100,
    floor=0.1,
    clip=1.0,
)
"""The CPU example in nanoGPT's README, whose published loss serves as a comparison.

Validation decides nothing here, so that all of the last tenth can be tested on, as it is there.
"""

OURS = LanguageModelRecipe(
    monitor="none",
    d_model=128,
    n_heads=4,
    d_ff=344,
    n_layers=4,
    max_len=64,
    dropout=0.0,
    norm_kind="rms",
    positions="rotary",
    activation="swiglu",
    bias=False,
    batch_size=12,
    steps=1800,
    learning_rate=3e-3,
    beta2=0.99,
    weight_decay=0.1,
    warmup=100,
    floor=0.02,
    clip=1.0,
)
"""Improvements found since GPT-2, trained for the same wall time."""

TEXT = LanguageModelRecipe(
    monitor="val_loss",
    patience=3,
    d_model=128,
    n_heads=4,
    d_ff=344,
    n_layers=4,
    max_len=128,
    dropout=0.1,
    norm_kind="rms",
    positions="rotary",
    activation="swiglu",
    bias=False,
    batch_size=12,
    steps=2000,
    learning_rate=2e-3,
    beta2=0.99,
    weight_decay=0.1,
    warmup=100,
    floor=0.02,
    clip=1.0,
)
"""For your own text."""
