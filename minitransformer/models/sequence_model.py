"""What the models that write share: settings, embedded tokens, checks of a batch."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from minitransformer.backend import array_module
from minitransformer.functional import check_ids
from minitransformer.layers import Linear, TiedHead, make_norm
from minitransformer.models.settings import OPS, check_names


class EmbeddedCache(NamedTuple):
    """Tokens on their way in: embedded (B, T, D) is before positions and dropout."""

    embedding: Any
    embedded: Any
    positions: Any
    dropout: Any


def read_settings(cls, config, options):
    """The frozen settings of a model, from an object, a dict, or keyword arguments.

    Raises
    ------
    TypeError
        If a name is unknown, or `config` is something else.
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
    """Refuse an upstream gradient without the logits' shape: one of the same size would pass.

    Raises
    ------
    ValueError
    """
    found = getattr(dlogits, "shape", type(dlogits).__name__)
    if found != shape:
        raise ValueError(f"dlogits must have the shape of the logits, {shape}, got {found}")


class SequenceModel:
    """Parts of a model that writes; a mixin of :class:`GPT` and :class:`Transformer`.

    Attributes
    ----------
    settings : GPTConfig or TransformerConfig
    config : dict
        The same as a dict: what files and checkpoints hold.
    """

    def _begin(self, config, options):
        """Take over the settings; returns them, and what every layer takes by name."""
        settings = self.settings = read_settings(type(self), config, options)
        self.config = dataclasses.asdict(settings)
        self.vocab_size, self.max_len = settings.vocab_size, settings.max_len
        self.seed, self.dtype = settings.seed, np.dtype(settings.dtype)
        self.ops = OPS[settings.ops]
        rng = np.random.default_rng(settings.seed)
        return settings, {"rng": rng, "dtype": settings.dtype, "ops": self.ops}

    def _final_norm(self):
        settings = self.settings
        if not settings.has_final_norm:
            return None
        return make_norm(
            getattr(settings, "norm_kind", "layer"),
            settings.d_model,
            eps=settings.norm_eps,
            dtype=settings.dtype,
            ops=self.ops,
        )

    def _head(self, embedding, vocab_size, draws):
        settings = self.settings
        if settings.tied:
            return TiedHead(embedding, bias=settings.head_bias, ops=self.ops)
        return Linear(settings.d_model, vocab_size, bias=settings.head_bias, **draws)

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
        """x (B, T, D) -> what leaves the blocks and the norm behind them, and their caches."""
        caches, norm_cache = [], None
        for block in blocks:
            x, cache = block.forward(x, **options)
            caches.append(cache)
        if norm is not None:
            x, norm_cache = norm.forward(x)
        return x, tuple(caches), norm_cache

    def _back_through(self, blocks, norm, dx, cache):
        """dx (B, T, D) -> the gradient of what entered the first block, (B, T, D)."""
        if norm is not None:
            dx = norm.backward(dx, cache.norm)
        for block, block_cache in zip(reversed(blocks), reversed(cache.blocks), strict=True):
            dx = block.backward(dx, block_cache)
        return dx

    def _check_batch(self, ids, mask, vocab_size, name="ids", padding="behind"):
        """Refuse ids or a mask of a wrong shape, type or range, and padding on the wrong side.

        `padding` says where it may stand: "behind" the tokens, "before" them, or "anywhere".
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
        if not isinstance(mask, np.ndarray):  # on a device this would wait for it
            return
        if padding == "behind" and (mask[:, 1:] > mask[:, :-1]).any():
            raise ValueError(
                f"padding must stand behind the tokens of {name}: a mask that turns from False "
                "to True is for decoding, by start and extend"
            )
        if padding == "before" and (mask[:, 1:] < mask[:, :-1]).any():
            raise ValueError(
                f"padding must stand before the tokens of {name} in decoding: the last place is "
                "where the next token comes from"
            )

    def _check_capacity(self, capacity):
        if isinstance(capacity, bool) or not hasattr(capacity, "__index__"):
            raise TypeError(f"capacity must be a whole number, got {capacity!r}")
        if not 1 <= capacity <= self.max_len:
            raise ValueError(f"capacity must lie in 1 .. max_len = {self.max_len}, got {capacity}")
