"""The classifier: an encoder reads a text, and a linear head computes the scores of the classes."""

from typing import Any, NamedTuple

from minitransformer.layers import (
    Dropout,
    Embedding,
    EncoderBlock,
    FlatParameters,
    Linear,
    PositionalEncoding,
)
from minitransformer.layers.shown import by_shape
from minitransformer.models.config import ClassifierConfig
from minitransformer.models.network import check_dlogits, sizes_first
from minitransformer.models.sequence_model import SequenceModel, key_mask


@by_shape
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


class TransformerClassifier(SequenceModel):
    r"""Encoder, pooling over time, linear head.

    .. math::
        h^0 &= \sqrt{D} \, W_{\mathrm{ids}} + P, \qquad h^n = \mathrm{Block}_n(h^{n-1}) \\
        \mathrm{logits} &= \mathrm{pool}(h^N) \, W + b

    With the norm "pre", a layer norm comes between the last block and the pooling.

    Parameters
    ----------
    config : ClassifierConfig, dict or int, optional
        A whole config, or just its first field, the size of the vocabulary.
    n_classes : int, optional
        C, the number of classes, if `config` does not contain it.
    **options
        Fields of :class:`ClassifierConfig`, in place of `config` or in addition to it.

    Raises
    ------
    TypeError
        If an option is unknown; the message suggests close matches.
    ValueError
        If a value is out of range; the message says what is allowed.

    Source: Vaswani et al. 2017, the left half of figure 1.
    """

    Config = ClassifierConfig

    def __init__(self, config=None, n_classes=None, **options):
        settings, shared = self._configure(*sizes_first(config, n_classes, options))
        D, rng = settings.d_model, shared["rng"]
        self.pooling, self.norm = settings.pooling, settings.norm
        self.embedding = Embedding(self.vocab_size, D, scale=settings.scale, **shared)
        self.positions = PositionalEncoding(
            settings.positions, self.max_len, D, rng=rng, dtype=settings.dtype
        )
        self.dropout = Dropout(settings.dropout, ops=self.ops)
        self.blocks = [
            EncoderBlock(D, settings.n_heads, settings.d_ff, **settings.block_options(), **shared)
            for _ in range(settings.n_layers)
        ]
        self.final_norm = self._make_final_norm()
        self.head = Linear(D, self.n_classes, **shared)
        self.flat = FlatParameters(self.parameters())

    def forward(self, ids, *, mask=None, rng=None):
        """Class scores of a batch of token ids.

        Parameters
        ----------
        ids : (B, T) int array
        mask : (B, T) bool array, optional
            True = a real token. Without a mask, every id is a real token.
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
        self._check_batch(ids, mask, self.vocab_size, padding="both")
        x, embedded = self._embed(ids, self.embedding, self.positions, rng)
        x, blocks, norm = self._through(
            self.blocks, self.final_norm, x, mask=key_mask(mask), rng=rng
        )
        pooled, pooling = self._pool(x, mask)
        logits, head = self.head.forward(pooled)
        return logits, ClassifierCache(*embedded, blocks, norm, x, mask, pooling, pooled, head)

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
            Gradient with respect to the embedded tokens; ids themselves have no gradient.

        Raises
        ------
        ValueError
            If `dlogits` does not have the shape of the logits.
        """
        check_dlogits(dlogits, (len(cache.pooled), self.n_classes))
        dx = self._pool_backward(self.head.backward(dlogits, cache.head), cache)
        dx = self._back_through(self.blocks, self.final_norm, dx, cache)
        return self._embed_backward(dx, self.embedding, self.positions, cache)

    def _pool(self, x, mask):
        """Pooled x (B, D), and for "max" the positions of the largest values."""
        if self.pooling == "max":
            return self.ops.max_pool(x, mask)
        return getattr(self.ops, f"{self.pooling}_pool")(x, mask), None

    def _pool_backward(self, dpooled, cache):
        length = cache.hidden.shape[1]
        if self.pooling == "max":
            return self.ops.max_pool_backward(dpooled, cache.pooling, length)
        backward = getattr(self.ops, f"{self.pooling}_pool_backward")
        return backward(dpooled, length, cache.mask)
