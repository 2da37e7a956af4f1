"""Recipes for classifying texts."""

from dataclasses import dataclass, fields, replace

from minitransformer.checks import check_choice
from minitransformer.models import (
    BagOfEmbeddings,
    RecurrentClassifier,
    TextCNN,
    TransformerClassifier,
)
from minitransformer.runs.recipes.recipe import MODEL, TRAINING, VOCABULARY, Recipe, group, setting

MODELS = {
    "transformer": TransformerClassifier,
    "cnn": TextCNN,
    "rnn": RecurrentClassifier,
    "lstm": RecurrentClassifier,
    "gru": RecurrentClassifier,
    "bag": BagOfEmbeddings,
}
"""The classes that ``--model`` can name."""
_RECURRENT = {"n_layers": 1, "average": 0.0, "dropout": 0.3, "learning_rate": 2e-3, "clip": 1.0}
SUITED = {
    "transformer": {},
    "cnn": {"average": 0.0, "dropout": 0.5, "learning_rate": 2e-3},
    "rnn": _RECURRENT,
    "lstm": _RECURRENT,
    "gru": _RECURRENT,
    "bag": {"average": 0.0, "dropout": 0.2, "learning_rate": 5e-3},
}
"""Settings that suit a model, in place of those of the recipe, which suit the transformer."""


@dataclass(frozen=True)
class ClassificationRecipe(Recipe):
    """Settings of a model that reads a text and predicts its class."""

    model: str = setting("transformer", MODEL, f"{', '.join(MODELS)} (the mean of word vectors)")
    pooling: str = setting("mean", MODEL, "mean, max; first (transformer); last (rnn, lstm, gru)")
    n_filters: int = setting(100, MODEL, "number of filters of each width (cnn)")
    d_state: int = setting(128, MODEL, "size of the state (rnn, lstm, gru)")

    vocab_size: int = setting(
        20_000, VOCABULARY, "maximum number of words; the most frequent are kept"
    )
    min_count: int = setting(1, VOCABULARY, "leave out words that occur less often than this")
    truncate: str = setting(
        "end", VOCABULARY, "where long texts are cut: end (at their end), ends (in the middle)"
    )

    epochs: int = setting(10, TRAINING, "maximum number of passes over the training texts")
    word_dropout: float = setting(0.0, TRAINING, "fraction of words hidden in training")

    added = {"model": "transformer", "n_filters": 100, "d_state": 128}

    @property
    def model_class(self):
        """The class of the model."""
        check_choice("model", self.model, tuple(MODELS))
        return MODELS[self.model]

    def changed(self, settings, task):
        self.check_names(settings, task)
        name = settings.get("model", self.model)
        base = replace(self, model=name, **SUITED.get(name, {}))
        own = base.model_settings()
        for f in fields(self):
            if f.name in settings and group(f) == MODEL and f.name not in (*own, "model"):
                raise ValueError(
                    f"{f.name} is not a setting of the model {name}, which has {', '.join(own)}"
                )
        return super(ClassificationRecipe, base).changed(settings, task)

    def model_arguments(self, vocab_size, seed, n_classes=None):
        # `vocab_size` of the recipe is the maximum, which the texts may not reach
        arguments = super().model_arguments(vocab_size, seed) | {"n_classes": n_classes}
        if self.model_class is RecurrentClassifier:
            arguments["cell"] = self.model
        return arguments

    def compile(self, model, workers=None, **more):
        super().compile(model, workers, word_dropout=self.word_dropout, **more)

    def check(self, workers=None, **more):
        super().check(workers, **more)
        self.at_least(3, "vocab_size")
        self.at_least(1, "min_count")
        self.one_of("truncate", "end", "ends")


REVIEWS = ClassificationRecipe(
    d_model=64,
    n_heads=4,
    d_ff=128,
    n_layers=2,
    max_len=64,
    activation="gelu_tanh",
    dropout=0.05,
    epochs=22,
    batch_size=32,
    learning_rate=1.5e-3,
    weight_decay=0.1,
    warmup=0.05,
    average=0.99,
    monitor="val_accuracy",
    patience=6,
)
IMDB = ClassificationRecipe(
    d_model=64,
    n_heads=4,
    d_ff=128,
    n_layers=1,
    max_len=400,
    truncate="ends",
    activation="relu",
    dropout=0.2,
    vocab_size=20_000,
    epochs=5,
    batch_size=32,
    optimizer="adam",
    learning_rate=1e-3,
    clip=1.0,
    word_dropout=0.45,
    average=0.999,
    monitor="val_accuracy",
    patience=2,
)
TABLE = ClassificationRecipe(
    max_len=256,
    truncate="ends",
    dropout=0.2,
    epochs=20,
    batch_size=32,
    word_dropout=0.2,
    monitor="val_loss",
    patience=4,
)
"""For your own texts: cautious, as nothing is known about them; early stopping ends training."""
