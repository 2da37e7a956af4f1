"""What the settings of the models that write have in common: checks, and errors that help."""

import dataclasses
import functools

import numpy as np

from minitransformer import functional, fused
from minitransformer.checks import near_names
from minitransformer.functional import check_probability
from minitransformer.layers import ACTIVATIONS, ATTENTIONS, NORM_KINDS, NORMS

OPS = {"fused": fused, "plain": functional}
CHOICES = {
    "norm": NORMS,
    "norm_kind": NORM_KINDS,
    "activation": (*ACTIVATIONS, "swiglu"),
    "attention": ATTENTIONS,
    "ops": tuple(OPS),
    "dtype": ("float16", "float32", "float64"),
}
FLAGS = ("bias", "tied", "scale_embeddings", "head_bias", "final_norm")
LARGEST = float(np.finfo(np.float64).max)
LOWEST = {"n_layers": 0, "n_decoder_layers": 0, "seed": 0}


def helpful(cls):
    """Let a dataclass answer a wrong name with the near ones."""
    make = cls.__init__

    @functools.wraps(make)
    def checked(self, *args, **settings):
        check_names(cls.__name__, settings, cls)
        make(self, *args, **settings)

    cls.__init__ = checked
    return cls


def check_names(owner, settings, cls):
    """Refuse settings that the dataclass `cls` does not have."""
    known = [field.name for field in dataclasses.fields(cls)]
    for name in settings:
        if name not in known:
            raise TypeError(f"{owner} has no setting {name!r}; {near_names(name, known)}")


class Settings:
    """What both kinds of settings check, and what they have in common."""

    positions_allowed = ()

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.generic):  # it could not be written to a file
                value = value.item()
                object.__setattr__(self, field.name, value)
            if value is not None or field.default is not None:
                self._check(field.name, value)
        if self.d_model % self.n_heads:
            raise ValueError(f"n_heads must divide d_model = {self.d_model}, got {self.n_heads}")

    def _check(self, name, value):
        if name in CHOICES or name == "positions":
            allowed = CHOICES.get(name, self.positions_allowed)
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        elif name in FLAGS:
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be True or False, got {value!r}")
        elif name == "dropout":
            check_probability(name, value)
        elif name in ("norm_eps", "rotary_base"):
            known = isinstance(value, int | float) and not isinstance(value, bool)
            if not known or not 0 < value <= LARGEST:  # NaN and infinity are not either
                raise ValueError(f"{name} must be a number above 0, got {value!r}")
        else:
            low = LOWEST.get(name, 1)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise ValueError(f"{name} must be an integer of at least {low}, got {value!r}")

    @property
    def has_final_norm(self):
        """Whether a norm follows the last block: by default where norms come before sublayers."""
        return self.norm == "pre" if self.final_norm is None else self.final_norm

    @property
    def scale(self):
        """What embeddings are multiplied by: the root of d_model, or 1."""
        return self.d_model**0.5 if self.scale_embeddings else 1.0

    def block_options(self):
        """What encoder and decoder blocks take by name."""
        names = ("dropout", "norm", "activation", "attention", "norm_eps", "bias")
        return {name: getattr(self, name) for name in names}
