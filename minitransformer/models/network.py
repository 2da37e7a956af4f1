"""The base of all networks: a config, and for those that read text, the checks of a batch."""

import dataclasses

import numpy as np

from minitransformer.backend import array_module
from minitransformer.functional import check_ids
from minitransformer.models.config_base import OPS, ModelConfig, check_names
from minitransformer.training.trainable import Trainable


def read_config(cls, config, options):
    """The frozen config of a model, from an object, a dict, or keyword arguments.

    Raises
    ------
    TypeError
        If a name is unknown, or `config` has another type.
    """
    if config is None:
        return cls.Config(**options)
    if isinstance(config, dict):
        return cls.Config(**{**config, **options})
    if not isinstance(config, cls.Config):
        raise TypeError(
            f"config must be a {cls.Config.__name__}, got {type(config).__name__}; single "
            f"settings are given by name: {cls.__name__}(vocab_size=...)"
        )
    check_names(cls.__name__, options, cls.Config)
    return dataclasses.replace(config, **options)


def sizes_first(config, n_classes, options, first="vocab_size"):
    """The config and the options of a classifier whose first two fields may be given by position.

    Raises
    ------
    TypeError
        If the field `first` is given twice.
    """
    if config is not None and not isinstance(config, ModelConfig | dict):
        if first in options:
            raise TypeError(f"{first} must be given once, got it by position and by name")
        config, options = None, options | {first: config}
    if n_classes is not None:
        options = options | {"n_classes": n_classes}
    return config, options


def check_dlogits(dlogits, shape):
    """Refuse an upstream gradient that does not have the shape of the logits.

    Without this check, an array of another shape but the same size would pass.

    Raises
    ------
    ValueError
    """
    found = getattr(dlogits, "shape", type(dlogits).__name__)
    if found != shape:
        raise ValueError(f"dlogits must have the shape of the logits, {shape}, got {found}")


class Network(Trainable):
    """Base class of all models: reads the config, and sets what follows from it.

    Attributes
    ----------
    settings : ModelConfig
        The config, an object of the class `Config` of the model.
    config : dict
        The settings as a dict, as in files and checkpoints.
    """

    def _configure(self, config, options):
        """Set what follows from the config; return the config and the common layer arguments."""
        settings = self.settings = read_config(type(self), config, options)
        self.config = dataclasses.asdict(settings)
        self.n_classes = settings.n_classes
        self.seed, self.dtype = settings.seed, np.dtype(settings.dtype)
        self.ops = OPS[settings.ops]
        rng = np.random.default_rng(settings.seed)
        return settings, {"rng": rng, "dtype": settings.dtype, "ops": self.ops}


class TextNetwork(Network):
    """Base class of the models that read token ids: checks a batch of them."""

    def _configure(self, config, options):
        settings, shared = super()._configure(config, options)
        self.vocab_size, self.max_len = settings.vocab_size, settings.max_len
        return settings, shared

    def _check_batch(self, ids, mask, vocab_size, name="ids", padding="right"):
        """Refuse ids or a mask of a wrong shape, type or range, and padding on the wrong side.

        `padding` is the side on which padding is allowed: "right", "left" or "both".
        """
        array_module(**{name: ids, "mask": mask, "the model": self.flat.values})
        if ids.ndim != 2:
            raise ValueError(f"{name} must be (B, T), got shape {ids.shape}")
        if ids.shape[1] > self.max_len:
            raise ValueError(
                f"a row of {name} has {ids.shape[1]} tokens, more than max_len = {self.max_len}"
            )
        check_ids(ids, vocab_size, name)
        if mask is None:
            return
        if mask.shape != ids.shape:
            raise ValueError(f"mask must have the shape of {name}, {ids.shape}, got {mask.shape}")
        if mask.dtype != bool:
            raise TypeError(f"mask must be boolean (True = a real token), got {mask.dtype}")
        if not isinstance(mask, np.ndarray):  # reading a mask on a device would make the host wait
            return
        if padding == "right" and (mask[:, 1:] > mask[:, :-1]).any():
            raise ValueError(
                f"{name} must be padded on the right; left padding is only for decoding "
                "(start, extend)"
            )
        if padding == "left" and (mask[:, 1:] < mask[:, :-1]).any():
            raise ValueError(
                f"{name} must be padded on the left in decoding: the next token follows the last "
                "column"
            )
