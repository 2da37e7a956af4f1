"""The base of all configs: checks, and error messages that suggest a correction."""

import dataclasses
import functools

import numpy as np

from minitransformer import functional, fused
from minitransformer.checks import check_choice, near_names
from minitransformer.functional import check_probability
from minitransformer.layers import ACTIVATIONS, ATTENTIONS, NORM_KINDS, NORMS

OPS = {"fused": fused, "plain": functional}
CHOICES = {
    "norm": NORMS,
    "norm_kind": NORM_KINDS,
    "activation": (*ACTIVATIONS, "swiglu"),
    "pooling": ("mean", "max", "first"),
    "attention": ATTENTIONS,
    "ops": tuple(OPS),
    "dtype": ("float16", "float32", "float64"),
}
FLAGS = ("bias", "tied", "scale_embeddings", "head_bias", "final_norm", "bidirectional")
LARGEST = float(np.finfo(np.float64).max)
MINIMUM = {"n_classes": 2, "n_layers": 0, "n_decoder_layers": 0, "n_pairs": 0, "seed": 0}
MAXIMUM = {"n_layers": 1000, "n_decoder_layers": 1000, "seed": (1 << 128) - 1}
MAX_SIZE = (1 << 31) - 1
"""The largest size that is not in `MAXIMUM`: ids and lengths are smaller than that."""
MAX_PARAMETERS = 1 << 40
"""Above it, a model is refused before anything is drawn: it would take terabytes."""


def suggest_names(cls):
    """Decorate a dataclass, so that the TypeError for an unknown keyword suggests close matches."""
    make = cls.__init__

    @functools.wraps(make)
    def checked(self, *args, **options):
        check_names(cls.__name__, options, cls)
        make(self, *args, **options)

    cls.__init__ = checked
    return cls


def check_names(owner, options, cls):
    """Refuse options that are not fields of the dataclass `cls`; `owner` is for the message."""
    known = [field.name for field in dataclasses.fields(cls)]
    for name in options:
        if name not in known:
            raise TypeError(f"{owner} has no setting {name!r}; {near_names(name, known)}")


class ModelConfig:
    """Base class of the configs of all models: checks every field.

    A subclass is a frozen dataclass that has at least the fields `n_classes` (or a property of this
    name), `seed`, `dtype` and `ops`, and provides `fewest_parameters`.
    """

    sizes = "the sizes"
    """Names of the fields that decide how many parameters there are, for an error message."""

    choices = {}
    """Allowed values of a field, where a model allows other values than ``CHOICES``."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.generic):  # JSON cannot store NumPy's numbers
                value = value.item()
                object.__setattr__(self, field.name, value)
            if value is not None or field.default is not None:
                self._check(field.name, value)
        self._check_together()
        if max(self.fewest_parameters(), self.largest_table()) > MAX_PARAMETERS:
            raise ValueError(
                f"{self.sizes} must give at most {MAX_PARAMETERS:,} parameters, got more than "
                f"{self.fewest_parameters():,}"
            )

    def _check_together(self):
        """Refuse values that do not fit each other; called when each of them is valid."""

    def fewest_parameters(self):
        """A number of parameters that a model of these sizes exceeds, but not by much.

        So a file can be compared with the sizes that it declares before arrays of these sizes are
        made.
        """
        raise NotImplementedError(f"{type(self).__name__} has no fewest_parameters")

    def largest_table(self):
        """Count of the numbers in a table that is made from the sizes and is not a parameter."""
        return 0

    def _check(self, name, value):
        choices = CHOICES | self.choices
        if name in choices:
            check_choice(name, value, choices[name])
        elif name in FLAGS:
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be True or False, got {value!r}")
        elif name == "dropout":
            check_probability(name, value)
        elif name in ("norm_eps", "rotary_base"):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0 < value <= LARGEST:  # refuses NaN and infinity too
                raise ValueError(f"{name} must be a number above 0, got {value!r}")
        else:
            self._check_size(name, value)

    def _check_size(self, name, value):
        low, high = MINIMUM.get(name, 1), MAXIMUM.get(name, MAX_SIZE)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            hint = ""
            if name == "n_classes" and value == 1:
                hint = ": two classes have two outputs, and there is no regression"
            raise ValueError(f"{name} must be an integer of at least {low}, got {value!r}{hint}")
        if value > high:
            raise ValueError(f"{name} must be an integer of at most {high:,}, got {value:,}")
