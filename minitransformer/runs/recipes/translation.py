"""Recipes for an encoder and a decoder, which turn one sequence into another."""

from dataclasses import dataclass, replace

from minitransformer import models
from minitransformer.checks import check_number
from minitransformer.inference.beam import LARGEST_ALPHA, LENGTH_PENALTY
from minitransformer.runs.recipes.recipe import (
    MEASURES,
    MODEL,
    TRAINING,
    VOCABULARY,
    Recipe,
    setting,
)


@dataclass(frozen=True)
class EncoderDecoderRecipe(Recipe):
    """Settings of the encoder-decoder of Vaswani et al. 2017, figure 1."""

    n_decoder_layers: int = setting(0, MODEL, "number of decoder blocks; 0: as many as n_layers")
    bias: bool = setting(True, MODEL, "whether linear layers have biases")
    tied: bool = setting(True, MODEL, "one table for the embeddings and the output")
    scale_embeddings: bool = setting(
        True, MODEL, "multiply embeddings by the square root of d_model"
    )

    metrics = ("accuracy", "perplexity")
    monitors = (*MEASURES, "none")
    added = {"monitor": "val_loss", "patience": 0}

    model_class = models.Transformer

    def model_arguments(self, vocab_size, seed, n_classes=None):
        chosen = super().model_arguments(vocab_size, seed)
        chosen["n_decoder_layers"] = chosen["n_decoder_layers"] or None
        return chosen

    def check(self, workers=None, **more):
        super().check(workers, start_id=0, end_id=1, **more)


@dataclass(frozen=True)
class StringsRecipe(EncoderDecoderRecipe):
    """Settings of a model that reverses or copies strings of letters."""

    longest: int = setting(20, VOCABULARY, "number of letters in the longest string")
    strings: int = setting(120_000, VOCABULARY, "number of strings to train on")

    steps: int = setting(2000, TRAINING, "training steps")

    added = {"monitor": "none", "patience": 0}

    def length(self):
        return {"steps": self.steps}

    def check(self, workers=None, **more):
        super().check(workers, **more)
        self.at_least(1, "longest", "strings")
        if self.max_len <= self.longest:
            raise ValueError(
                f"max_len must be at least longest + 1 = {self.longest + 1}, got {self.max_len}"
            )


@dataclass(frozen=True)
class TranslationRecipe(EncoderDecoderRecipe):
    """Settings of a model that translates sentences."""

    merges: int = setting(2000, VOCABULARY, "maximum number of merges that bpe learns")

    epochs: int = setting(10, TRAINING, "maximum number of passes over the training texts")
    beams: int = setting(5, TRAINING, "number of beams of beam search when the model is evaluated")
    length_penalty: float = setting(
        LENGTH_PENALTY, TRAINING, "for beam search: a higher value favours longer translations"
    )

    def check(self, workers=None, **more):
        super().check(workers, **more)
        self.at_least(1, "merges", "beams")
        # Beam search would refuse this value too, but only after training.
        check_number("length_penalty", self.length_penalty, 0, LARGEST_ALPHA)


REVERSE = StringsRecipe(
    monitor="none",
    d_model=64,
    n_heads=2,
    d_ff=128,
    n_layers=1,
    n_decoder_layers=2,
    max_len=24,
    dropout=0.0,
    activation="relu",
    batch_size=32,
    steps=3500,
    learning_rate=5e-3,
    beta2=0.98,
    weight_decay=0.0,
    warmup=0.05,
    average=0.99,
)
"""Many small steps: the model learns in leaps, and more steps help more than larger ones."""
COPY = replace(REVERSE, steps=2000)
"""Copying is easier: each letter is read from the position at which it is written."""
MULTI30K = TranslationRecipe(
    merges=8000,
    d_model=256,
    n_heads=4,
    d_ff=1024,
    n_layers=3,
    max_len=64,
    dropout=0.3,
    norm="pre",
    positions="sinusoidal",
    activation="relu",
    batch_size=128,
    epochs=20,
    optimizer="adam",
    learning_rate=1e-3,
    beta2=0.98,
    schedule="warmup_inverse_sqrt",
    warmup=1000,
    label_smoothing=0.1,
    average=0.999,
)
PARALLEL = TranslationRecipe(
    merges=8000,
    d_model=256,
    n_heads=4,
    d_ff=1024,
    n_layers=3,
    max_len=128,
    dropout=0.3,
    norm="pre",
    activation="relu",
    batch_size=128,
    epochs=20,
    optimizer="adam",
    learning_rate=1e-3,
    beta2=0.98,
    schedule="warmup_inverse_sqrt",
    warmup=0.1,
    label_smoothing=0.1,
    average=0.999,
)
"""For your own pair of files."""
