"""What all recipes have in common: settings with help texts, checks, and conversion to JSON."""

from dataclasses import asdict, dataclass, field, fields, replace

from minitransformer.checks import check_choice, check_count, lookup, near_names
from minitransformer.training import BestWeights, CategoricalCrossentropy, EarlyStopping
from minitransformer.training.optim import optimizers, schedules

MODEL, TRAINING, VOCABULARY = "The model", "Training", "The vocabulary"
MEASURES = ("val_loss", "val_accuracy", "val_perplexity")
MAX_LAYERS, MAX_WORKERS, MAX_COUNT = 1000, 1000, 2**31 - 1
_SCHEDULES = "constant, warmup_inverse_sqrt, warmup_cosine"


def setting(default, group, text):
    """A field of a recipe, with a default, the group in which it is shown, and a help text."""
    return field(default=default, metadata={"group": group, "help": text})


@dataclass(frozen=True)
class Recipe:
    """The settings that all tasks have. The value 0 turns an optional setting off.

    A task adds its own settings in a subclass, which defines how its model is made
    (:meth:`new_model`), how long it is trained (:meth:`length`), and what else to :meth:`check`.
    """

    d_model: int = setting(64, MODEL, "size of the vector of each token")
    n_heads: int = setting(4, MODEL, "number of attention heads; must divide d_model")
    d_ff: int = setting(128, MODEL, "width inside the feed-forward network")
    n_layers: int = setting(
        2, MODEL, "number of blocks; of the encoder, if there is also a decoder"
    )
    max_len: int = setting(64, MODEL, "maximum number of tokens per text; the rest is cut off")
    dropout: float = setting(0.1, MODEL, "fraction of activations dropped in training")
    norm: str = setting("pre", MODEL, "layer norm before or after each sublayer: pre, post")
    positions: str = setting(
        "sinusoidal",
        MODEL,
        "sinusoidal, learned, none; scalar, rotary, alibi if the model has them",
    )
    activation: str = setting("gelu", MODEL, "relu, gelu, gelu_tanh; swiglu if the model has it")
    attention: str = setting("full", MODEL, "full; tiled: less memory for long texts")
    dtype: str = setting("float32", MODEL, "float32, float64")

    batch_size: int = setting(32, TRAINING, "number of texts per step")
    optimizer: str = setting("adamw", TRAINING, ", ".join(optimizers.NAMES))
    learning_rate: float = setting(1e-3, TRAINING, "highest learning rate")
    beta2: float = setting(0.999, TRAINING, "decay of the squared gradients in adam and adamw")
    weight_decay: float = setting(0.01, TRAINING, "decoupled weight decay; AdamW only")
    schedule: str = setting("warmup_cosine", TRAINING, _SCHEDULES)
    warmup: float = setting(
        0.1,
        TRAINING,
        "number of warm-up steps; if below 1, their fraction; by default fewer in a shorter run",
    )
    floor: float = setting(0.0, TRAINING, "final rate of warmup_cosine, relative to the highest")
    clip: float = setting(1.0, TRAINING, "maximum norm of the gradient; 0: no clipping")
    l1: float = setting(0.0, TRAINING, "L1 penalty")
    l2: float = setting(0.0, TRAINING, "L2 penalty")
    label_smoothing: float = setting(
        0.0, TRAINING, "fraction of the target spread over all classes"
    )
    average: float = setting(0.0, TRAINING, "decay of averaged weights; 0: none")
    monitor: str = setting(
        "val_loss",
        TRAINING,
        "which weights are kept: those of the epoch with the best val_loss, val_accuracy or, for "
        "generative models, val_perplexity; none: the last weights",
    )
    patience: int = setting(
        0, TRAINING, "stop after this many epochs without improvement; 0: never"
    )
    precision: str = setting("single", TRAINING, "single; mixed: float16 passes, meant for a GPU")

    model_class = None  # set by each kind of recipe
    metrics = ("accuracy",)
    monitors = ("val_loss", "val_accuracy", "none")
    added = {}
    """Settings that older runs lack, with the values that describe what was done then."""

    def model_arguments(self, vocab_size, seed, n_classes=None):
        """The arguments of `model_class`, by name; `n_classes` is for a classifier."""
        return {"vocab_size": vocab_size, "seed": seed, **self.model_settings()}

    def new_model(self, vocab_size, seed, n_classes=None):
        """The untrained model; `n_classes` is for a classifier."""
        return self.model_class(**self.model_arguments(vocab_size, seed, n_classes))

    def model_config(self, vocab_size, seed, n_classes=None):
        """The config of :meth:`new_model`, without making a model of that size."""
        return self.model_class.Config(**self.model_arguments(vocab_size, seed, n_classes))

    def changed(self, settings, task):
        """This recipe with the `settings` of a run of the `task`, which is given by its name.

        In a run that is shorter than usual, the warm-up is shorter in proportion, unless it is set.
        """
        self.check_names(settings, task)
        changed = replace(self, **settings)
        ((name, usual),) = self.length().items()
        length = check_count(name, getattr(changed, name))
        if "warmup" in settings or self.warmup < 1 or length >= usual:
            return changed
        return replace(changed, warmup=max(1, round(self.warmup * length / usual)))

    def length(self):
        """How long `fit` trains: ``{"epochs": ...}`` or ``{"steps": ...}``."""
        return {"epochs": self.epochs}

    def callbacks(self):
        """The callbacks of `fit`, without the checkpoint: which weights are kept, and how long."""
        if self.monitor not in MEASURES:
            return []
        if self.patience:
            return [EarlyStopping(self.monitor, patience=self.patience)]
        return [BestWeights(self.monitor)]

    def loss(self):
        """The training loss."""
        return CategoricalCrossentropy(label_smoothing=self.label_smoothing)

    def compile(self, model, workers=None, **more):
        """Compile `model` with these settings; a ValueError names the first impossible setting.

        Parameters
        ----------
        model : Trainable
        workers : int, optional
            Number of workers that train.
        **more
            Further arguments from the task, such as the ids that begin and end a target.
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
        """Raise ValueError or TypeError for impossible settings, before data are loaded."""
        for f in fields(self):
            high = MAX_LAYERS if f.name.endswith("layers") else MAX_COUNT
            if f.type is int and getattr(self, f.name) > high:
                raise ValueError(f"{f.name} must be <= {high:,}, got {getattr(self, f.name):,}")
        if workers is not None and workers > MAX_WORKERS:
            raise ValueError(f"workers must be <= {MAX_WORKERS:,}, got {workers:,}")
        self.compile(self.new_model(vocab_size=8, seed=0, n_classes=2), workers, **more)
        lookup("monitor", self.monitor, dict.fromkeys(self.monitors))
        self.at_least(0, "patience")
        self.at_least(1, "batch_size", *self.length())

    def at_least(self, low, *names):
        """Raise ValueError if one of the settings `names` is below `low`."""
        for name in names:
            check_count(name, getattr(self, name), low)

    def one_of(self, name, *allowed):
        """Raise ValueError if the setting `name` is not one of `allowed`."""
        check_choice(name, getattr(self, name), allowed)

    def model_settings(self):
        """The settings of the model, by name."""
        known = {f.name for f in fields(self.model_class.Config)}
        own = (f.name for f in fields(self) if group(f) == MODEL and f.name in known)
        return {name: getattr(self, name) for name in own}

    @classmethod
    def check_names(cls, names, task):
        """Raise ValueError if one of `names` is not a setting of the `task`."""
        known = [f.name for f in fields(cls)]
        for name in names:
            if name not in known:
                raise ValueError(
                    f"{name} is not a setting of the task {task}; {near_names(name, known)}"
                )

    def as_dict(self):
        """The settings as plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values):
        """Undo :meth:`as_dict`; ValueError if a setting is missing, unknown or of wrong type."""
        expected, values = {f.name: f.type for f in fields(cls)}, cls.added | values
        wrong = sorted(set(values) ^ set(expected))
        if wrong:
            raise ValueError(f"settings missing or unknown: {', '.join(wrong)}")
        for name, kind in expected.items():
            allowed = (int, float) if kind is float else (kind,)
            if type(values[name]) not in allowed:
                raise ValueError(f"{name} must be of type {kind.__name__}, got {values[name]!r}")
        return cls(**values)


def group(field_):
    """The group in which a setting is shown."""
    return field_.metadata["group"]
