"""The encoder that reads: a text goes in, a class comes out."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer.backend import array_module
from minitransformer.functional import check_ids, check_probability
from minitransformer.layers import (
    ACTIVATIONS,
    ATTENTIONS,
    NORMS,
    POSITIONS,
    Dropout,
    Embedding,
    EncoderBlock,
    FlatParameters,
    LayerNorm,
    Linear,
    PositionalEncoding,
)
from minitransformer.models.sequence_model import check_dlogits
from minitransformer.models.settings import OPS
from minitransformer.training.trainable import Trainable

POOLINGS = ("mean", "max", "first")


class ClassifierCache(NamedTuple):
    """Every intermediate value of a forward pass, by name: ``cache.blocks[0].attention.P``."""

    embedding: Any
    embedded: Any
    positions: Any
    dropout: Any
    blocks: tuple
    norm: Any
    hidden: Any
    mask: Any
    pooling: Any
    pooled: Any
    head: Any


class TransformerClassifier(Trainable):
    r"""Encoder, pooling over time, linear head.

    .. math::
        h^0 &= \sqrt{D} \, W_{\mathrm{ids}} + P, \qquad h^n = \mathrm{Block}_n(h^{n-1}) \\
        \mathrm{logits} &= \mathrm{pool}(h^N) \, W + b

    With the norm "pre", a last layer norm stands between the blocks and the pooling.

    Parameters
    ----------
    vocab_size, n_classes : int
        V and C.
    max_len : int
        Longest sequence, in tokens.
    d_model, n_heads, d_ff, n_layers : int
        D, H, F and N; n_heads must divide d_model.
    dropout : float
        Of the embeddings, the attention weights and both residual branches.
    norm : {"pre", "post"}
    positions : {"sinusoidal", "learned", "scalar", "none"}
    pooling : {"mean", "max", "first"}
        Padding is left out.
    activation : {"relu", "gelu", "gelu_tanh"}
    attention : {"full", "tiled"}
        "tiled" needs memory in proportion to T, not to its square, in training too; the numbers
        are the same but for rounding, and for which weights dropout drops.
    seed : int
        Draws the initial weights, and everything random in training.
    dtype : {"float16", "float32", "float64"}
    ops : {"fused", "plain"}
        The faster functions of `fused`, or those of `functional` throughout; the results agree to
        rounding.

    Raises
    ------
    ValueError
        If a value is out of range; the message says what is allowed.

    Source: Vaswani et al. 2017, the left half of figure 1.
    """

    def __init__(
        self,
        vocab_size,
        n_classes,
        *,
        max_len=256,
        d_model=128,
        n_heads=4,
        d_ff=512,
        n_layers=2,
        dropout=0.1,
        norm="pre",
        positions="sinusoidal",
        pooling="mean",
        activation="gelu",
        attention="full",
        seed=0,
        dtype="float32",
        ops="fused",
    ):
        self.config = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in locals().items()
            if name not in ("self", "__class__")
        }
        _check_config(self.config)
        self.vocab_size, self.n_classes, self.max_len = vocab_size, n_classes, max_len
        self.seed, self.dtype, self.pooling, self.norm = seed, np.dtype(dtype), pooling, norm
        self.ops = OPS[ops]
        rng = np.random.default_rng(seed)
        draws = {"rng": rng, "dtype": dtype, "ops": self.ops}
        self.embedding = Embedding(vocab_size, d_model, scale=d_model**0.5, **draws)
        self.positions = PositionalEncoding(positions, max_len, d_model, rng=rng, dtype=dtype)
        self.dropout = Dropout(dropout, ops=self.ops)
        self.blocks = [
            EncoderBlock(
                d_model,
                n_heads,
                d_ff,
                dropout=dropout,
                norm=norm,
                activation=activation,
                attention=attention,
                **draws,
            )
            for _ in range(n_layers)
        ]
        self.final_norm = LayerNorm(d_model, dtype=dtype, ops=self.ops) if norm == "pre" else None
        self.head = Linear(d_model, n_classes, **draws)
        self.flat = FlatParameters(self.parameters())

    def forward(self, ids, *, mask=None, rng=None):
        """Class scores of a batch of token ids.

        Parameters
        ----------
        ids : (B, T) int array
        mask : (B, T) bool array, optional
            True = a real token; without it every id is one.
        rng : Generator, optional
            Turns dropout on.

        Returns
        -------
        logits : (B, C) array
        cache : ClassifierCache

        Raises
        ------
        TypeError, ValueError
            If ids or mask have the wrong shape, type or range.
        """
        self._check_batch(ids, mask)
        embedded, embedding = self.embedding.forward(ids)
        x, positions = self.positions.forward(embedded)
        x, dropout = self.dropout.forward(x, rng=rng)
        attention_mask = None if mask is None else mask[:, None, None, :]
        blocks = []
        for block in self.blocks:
            x, cache = block.forward(x, mask=attention_mask, rng=rng)
            blocks.append(cache)
        norm = None
        if self.final_norm is not None:
            x, norm = self.final_norm.forward(x)
        pooled, pooling = self._pool(x, mask)
        logits, head = self.head.forward(pooled)
        return logits, ClassifierCache(
            embedding,
            embedded,
            positions,
            dropout,
            tuple(blocks),
            norm,
            x,
            mask,
            pooling,
            pooled,
            head,
        )

    def backward(self, dlogits, cache):
        """Add to every parameter's gradient.

        Parameters
        ----------
        dlogits : (B, C) array
            Gradient of the loss with respect to the logits.
        cache : ClassifierCache
            From :meth:`forward`.

        Returns
        -------
        dembedded : (B, T, D) array
            Gradient with respect to the embedded tokens; ids themselves have none.

        Raises
        ------
        ValueError
            If `dlogits` has not the shape of the logits.
        """
        check_dlogits(dlogits, (len(cache.pooled), self.n_classes))
        dx = self._pool_backward(self.head.backward(dlogits, cache.head), cache)
        if self.final_norm is not None:
            dx = self.final_norm.backward(dx, cache.norm)
        for block, block_cache in zip(reversed(self.blocks), reversed(cache.blocks), strict=True):
            dx = block.backward(dx, block_cache)
        dx = self.dropout.backward(dx, cache.dropout)
        dembedded = self.positions.backward(dx, cache.positions)
        self.embedding.backward(dembedded, cache.embedding)
        return dembedded

    def _pool(self, x, mask):
        """Pooled x (B, D), and the winners' positions where the pooling is a maximum."""
        if self.pooling == "max":
            return self.ops.max_pool(x, mask)
        return getattr(self.ops, f"{self.pooling}_pool")(x, mask), None

    def _pool_backward(self, dpooled, cache):
        length = cache.hidden.shape[1]
        if self.pooling == "max":
            return self.ops.max_pool_backward(dpooled, cache.pooling, length)
        backward = getattr(self.ops, f"{self.pooling}_pool_backward")
        return backward(dpooled, length, cache.mask)

    def _check_batch(self, ids, mask):
        array_module(ids=ids, mask=mask)
        if ids.ndim != 2:
            raise ValueError(f"ids must be (B, T), got shape {ids.shape}")
        check_ids(ids, self.vocab_size)
        if mask is not None and mask.shape != ids.shape:
            raise ValueError(f"mask must have the shape of ids, {ids.shape}, got {mask.shape}")


def _check_config(config):
    """One sentence for each value that is out of range."""
    sizes = ("vocab_size", "n_classes", "max_len", "d_model", "n_heads", "d_ff", "n_layers")
    for name in (*sizes, "seed"):
        low, value = {"n_classes": 2, "n_layers": 0, "seed": 0}.get(name, 1), config[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise ValueError(f"{name} must be an integer of at least {low}, got {value!r}")
    if config["d_model"] % config["n_heads"]:
        raise ValueError(
            f"n_heads must divide d_model = {config['d_model']}, got {config['n_heads']}"
        )
    check_probability("dropout", config["dropout"])
    # The layers check these too, but not all of them where there are no blocks.
    choices = {
        "positions": POSITIONS, "pooling": POOLINGS, "activation": ACTIVATIONS,
        "attention": ATTENTIONS, "ops": OPS,
    }  # fmt: skip
    for name, allowed in choices.items():
        if config[name] not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {config[name]!r}")
    if config["norm"] not in NORMS:
        raise ValueError(f"norm must be 'pre' or 'post', got {config['norm']!r}")
    if config["dtype"] not in ("float16", "float32", "float64"):
        raise ValueError(
            f"dtype must be 'float16', 'float32' or 'float64', got {config['dtype']!r}"
        )
