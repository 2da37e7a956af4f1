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
FLAGS = ("bias", "tied", "scale_embeddings", "head_bias", "final_norm")
LARGEST = float(np.finfo(np.float64).max)
MINIMUM = {"n_classes": 2, "n_layers": 0, "n_decoder_layers": 0, "seed": 0}
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
    """Base class of the configs: checks every field, and derives values that all models need.

    The configs share these parameters:

    Parameters
    ----------
    vocab_size : int
        V: token ids are 0 to V - 1.
    max_len : int
        Maximum number of tokens in a sequence.
    d_model, n_heads, d_ff, n_layers : int
        D, H, F and N: the width of a token's vector, the heads of attention (n_heads must divide
        d_model), the width inside the feed-forward network, and the number of blocks.
    dropout : float
        Probability of dropping an entry of the embeddings, of the attention weights and of the
        output of each sublayer.
    norm : {"pre", "post"}
        "pre" puts a norm before each sublayer; "post", after each residual addition.
    norm_kind : {"layer", "rms"}
        Layer norm or RMS norm.
    norm_eps : float
        Added to the variance in every norm.
    final_norm : bool, optional
        Whether a norm follows the last block. By default, one does if `norm` is "pre".
    activation : str
        The activation of the feed-forward network.
    bias : bool
        Whether the linear maps in the blocks have biases.
    tied : bool
        Whether the head uses the embedding's table.
    head_bias : bool
        Whether the head has a bias.
    scale_embeddings : bool
        Whether embeddings are multiplied by the square root of d_model.
    attention : {"full", "tiled"}
        "tiled" needs memory in proportion to T, not to its square, in training too. Its results
        differ from those of "full" only in rounding and in which weights dropout drops.
    seed : int
        Seed of the initial weights and of everything random in training.
    dtype : {"float16", "float32", "float64"}
        The dtype of the parameters and of everything computed from them.
    ops : {"fused", "plain"}
        Whether the layers call the faster functions of `fused`, or those of `functional`
        throughout. The results agree to rounding.
    """

    norm_kind = "layer"
    norm_eps = 1e-5
    bias = True
    final_norm = None
    scale_embeddings = True

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
        if self.d_model % self.n_heads:
            raise ValueError(f"n_heads must divide d_model = {self.d_model}, got {self.n_heads}")
        if max(self.fewest_parameters(), self.max_len * self.d_model) > MAX_PARAMETERS:
            raise ValueError(
                f"vocab_size, max_len, d_model, d_ff and n_layers must give at most "
                f"{MAX_PARAMETERS:,} parameters, got more than {self.fewest_parameters():,}"
            )

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

    @property
    def n_blocks(self):
        """Number of blocks in all stacks together."""
        return self.n_layers

    @property
    def hidden(self):
        """F, the width inside the feed-forward network."""
        return self.d_ff

    def fewest_parameters(self):
        """A number of parameters that a model of these sizes exceeds, but not by much.

        It counts the embedding V D, and in each block 2 D^2 for attention and 2 D F for the
        feed-forward network. So a file can be compared with the sizes that it declares before
        arrays of these sizes are made.
        """
        D, F, V = self.d_model, self.hidden, self.vocab_size
        return V * D + self.n_blocks * (2 * D * D + 2 * D * F)

    @property
    def has_final_norm(self):
        """Whether a norm follows the last block. By default, one does if `norm` is "pre"."""
        return self.norm == "pre" if self.final_norm is None else self.final_norm

    @property
    def scale(self):
        """The factor that embeddings are multiplied by: the square root of d_model, or 1."""
        return self.d_model**0.5 if self.scale_embeddings else 1.0

    def block_options(self):
        """The keyword arguments that encoder and decoder blocks have in common."""
        names = ("dropout", "norm", "activation", "attention", "norm_eps", "bias")
        return {name: getattr(self, name) for name in names}
