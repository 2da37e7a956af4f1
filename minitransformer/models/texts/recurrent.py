"""Recurrent layers over a text, pooling, linear head."""

from typing import Any, NamedTuple

from minitransformer.backend import array_module
from minitransformer.layers import (
    Bidirectional,
    Dropout,
    Embedding,
    FlatParameters,
    Linear,
    Recurrent,
)
from minitransformer.layers.shown import by_shape
from minitransformer.models.network import TextNetwork, check_dlogits, sizes_first
from minitransformer.models.texts.config import RecurrentConfig
from minitransformer.training.text_kinds import RecurrentTexts


@by_shape
class RecurrentClassifierCache(NamedTuple):
    """Every intermediate value of a forward pass, by name.

    recurrences and dropouts have one entry for each layer; hidden (B, T, E or 2E) is the output of
    the last layer after its dropout.
    """

    embedding: Any
    embedded: Any
    mask: Any
    first_dropout: Any
    recurrences: tuple
    dropouts: tuple
    hidden: Any
    index: Any
    pooled: Any
    head: Any


class RecurrentClassifier(TextNetwork):
    r"""Word vectors, recurrent layers one above the other, pooling over time, linear head.

    .. math::
        h^0 = W_{\mathrm{ids}}, \qquad h^n = \mathrm{cell}_n(h^{n-1}), \qquad
        \mathrm{logits} = \mathrm{pool}(h^N) \, U + b

    The vectors of padding are left out: at padding, a state does not change.

    Parameters
    ----------
    config : RecurrentConfig, dict or int, optional
        A whole config, or just its first field, the size of the vocabulary.
    n_classes : int, optional
        C, the number of classes, if `config` does not contain it.
    **options
        Fields of :class:`RecurrentConfig`, in place of `config` or in addition to it.

    Raises
    ------
    TypeError
        If an option is unknown; the message suggests close matches.
    ValueError
        If a value is out of range; the message says what is allowed.

    Source: Hochreiter and Schmidhuber 1997; Graves and Schmidhuber 2005 for two directions.
    """

    Config = RecurrentConfig
    learns_from = RecurrentTexts()

    def __init__(self, config=None, n_classes=None, **options):
        settings, shared = self._configure(*sizes_first(config, n_classes, options))
        self.pooling, self.bidirectional = settings.pooling, settings.bidirectional
        self.embedding = Embedding(self.vocab_size, settings.d_model, **shared)
        self.dropout = Dropout(settings.dropout, ops=self.ops)
        layer = Bidirectional if self.bidirectional else Recurrent
        widths = [settings.d_model] + [settings.d_output] * (settings.n_layers - 1)
        self.recurrences = [layer(settings.cell, D, settings.d_state, **shared) for D in widths]
        self.head = Linear(settings.d_output, self.n_classes, **shared)
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
        cache : RecurrentClassifierCache

        Raises
        ------
        TypeError, ValueError
            If ids or mask have the wrong shape, type or range.
        """
        self._check_batch(ids, mask, self.vocab_size, padding="both")
        embedded, embedding = self.embedding.forward(ids)
        x, first = self.dropout.forward(embedded, rng=rng)
        recurrences, dropouts = [], []
        for layer in self.recurrences:
            x, cache = layer.forward(x, mask=mask)
            x, dropout = self.dropout.forward(x, rng=rng)
            recurrences.append(cache)
            dropouts.append(dropout)
        pooled, index = self._pool(x, mask)
        logits, head = self.head.forward(pooled)
        return logits, RecurrentClassifierCache(
            embedding, embedded, mask, first, tuple(recurrences), tuple(dropouts), x, index, pooled,
            head,
        )  # fmt: skip

    def backward(self, dlogits, cache):
        """Add to every parameter's gradient.

        Parameters
        ----------
        dlogits : (B, C) array
            Gradient of the loss with respect to the logits.
        cache : RecurrentClassifierCache
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
        steps = zip(self.recurrences, cache.recurrences, cache.dropouts, strict=True)
        for layer, recurrence, dropout in reversed(list(steps)):
            dx = layer.backward(self.dropout.backward(dx, dropout), recurrence)
        dembedded = self.dropout.backward(dx, cache.first_dropout)
        self.embedding.backward(dembedded, cache.embedding)
        return dembedded

    def _pool(self, x, mask):
        """Pooled x (B, E or 2E), and for "max" the positions of the largest values."""
        if self.pooling == "max":
            return self.ops.max_pool(x, mask)
        if self.pooling == "mean":
            return self.ops.mean_pool(x, mask), None
        # States do not change at padding: the last one of each direction is at the end of x.
        if not self.bidirectional:
            return x[:, -1].copy(), None
        E = self.settings.d_state
        return array_module(x).concatenate([x[:, -1, :E], x[:, 0, E:]], axis=1), None

    def _pool_backward(self, dpooled, cache):
        length = cache.hidden.shape[1]
        if self.pooling == "max":
            return self.ops.max_pool_backward(dpooled, cache.index, length)
        if self.pooling == "mean":
            return self.ops.mean_pool_backward(dpooled, length, cache.mask)
        dx = array_module(dpooled).zeros(cache.hidden.shape, dpooled.dtype)
        if not self.bidirectional:
            dx[:, -1] = dpooled
            return dx
        E = self.settings.d_state
        dx[:, -1, :E], dx[:, 0, E:] = dpooled[:, :E], dpooled[:, E:]
        return dx
