"""Which tokens counted: the gradient at the text, and the gradient along a way to it."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer.backend import array_module, to_host
from minitransformer.interpret.attention import real_tokens
from minitransformer.layers import Layer


def lead(logits, classes):
    r"""How far the score of a class is ahead of the others' mean.

    .. math:: s = z_k - \frac{1}{C - 1} \sum_{j \ne k} z_j

    It is what attributions share out among the tokens. The logit alone would not do: adding the
    same to all logits changes no probability, and would count all the same.

    Parameters
    ----------
    logits : (B, C) array
        z.
    classes : (B,) int array
        k for each text.

    Returns
    -------
    (B,) array, on the host

    Raises
    ------
    ValueError
        If there is not one class for each text, or it is out of range.
    """
    logits = to_host(logits)
    return (logits * _lead_gradient(logits.shape, classes, logits.dtype)).sum(axis=1)


def gradient_x_input(model, cache, classes):
    r"""How far each token pushes the score of a class, to first order.

    .. math:: g_t = \sum_d \frac{\partial s}{\partial x_{td}} \, x_{td}, \qquad
        s = z_k - \frac{1}{C - 1} \sum_{j \ne k} z_j

    with x the embedded tokens and z the logits: the rate at which the lead of class k over the
    others grows when the token's vector is made longer.

    Parameters
    ----------
    model : TransformerClassifier
        The model that made `cache`. Its gradients are left alone.
    cache : ClassifierCache
        Of a forward pass on ids (B, T), without dropout.
    classes : (B,) int array
        k for each text.

    Returns
    -------
    (B, T) array, on the host
        Positive: speaks for class k. 0 at padding.

    Raises
    ------
    ValueError
        If there is not one class for each text, or it is out of range.

    Source: Shrikumar et al., "Not just a black box", 2016, section 2 (gradient * input).
    """
    x = cache.embedded
    dlogits = _upstream(model, x, classes)
    # The replica shares the values and has gradients of its own, so the model's stay untouched.
    dx = model.replica().backward(dlogits, cache)
    return _per_token(cache, dx * x)


class IntegratedGradients(NamedTuple):
    """tokens (B, T): the share of each token; gap (B,): their sum, less what they should sum to.

    The gap is 0 but for rounding where the integral was computed with enough steps.
    """

    tokens: Any
    gap: Any


def integrated_gradients(model, cache, classes, *, steps=64, baseline=None):
    r"""How the lead of a class adds up, token by token, on the way from nothing to the text.

    .. math:: a_t = \sum_d (x_{td} - x'_{td}) \int_0^1
        \frac{\partial s}{\partial x_{td}} \big( x' + \alpha (x - x') \big) \, d\alpha, \qquad
        \sum_t a_t = s(x) - s(x')

    with x the embedded tokens, x' the baseline and s the lead, as in :func:`gradient_x_input`,
    which is the same with the gradient at the end of the way alone. Completeness, the second
    equation, holds for the integral; here it is a sum over Gauss-Legendre nodes, and how far that
    falls short is returned.

    The baseline is the zero vector for every token, as the paper proposes for texts: positions
    are there, words are not, and all words are equally far from it on average. The vector of
    padding would be no "nothing": no model ever reads it, so it stays what it was drawn as, some
    random word.

    Parameters
    ----------
    model : TransformerClassifier
        The model that made `cache`. Its gradients are left alone.
    cache : ClassifierCache
        Of a forward pass on ids (B, T).
    classes : (B,) int array
        k for each text.
    steps : int
        Nodes of the sum: each costs a forward and a backward pass.
    baseline : array that broadcasts to (B, T, D), optional
        x', on the side of the model: with ``model.embedding(ids)`` any other text.

    Returns
    -------
    IntegratedGradients
        On the host. tokens are positive where they speak for class k, and 0 at padding.

    Raises
    ------
    ValueError
        If there is not one class for each text, it is out of range, there is no step, or the
        baseline does not fit.

    Source: Sundararajan et al. 2017, "Axiomatic attribution for deep networks", equation (1), and
    proposition 1 for completeness.
    """
    dlogits = _upstream(model, cache.embedded, classes)
    start = _baseline(baseline, cache.embedded)
    way = cache.embedded - start
    twin = model.replica()

    def forward(alpha):
        twin.embedding = _Given(start + alpha * way)
        return twin.forward(cache.embedding.ids, mask=cache.mask)

    total = array_module(way).zeros_like(way)
    for alpha, weight in _nodes(steps):
        total += weight * twin.backward(dlogits, forward(alpha)[1])
    tokens = _per_token(cache, way * total)
    change = lead(forward(1.0)[0], classes) - lead(forward(0.0)[0], classes)
    return IntegratedGradients(tokens, tokens.sum(axis=1) - change)


class _Given(Layer):
    """In place of an embedding: these vectors (B, T, D), whatever the ids."""

    def __init__(self, vectors):
        self.vectors = vectors

    def forward(self, ids, *, mask=None, rng=None):
        return self.vectors, None

    def backward(self, dy, cache):
        """Nothing to learn here."""


def _nodes(steps):
    """Places between 0 and 1 with their weights, whose sums are integrals of smooth functions."""
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    nodes, weights = np.polynomial.legendre.leggauss(steps)  # on -1 .. 1
    return [(float(a + 1) / 2, float(w) / 2) for a, w in zip(nodes, weights, strict=True)]


def _baseline(baseline, x):
    """`baseline` with the shape and dtype of x (B, T, D)."""
    if baseline is None:
        return array_module(x).zeros_like(x)
    xp = array_module(baseline=baseline, embedded=x)
    try:
        return xp.broadcast_to(baseline, x.shape).astype(x.dtype)
    except ValueError:
        raise ValueError(
            f"baseline must broadcast to (B, T, D) = {x.shape}, got {baseline.shape}"
        ) from None


def _upstream(model, x, classes):
    """The lead's gradient with respect to the logits, (B, C), where x lies."""
    return array_module(x).asarray(_lead_gradient((len(x), model.n_classes), classes, x.dtype))


def _lead_gradient(shape, classes, dtype):
    """(B, C): 1 at each text's class, -1 / (C - 1) elsewhere."""
    classes, (B, C) = np.asarray(classes), shape
    if classes.shape != (B,) or ((classes < 0) | (classes >= C)).any():
        raise ValueError(f"classes must be {B} class numbers in 0..{C - 1}, got {classes.tolist()}")
    gradient = np.full((B, C), -1 / (C - 1), dtype=dtype)
    gradient[np.arange(B), classes] = 1
    return gradient


def _per_token(cache, products):
    """Products (B, T, D) added up over D, on the host; 0 at padding."""
    return np.where(real_tokens(cache, products.shape[:2]), to_host(products.sum(axis=-1)), 0)
