"""The base of all transformers: a config, embedded tokens, a stack of blocks, checks of a batch."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from minitransformer.backend import array_module
from minitransformer.functional import check_ids
from minitransformer.layers import Linear, PositionalEncoding, TiedHead, make_norm
from minitransformer.layers.shown import by_shape
from minitransformer.models.config_base import OPS, check_names
from minitransformer.training.trainable import Trainable


@by_shape
class EmbeddedCache(NamedTuple):
    """The values before the first block. `embedded` (B, T, D) is without positions and dropout."""

    embedding: Any
    embedded: Any
    positions: Any
    dropout: Any


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


def key_mask(mask):
    """The mask of tokens (B, T) as a mask of keys (B, 1, 1, T). None stays None."""
    return None if mask is None else mask[:, None, None, :]


class SequenceModel(Trainable):
    """Base class of :class:`TransformerClassifier`, :class:`GPT` and :class:`Transformer`.

    Attributes
    ----------
    settings : ClassifierConfig, GPTConfig or TransformerConfig
    config : dict
        The settings as a dict, as in files and checkpoints.
    """

    def _configure(self, config, options):
        """Set what follows from the config; return the config and the common layer arguments."""
        settings = self.settings = read_config(type(self), config, options)
        self.config = dataclasses.asdict(settings)
        self.vocab_size, self.max_len = settings.vocab_size, settings.max_len
        self.n_classes = settings.n_classes
        self.seed, self.dtype = settings.seed, np.dtype(settings.dtype)
        self.ops = OPS[settings.ops]
        rng = np.random.default_rng(settings.seed)
        return settings, {"rng": rng, "dtype": settings.dtype, "ops": self.ops}

    def _make_positions(self, rng):
        """The layer that adds positions; None if attention applies them, or none are used."""
        settings = self.settings
        if settings.positions in ("rotary", "alibi", "none"):
            return None
        return PositionalEncoding(
            settings.positions, self.max_len, settings.d_model, rng=rng, dtype=settings.dtype
        )

    def _make_final_norm(self):
        settings = self.settings
        if not settings.has_final_norm:
            return None
        return make_norm(
            settings.norm_kind,
            settings.d_model,
            eps=settings.norm_eps,
            dtype=settings.dtype,
            ops=self.ops,
        )

    def _make_token_head(self, embedding, vocab_size, shared):
        settings = self.settings
        if settings.tied:
            return TiedHead(embedding, bias=settings.head_bias, ops=self.ops)
        return Linear(settings.d_model, vocab_size, bias=settings.head_bias, **shared)

    def _embed(self, ids, embedding, positions, rng):
        """ids (B, T) -> x (B, T, D), :class:`EmbeddedCache`."""
        embedded, embedding_cache = embedding.forward(ids)
        x, positions_cache = embedded, None
        if positions is not None:
            x, positions_cache = positions.forward(embedded)
        x, dropout = self.dropout.forward(x, rng=rng)
        return x, EmbeddedCache(embedding_cache, embedded, positions_cache, dropout)

    def _embed_backward(self, dx, embedding, positions, cache):
        """dx (B, T, D) -> the gradient of the embedded tokens, (B, T, D)."""
        dembedded = self.dropout.backward(dx, cache.dropout)
        if positions is not None:
            dembedded = positions.backward(dembedded, cache.positions)
        embedding.backward(dembedded, cache.embedding)
        return dembedded

    def _through(self, blocks, norm, x, **options):
        """x (B, T, D) -> the output of the blocks and of the norm after them, and their caches."""
        caches, norm_cache = [], None
        for block in blocks:
            x, cache = block.forward(x, **options)
            caches.append(cache)
        if norm is not None:
            x, norm_cache = norm.forward(x)
        return x, tuple(caches), norm_cache

    def _back_through(self, blocks, norm, dx, cache):
        """dx (B, T, D) -> the gradient of the first block's input, (B, T, D)."""
        if norm is not None:
            dx = norm.backward(dx, cache.norm)
        for block, block_cache in zip(reversed(blocks), reversed(cache.blocks), strict=True):
            dx = block.backward(dx, block_cache)
        return dx

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

    def _check_capacity(self, capacity):
        if isinstance(capacity, bool) or not hasattr(capacity, "__index__"):
            raise TypeError(f"capacity must be a whole number, got {capacity!r}")
        if not 1 <= capacity <= self.max_len:
            raise ValueError(f"capacity must lie in 1 .. max_len = {self.max_len}, got {capacity}")
