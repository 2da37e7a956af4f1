"""What every recipe has: settings with help texts, checks, and a form that JSON can hold."""

from dataclasses import asdict, dataclass, field, fields

from minitransformer.training import CategoricalCrossentropy
from minitransformer.training.optim import optimizers, schedules
from minitransformer.checks import lookup, near_names

MODEL, TRAINING, VOCABULARY = "The model", "Training", "The vocabulary"
_SCHEDULES = "constant, warmup_inverse_sqrt, warmup_cosine"


def setting(default, group, text):
    """A field of a recipe: its default, the group it is shown in, and its help text."""
    return field(default=default, metadata={"group": group, "help": text})


@dataclass(frozen=True)
class Recipe:
    """The settings that all tasks have; 0 turns an optional one off.

    A task adds its own in a subclass, which says how its model is made (:meth:`model`), how long
    it is trained (:meth:`length`), and what else there is to :meth:`check`.
    """

    d_model: int = setting(64, MODEL, "width of every token's vector")
    n_heads: int = setting(4, MODEL, "attention heads; must divide d_model")
    d_ff: int = setting(128, MODEL, "width inside the feed-forward network")
    n_layers: int = setting(2, MODEL, "blocks, of the encoder where there is a decoder as well")
    max_len: int = setting(64, MODEL, "most tokens that are read at once; the rest is cut off")
    dropout: float = setting(0.1, MODEL, "share of activations dropped in training")
    norm: str = setting("pre", MODEL, "norm before or after: pre, post")
    positions: str = setting(
        "sinusoidal", MODEL, "sinusoidal, learned, none; scalar, rotary, alibi where the model can"
    )
    activation: str = setting(
        "gelu", MODEL, "relu, gelu, gelu_tanh; swiglu where the model has it"
    )
    attention: str = setting("full", MODEL, "full, or tiled: less memory for long texts")
    dtype: str = setting("float32", MODEL, "float32, float64")

    batch_size: int = setting(32, TRAINING, "texts in a step")
    optimizer: str = setting("adamw", TRAINING, "sgd, momentum, adagrad, rmsprop, adam, adamw")
    learning_rate: float = setting(1e-3, TRAINING, "highest learning rate")
    beta2: float = setting(0.999, TRAINING, "how far adam and adamw average squared gradients")
    weight_decay: float = setting(0.01, TRAINING, "decoupled weight decay; AdamW only")
    schedule: str = setting("warmup_cosine", TRAINING, _SCHEDULES)
    warmup: float = setting(0.1, TRAINING, "steps of warm-up; below 1: share of all steps")
    floor: float = setting(0.0, TRAINING, "share of the rate at which warmup_cosine ends")
    clip: float = setting(1.0, TRAINING, "largest norm of the gradient; 0: no clipping")
    l1: float = setting(0.0, TRAINING, "L1 penalty")
    l2: float = setting(0.0, TRAINING, "L2 penalty")
    label_smoothing: float = setting(0.0, TRAINING, "share of the target spread over all classes")
    average: float = setting(0.0, TRAINING, "decay of averaged weights; 0: none")
    precision: str = setting("single", TRAINING, "single; mixed: float16 passes, meant for a GPU")

    metrics = ("accuracy",)

    def model(self, vocab_size, seed, n_classes=None):
        """The untrained model; `n_classes` is for a classifier."""
        raise NotImplementedError

    def length(self):
        """How long `fit` trains: ``{"epochs": ...}`` or ``{"steps": ...}``."""
        return {"epochs": self.epochs}

    def callbacks(self):
        """What `fit` is given besides the checkpoint."""
        return []

    def loss(self):
        """The loss of training."""
        return CategoricalCrossentropy(label_smoothing=self.label_smoothing)

    def compile(self, model, workers=None, **more):
        """Tell `model` how it is trained; ValueError names a setting that cannot be.

        `more` is what the task adds, such as the ids that begin and end a target.
        """
        model.compile(
            optimizer=self._optimizer(),
            loss=self.loss(),
            metrics=self.metrics,
            schedule=self._schedule(),
            clip=self.clip or None,
            l1=self.l1,
            l2=self.l2,
            average=self.average or None,
            workers=workers,
            precision=self.precision,
            **more,
        )

    def _optimizer(self):
        name, rate = self.optimizer.lower(), {"learning_rate": self.learning_rate}
        if name in ("adam", "adamw"):
            rate["beta2"] = self.beta2
        if name == "adamw":
            rate["weight_decay"] = self.weight_decay
        return lookup("optimizer", self.optimizer, optimizers.NAMES)(**rate)

    def _schedule(self):
        kind = lookup("schedule", self.schedule, schedules.NAMES)
        if kind is schedules.Constant:
            return kind()
        floor = {"floor": self.floor} if kind is schedules.WarmupCosine else {}
        return kind(self.warmup, **floor)

    def check(self, workers=None, **more):
        """Raise ValueError or TypeError for settings that cannot be, before data are loaded."""
        self.compile(self.model(vocab_size=8, seed=0, n_classes=2), workers, **more)
        self.callbacks()
        self.at_least(1, "batch_size", *self.length())

    def at_least(self, low, *names):
        """Raise ValueError where one of the settings `names` is below `low`."""
        for name in names:
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, got {getattr(self, name)}")

    def one_of(self, name, *allowed):
        """Raise ValueError where the setting `name` is none of `allowed`."""
        if getattr(self, name) not in allowed:
            words = " or ".join([", ".join(map(repr, allowed[:-1])), repr(allowed[-1])])
            raise ValueError(f"{name} must be {words}, got {getattr(self, name)!r}")

    def model_settings(self):
        """The settings of the model, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if group(f) == MODEL}

    @classmethod
    def check_names(cls, names, task):
        """Raise ValueError where one of `names` is no setting of the `task`."""
        known = [f.name for f in fields(cls)]
        for name in names:
            if name not in known:
                raise ValueError(
                    f"--{option(name)} is no option of the task {task}; "
                    f"{near_names(option(name), map(option, known))}"
                )

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
            allowed = (int, float) if kind is float else (kind,)
            if type(values[name]) not in allowed:
                raise ValueError(f"{name} must be of type {kind.__name__}, got {values[name]!r}")
        return cls(**values)


def group(field_):
    """The group that a setting is shown in."""
    return field_.metadata["group"]


def option(name):
    """A setting as it is written on the command line, without the dashes."""
    return name.replace("_", "-")
