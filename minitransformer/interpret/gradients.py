"""Which tokens mattered: the gradient at a text, and the gradients along a path to the text."""

from typing import Any, NamedTuple

import numpy as np

from minitransformer.backend import array_module, to_host
from minitransformer.interpret.attention import real_tokens
from minitransformer.layers import Layer


def lead(logits, classes):
    r"""The lead of a class: its logit minus the mean of the other logits.

    .. math:: s = z_k - \frac{1}{C - 1} \sum_{j \ne k} z_j

    Attributions divide this score among the tokens. The logit alone is not suitable: adding the
    same function of the input to all logits changes no probability, but would change the
    attributions.

    Parameters
    ----------
    logits : (B, C) array
        z, the scores of all classes.
    classes : (B,) int array
        k, one class per text.

    Returns
    -------
    (B,) array, on the host

    Raises
    ------
    ValueError
        If there is not one class per text, or a class is out of range.
    """
    logits = to_host(logits)
    return (logits * _lead_gradient(logits.shape, classes, logits.dtype)).sum(axis=1)


def gradient_x_input(model, cache, classes):
    r"""How much each token contributes to the lead of a class, to first order.

    .. math:: g_t = \sum_d \frac{\partial s}{\partial x_{td}} \, x_{td}, \qquad
        s = z_k - \frac{1}{C - 1} \sum_{j \ne k} z_j

    where x is the embedded tokens and z the logits. :math:`g_t` is the rate at which the lead of
    class k grows when the token's vector is scaled up.

    Parameters
    ----------
    model : TransformerClassifier
        The model that made `cache`. Its gradients do not change.
    cache : ClassifierCache
        The cache of a forward pass on ids (B, T), without dropout.
    classes : (B,) int array
        k, one class per text.

    Returns
    -------
    (B, T) array, on the host
        Positive for tokens in favour of class k, and 0 at padding.

    Raises
    ------
    ValueError
        If there is not one class per text, or a class is out of range.

    Source: Shrikumar et al., "Not just a black box", 2016, section 2 (gradient * input).
    """
    x = cache.embedded
    dlogits = _upstream(model, x, classes)
    # The replica shares the values and has its own gradients, so the model's gradients do not
    # change.
    dx = model.replica().backward(dlogits, cache)
    return _per_token(cache, dx * x)


class IntegratedGradients(NamedTuple):
    """The result of :func:`integrated_gradients`.

    tokens (B, T) is the contribution of each token. gap (B,) is the sum of the contributions minus
    the exact sum. With enough steps, the gap is 0 up to rounding.
    """

    tokens: Any
    gap: Any


def integrated_gradients(model, cache, classes, *, steps=64, baseline=None):
    r"""How much each token adds to the lead of a class, on a path from an empty text to this one.

    .. math:: a_t = \sum_d (x_{td} - x'_{td}) \int_0^1
        \frac{\partial s}{\partial x_{td}} \big( x' + \alpha (x - x') \big) \, d\alpha, \qquad
        \sum_t a_t = s(x) - s(x')

    where x is the embedded tokens, x' the baseline and s the lead. (With a zero baseline and only
    the gradient at the end of the path, this is :func:`gradient_x_input`.) The second equation,
    completeness, holds for the integral. Here the integral is a sum over Gauss-Legendre nodes, and
    the error of the sum is returned too.

    By default, the baseline is the zero vector for every token, as the paper proposes for texts. A
    text of zero vectors has positions but no words, and on average it is equally far from all
    words. The vector of the padding token would not represent "no word". No model ever reads that
    vector, so it keeps its random initial value, like the vector of some random word.

    Parameters
    ----------
    model : TransformerClassifier
        The model that made `cache`. Its gradients do not change.
    cache : ClassifierCache
        The cache of a forward pass on ids (B, T).
    classes : (B,) int array
        k, one class per text.
    steps : int
        Number of nodes of the sum. Each node costs a forward and a backward pass.
    baseline : array that broadcasts to (B, T, D), optional
        x', on the device of the model. To use another text as the baseline, pass
        ``model.embedding(ids)``.

    Returns
    -------
    IntegratedGradients
        Arrays on the host. The contributions are positive for tokens in favour of class k, and 0 at
        padding.

    Raises
    ------
    ValueError
        If there is not one class per text, a class is out of range, `steps` is below 1, or the
        baseline does not broadcast to (B, T, D).

    Source: Sundararajan et al. 2017, "Axiomatic attribution for deep networks", equation (1), and
    proposition 1 for completeness.
    """
    dlogits = _upstream(model, cache.embedded, classes)
    start = _baseline(baseline, cache.embedded)
    path = cache.embedded - start
    twin = model.replica()

    def forward(alpha):
        twin.embedding = _FixedEmbedding(start + alpha * path)
        return twin.forward(cache.embedding.ids, mask=cache.mask)

    total = array_module(path).zeros_like(path)
    for alpha, weight in _nodes(steps):
        total += weight * twin.backward(dlogits, forward(alpha)[1])
    tokens = _per_token(cache, path * total)
    change = lead(forward(1.0)[0], classes) - lead(forward(0.0)[0], classes)
    return IntegratedGradients(tokens, tokens.sum(axis=1) - change)


class _FixedEmbedding(Layer):
    """An embedding that returns the same vectors (B, T, D) for all ids."""

    def __init__(self, vectors):
        self.vectors = vectors

    def forward(self, ids, *, mask=None, rng=None):
        return self.vectors, None

    def backward(self, dy, cache):
        """Nothing to do: there are no parameters."""


def _nodes(steps):
    """Nodes in 0 .. 1 and their weights, for integrals of smooth functions."""
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
    """The gradient of the lead with respect to the logits, (B, C), on the device of x."""
    return array_module(x).asarray(_lead_gradient((len(x), model.n_classes), classes, x.dtype))


def _lead_gradient(shape, classes, dtype):
    """(B, C): 1 at the class of each text, -1 / (C - 1) elsewhere."""
    classes, (B, C) = np.asarray(classes), shape
    if classes.shape != (B,) or ((classes < 0) | (classes >= C)).any():
        raise ValueError(f"classes must be {B} class numbers in 0..{C - 1}, got {classes.tolist()}")
    gradient = np.full((B, C), -1 / (C - 1), dtype=dtype)
    gradient[np.arange(B), classes] = 1
    return gradient


def _per_token(cache, products):
    """Products (B, T, D) summed over D, on the host, and 0 at padding."""
    return np.where(real_tokens(cache, products.shape[:2]), to_host(products.sum(axis=-1)), 0)
