"""The mean of word vectors, and a linear head: the simplest model that learns its own vectors."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer.backend import array_module
from minitransformer.layers import Dropout, Embedding, FlatParameters, Linear
from minitransformer.layers.shown import by_shape
from minitransformer.models.network import TextNetwork, check_dlogits, sizes_first
from minitransformer.models.texts.config import BagConfig
from minitransformer.training.text_kinds import PlainTexts

FACTOR = 1_000_003
"""A prime number: pairs of ids that differ get different numbers, before the remainder is taken."""


@by_shape
class BagCache(NamedTuple):
    """Every intermediate value of a forward pass, by name.

    embedded (B, T', D) holds the vectors of the T tokens, and after them those of their T - 1 pairs
    if the model has pairs; mask (B, T') is True for real tokens and pairs, or None.
    """

    embedding: Any
    embedded: Any
    mask: Any
    pooled: Any
    dropout: Any
    head: Any


def hashed_pairs(ids, n_pairs):
    r"""A number for each pair of neighbouring tokens, :math:`(1000003 \, i_t + i_{t+1}) \bmod P`.

    Parameters
    ----------
    ids : (B, T) int array
    n_pairs : int
        P, the number of different numbers.

    Returns
    -------
    (B, T - 1) int array
        0 to P - 1.
    """
    return (ids[:, :-1].astype(np.int64) * FACTOR + ids[:, 1:]) % n_pairs


class BagOfEmbeddings(TextNetwork):
    r"""Mean of word vectors, linear head.

    .. math::
        \mathrm{logits} = \Big( \frac{1}{n} \sum_{g} W_g \Big) \, U + b

    Here g runs through the tokens of the text and, with ``n_pairs > 0``, its pairs of neighbouring
    tokens; n is their number. Without pairs the order of the words has no effect at all.

    Parameters
    ----------
    config : BagConfig, dict or int, optional
        A whole config, or just its first field, the size of the vocabulary.
    n_classes : int, optional
        C, the number of classes, if `config` does not contain it.
    **options
        Fields of :class:`BagConfig`, in place of `config` or in addition to it.

    Raises
    ------
    TypeError
        If an option is unknown; the message suggests close matches.
    ValueError
        If a value is out of range; the message says what is allowed.

    Source: Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification", section 2.
    """

    Config = BagConfig
    learns_from = PlainTexts()

    def __init__(self, config=None, n_classes=None, **options):
        settings, shared = self._configure(*sizes_first(config, n_classes, options))
        self.n_pairs = settings.n_pairs
        rows = self.vocab_size + self.n_pairs
        self.embedding = Embedding(rows, settings.d_model, **shared)
        self.dropout = Dropout(settings.dropout, ops=self.ops)
        self.head = Linear(settings.d_model, self.n_classes, **shared)
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
        cache : BagCache

        Raises
        ------
        TypeError, ValueError
            If ids or mask have the wrong shape, type or range.
        """
        self._check_batch(ids, mask, self.vocab_size, padding="both")
        if self.n_pairs:
            ids, mask = self._with_pairs(ids, mask)
        embedded, embedding = self.embedding.forward(ids)
        pooled = self.ops.mean_pool(embedded, mask)
        x, dropout = self.dropout.forward(pooled, rng=rng)
        logits, head = self.head.forward(x)
        return logits, BagCache(embedding, embedded, mask, pooled, dropout, head)

    def backward(self, dlogits, cache):
        """Add to every parameter's gradient.

        Parameters
        ----------
        dlogits : (B, C) array
            Gradient of the loss with respect to the logits.
        cache : BagCache
            From :meth:`forward`.

        Returns
        -------
        dembedded : (B, T', D) array
            Gradient with respect to the vectors of the tokens and pairs.

        Raises
        ------
        ValueError
            If `dlogits` does not have the shape of the logits.
        """
        check_dlogits(dlogits, (len(cache.pooled), self.n_classes))
        dx = self.head.backward(dlogits, cache.head)
        dpooled = self.dropout.backward(dx, cache.dropout)
        dembedded = self.ops.mean_pool_backward(dpooled, cache.embedded.shape[1], cache.mask)
        self.embedding.backward(dembedded, cache.embedding)
        return dembedded

    def _with_pairs(self, ids, mask):
        """The ids and mask of the tokens, and after them those of their pairs."""
        xp = array_module(ids)
        pairs = self.vocab_size + hashed_pairs(ids, self.n_pairs)
        if mask is not None:
            mask = xp.concatenate([mask, mask[:, :-1] & mask[:, 1:]], axis=1)
        return xp.concatenate([ids, pairs], axis=1), mask
