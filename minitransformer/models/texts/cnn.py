"""Convolutions over a text: filters look for short phrases, wherever they are."""

from typing import Any, NamedTuple

from minitransformer.backend import array_module
from minitransformer.layers import Conv1D, Dropout, Embedding, FlatParameters, Linear
from minitransformer.layers.shown import by_shape
from minitransformer.models.network import TextNetwork, check_dlogits, sizes_first
from minitransformer.models.texts.config import TextCNNConfig
from minitransformer.training.text_kinds import PlainTexts


@by_shape
class TextCNNCache(NamedTuple):
    """Every intermediate value of a forward pass, by name.

    convolutions, answers and places have one entry for each width. answers (B, T, F) are those of
    the filters at each token, places (B, F) tell where each filter answered most (-1 in a text
    without tokens), and pooled (B, F times the number of widths) are these maxima after the ReLU.
    """

    embedding: Any
    embedded: Any
    mask: Any
    convolutions: tuple
    answers: tuple
    places: tuple
    pooled: Any
    dropout: Any
    head: Any


class TextCNN(TextNetwork):
    r"""Convolutions of several widths, maximum over time, linear head.

    .. math::
        c^K &= \mathrm{conv}_K(W_{\mathrm{ids}}), \qquad
        z^K_f = \mathrm{ReLU}(\max_t c^K_{tf}) \\
        \mathrm{logits} &= [\, z^{3}; z^{4}; z^{5} \,] \, U + b

    The convolutions have "same" padding, so there is one answer per token, and texts that are
    shorter than a filter need no special treatment. The vectors of padding tokens are 0. So the
    padding of a batch has no effect on the logits.

    Parameters
    ----------
    config : TextCNNConfig, dict or int, optional
        A whole config, or just its first field, the size of the vocabulary.
    n_classes : int, optional
        C, the number of classes, if `config` does not contain it.
    **options
        Fields of :class:`TextCNNConfig`, in place of `config` or in addition to it.

    Raises
    ------
    TypeError
        If an option is unknown; the message suggests close matches.
    ValueError
        If a value is out of range; the message says what is allowed.

    Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification", section 2.
    """

    Config = TextCNNConfig
    learns_from = PlainTexts()

    def __init__(self, config=None, n_classes=None, **options):
        settings, shared = self._configure(*sizes_first(config, n_classes, options))
        D, F = settings.d_model, settings.n_filters
        self.embedding = Embedding(self.vocab_size, D, **shared)
        self.convolutions = [
            Conv1D(D, F, width, padding="same", **shared) for width in settings.widths
        ]
        self.dropout = Dropout(settings.dropout, ops=self.ops)
        self.head = Linear(F * len(settings.widths), self.n_classes, **shared)
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
        cache : TextCNNCache

        Raises
        ------
        TypeError, ValueError
            If ids or mask have the wrong shape, type or range.
        """
        self._check_batch(ids, mask, self.vocab_size, padding="both")
        xp = array_module(ids)
        embedded, embedding = self.embedding.forward(ids)
        if mask is not None:
            embedded = embedded * mask[..., None]
        convolutions, answers, places, maxima = [], [], [], []
        for convolution in self.convolutions:
            answer, cache = convolution.forward(embedded)
            maximum, place = self.ops.max_pool(answer, mask)
            convolutions.append(cache)
            answers.append(answer)
            places.append(place)
            maxima.append(maximum)
        # ReLU never falls, so it may follow the maximum, where it has T times fewer numbers.
        pooled = self.ops.relu(xp.concatenate(maxima, axis=1))
        x, dropout = self.dropout.forward(pooled, rng=rng)
        logits, head = self.head.forward(x)
        return logits, TextCNNCache(
            embedding, embedded, mask, tuple(convolutions), tuple(answers), tuple(places), pooled,
            dropout, head,
        )  # fmt: skip

    def backward(self, dlogits, cache):
        """Add to every parameter's gradient.

        Parameters
        ----------
        dlogits : (B, C) array
            Gradient of the loss with respect to the logits.
        cache : TextCNNCache
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
        dx = self.head.backward(dlogits, cache.head)
        dpooled = self.ops.relu_backward(self.dropout.backward(dx, cache.dropout), cache.pooled)
        F, T = self.settings.n_filters, cache.embedded.shape[1]
        dembedded = 0
        for i, convolution in enumerate(self.convolutions):
            dmaximum = dpooled[:, i * F : (i + 1) * F]
            danswer = self.ops.max_pool_backward(dmaximum, cache.places[i], T)
            dembedded = dembedded + convolution.backward(danswer, cache.convolutions[i])
        if cache.mask is not None:
            dembedded *= cache.mask[..., None]
        self.embedding.backward(dembedded, cache.embedding)
        return dembedded
