"""Recipes: the settings that suit a data set, all in one place. Options of `train` change them."""

from dataclasses import MISSING, asdict, dataclass, field, fields

from minitransformer.models import TransformerClassifier
from minitransformer.training import CategoricalCrossentropy, EarlyStopping, optimizers, schedules
from minitransformer.training.names import lookup

MODEL, TRAINING, VOCABULARY = "The model", "Training", "The vocabulary"
_SCHEDULES = "constant, warmup_inverse_sqrt, warmup_cosine"


def setting(default, group, text):
    """A field of a recipe: its default, the group it is shown in, and its help text."""
    return field(default=default, metadata={"group": group, "help": text})


@dataclass(frozen=True)
class Recipe:
    """All settings of model, vocabulary and training; 0 turns an optional one off."""

    d_model: int = setting(64, MODEL, "width of every token's vector")
    n_heads: int = setting(4, MODEL, "attention heads; must divide d_model")
    d_ff: int = setting(128, MODEL, "width inside the feed-forward network")
    n_layers: int = setting(2, MODEL, "encoder blocks")
    max_len: int = setting(64, MODEL, "longest text, in tokens; the rest is cut off")
    dropout: float = setting(0.1, MODEL, "share of activations dropped in training")
    norm: str = setting("pre", MODEL, "layer norm before or after: pre, post")
    positions: str = setting("sinusoidal", MODEL, "sinusoidal, learned, scalar, none")
    pooling: str = setting("mean", MODEL, "mean, max, first")
    activation: str = setting("gelu", MODEL, "relu, gelu, gelu_tanh")
    attention: str = setting("full", MODEL, "full, or tiled: less memory for long texts")
    dtype: str = setting("float32", MODEL, "float32, float64")

    vocab_size: int = setting(20_000, VOCABULARY, "most words, the most frequent ones")
    min_count: int = setting(1, VOCABULARY, "leave out words that occur less often")
    truncate: str = setting("end", VOCABULARY, "of a long text keep its start (end) or both (ends)")

    epochs: int = setting(10, TRAINING, "most passes over the training texts")
    batch_size: int = setting(32, TRAINING, "texts in a step")
    optimizer: str = setting("adamw", TRAINING, "sgd, momentum, adagrad, rmsprop, adam, adamw")
    learning_rate: float = setting(1e-3, TRAINING, "highest learning rate")
    weight_decay: float = setting(0.01, TRAINING, "decoupled weight decay; AdamW only")
    schedule: str = setting("warmup_cosine", TRAINING, _SCHEDULES)
    warmup: float = setting(0.1, TRAINING, "steps of warm-up; below 1: share of all steps")
    clip: float = setting(1.0, TRAINING, "largest norm of the gradient; 0: no clipping")
    l1: float = setting(0.0, TRAINING, "L1 penalty")
    l2: float = setting(0.0, TRAINING, "L2 penalty")
    label_smoothing: float = setting(0.0, TRAINING, "share of the target spread over all classes")
    word_dropout: float = setting(0.0, TRAINING, "share of words hidden in training")
    average: float = setting(0.0, TRAINING, "decay of averaged weights; 0: none")
    precision: str = setting("single", TRAINING, "single; mixed: float16 passes, meant for a GPU")
    monitor: str = setting("val_loss", TRAINING, "what is best: val_loss, val_accuracy")
    patience: int = setting(3, TRAINING, "epochs without a better one that end training")

    def model(self, vocab_size, n_classes, seed):
        """The untrained model."""
        chosen = {f.name: getattr(self, f.name) for f in fields(self) if _group(f) == MODEL}
        return TransformerClassifier(vocab_size, n_classes, seed=seed, **chosen)

    def compile(self, model, workers=None):
        """Tell `model` how it is trained; ValueError names a setting that cannot be."""
        rate = {"learning_rate": self.learning_rate}
        if self.optimizer.lower() == "adamw":
            rate["weight_decay"] = self.weight_decay
        schedule = lookup("schedule", self.schedule, schedules.NAMES)
        warmup = {} if schedule is schedules.Constant else {"warmup": self.warmup}
        model.compile(
            optimizer=lookup("optimizer", self.optimizer, optimizers.NAMES)(**rate),
            loss=CategoricalCrossentropy(label_smoothing=self.label_smoothing),
            metrics=["accuracy"],
            schedule=schedule(**warmup),
            clip=self.clip or None,
            l1=self.l1,
            l2=self.l2,
            word_dropout=self.word_dropout,
            average=self.average or None,
            workers=workers,
            precision=self.precision,
        )

    def early_stopping(self):
        """The callback that ends training and keeps the best weights."""
        return EarlyStopping(self.monitor, patience=self.patience)

    def check(self, workers=None):
        """Raise ValueError or TypeError for settings that cannot be, before data are loaded."""
        self.compile(self.model(vocab_size=3, n_classes=2, seed=0), workers)
        lookup("monitor", self.monitor, dict.fromkeys(("val_loss", "val_accuracy")))
        self.early_stopping()
        for name in ("vocab_size", "min_count", "epochs", "batch_size"):
            low = 3 if name == "vocab_size" else 1
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, got {getattr(self, name)}")
        if self.truncate not in ("end", "ends"):
            raise ValueError(f"truncate must be 'end' or 'ends', got {self.truncate!r}")

    def as_dict(self):
        """The settings as plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values):
        """Undo :meth:`as_dict`; ValueError if a setting is missing, unknown or of another type."""
        expected = {f.name: f.type for f in fields(cls)}
        wrong = sorted(set(values) ^ set(expected))
        if wrong:
            raise ValueError(f"settings missing or unknown: {', '.join(wrong)}")
        for name, kind in expected.items():
            allowed = (int, float) if kind is float else kind
            if not isinstance(values[name], allowed) or isinstance(values[name], bool):
                raise ValueError(f"{name} must be of type {kind.__name__}, got {values[name]!r}")
        return cls(**values)


def _group(field_):
    return field_.metadata["group"]


def settings():
    """Name, type, group and help text of every setting, for the command line."""
    for f in fields(Recipe):
        assert f.default is not MISSING
        yield f.name, f.type, _group(f), f.metadata["help"]


REVIEWS = Recipe(
    d_model=64,
    n_heads=4,
    d_ff=128,
    n_layers=2,
    max_len=64,
    activation="gelu_tanh",
    dropout=0.05,
    epochs=18,
    batch_size=32,
    learning_rate=1.5e-3,
    weight_decay=0.1,
    warmup=0.05,
    average=0.99,
    monitor="val_accuracy",
    patience=6,
)
IMDB = Recipe(
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
TABLE = Recipe(
    max_len=256,
    truncate="ends",
    dropout=0.2,
    epochs=20,
    batch_size=32,
    word_dropout=0.2,
    monitor="val_loss",
    patience=4,
)
"""For your own texts, of which nothing is known: cautious, and early stopping decides."""

BY_NAME = {"reviews": REVIEWS, "imdb": IMDB}
