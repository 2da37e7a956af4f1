"""Which words did it look at? Two simple answers, read from a forward pass's cache.

Neither is an explanation. Attention says where information was fetched from, not what was made of
it; the gradient says what a small change of a word would do, not what leaving it out would. They
are cheap, they often agree, and where they do not it is worth looking closer.
"""

import numpy as np

from minitransformer.backend import array_module, to_host


def attention_received(model, cache):
    r"""How much attention each token receives, on average over layers, heads and queries.

    .. math:: a_s = \frac{1}{N H n} \sum_{l, h} \sum_{t: m_t} P^{(l)}_{h t s}

    Parameters
    ----------
    model : TransformerClassifier
        The model that made `cache`; it must have a block.
    cache : ClassifierCache
        Of :meth:`TransformerClassifier.forward` on ids (B, T).

    Returns
    -------
    (B, T) array, on the host
        A row sums to 1 over its n real tokens, and is 0 at padding.

    Raises
    ------
    ValueError
        If the model has no attention at all (``n_layers=0``).
    """
    if not cache.blocks:
        raise ValueError("the model must have at least one block (n_layers >= 1) to attend")
    weights = np.mean([to_host(block.attention.P).mean(axis=1) for block in cache.blocks], axis=0)
    real = _real(cache)
    weights = np.where(real[:, :, None], weights, 0).sum(axis=1)  # over the queries: (B, T)
    return weights / np.maximum(real.sum(axis=1, keepdims=True), 1)


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
    embedded = cache.embedded
    xp = array_module(embedded)
    classes = np.asarray(classes)
    B, C = embedded.shape[0], model.n_classes
    if classes.shape != (B,) or ((classes < 0) | (classes >= C)).any():
        raise ValueError(f"classes must be {B} class numbers in 0..{C - 1}, got {classes.tolist()}")
    lead = np.full((B, C), -1 / (C - 1), dtype=embedded.dtype)
    lead[np.arange(B), classes] = 1
    # The replica shares the values and has gradients of its own, so the model's stay untouched.
    dembedded = model.replica().backward(xp.asarray(lead), cache)
    return np.where(_real(cache), to_host((dembedded * embedded).sum(axis=-1)), 0)


def _real(cache):
    """True where a token stands, (B, T)."""
    if cache.mask is not None:
        return to_host(cache.mask)
    return np.ones(cache.embedded.shape[:2], dtype=bool)
