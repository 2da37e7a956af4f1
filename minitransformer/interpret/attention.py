"""Attention weights: of every layer by name, averaged, or multiplied through all blocks."""

import numpy as np

from minitransformer.backend import to_host

SUBLAYERS = ("attention", "self_attention", "cross_attention")


def attention_maps(cache):
    """The attention weights of every layer, by the name of the layer in the model.

    Parameters
    ----------
    cache : ClassifierCache, GPTCache or TransformerCache
        The cache of a forward pass on B texts.

    Returns
    -------
    dict of str to (B, H, T, S) array, on the host
        The names are ``"blocks.0.attention"`` in a classifier or a GPT, and
        ``"encoder.0.attention"``, ``"decoder.0.self_attention"`` and
        ``"decoder.0.cross_attention"`` in a Transformer. Row t of a head contains the weights of
        query t over all keys. If the cache is on the host, each array is the cache's own, not a
        copy.
    """
    return {name: to_host(layer.P) for name, layer in attention_caches(cache).items()}


def attention_caches(cache):
    """The cache of every attention layer, by the name of the layer in the model."""
    if hasattr(cache, "encoder"):
        stacks = {"encoder": cache.encoder.blocks, "decoder": cache.decoder.blocks}
    else:
        stacks = {"blocks": cache.blocks}
    return {
        f"{stack}.{i}.{sublayer}": getattr(block, sublayer)
        for stack, blocks in stacks.items()
        for i, block in enumerate(blocks)
        for sublayer in SUBLAYERS
        if hasattr(block, sublayer)
    }


def attention_received(model, cache):
    r"""How much attention each token receives, on average over layers, heads and queries.

    .. math:: a_s = \frac{1}{N H n} \sum_{l, h} \sum_{t: m_t} P^{(l)}_{h t s}

    Parameters
    ----------
    model : TransformerClassifier
        The model that made `cache`. It must have at least one block.
    cache : ClassifierCache
        The cache of :meth:`TransformerClassifier.forward` on ids (B, T).

    Returns
    -------
    (B, T) array, on the host
        Each row sums to 1 over its n real tokens and is 0 at padding.

    Raises
    ------
    ValueError
        If the model has no attention (``n_layers=0``).
    """
    _check_blocks(cache)
    weights = np.mean([to_host(block.attention.P).mean(axis=1) for block in cache.blocks], axis=0)
    real = real_tokens(cache, weights.shape[:2])
    weights = np.where(real[:, :, None], weights, 0).sum(axis=1)  # over the queries: (B, T)
    return weights / np.maximum(real.sum(axis=1, keepdims=True), 1)


def attention_rollout(cache, *, mask=None):
    r"""How much each input token contributes to every token after the last block, by attention.

    .. math:: \tilde P^{(l)} = \tfrac{1}{2} \bar P^{(l)} + \tfrac{1}{2} I, \qquad
        R = \tilde P^{(N)} \tilde P^{(N-1)} \cdots \tilde P^{(1)}

    where :math:`\bar P` is the mean over the heads. A block adds the result of attention to the
    token itself, so each of the two counts as one half. The identity I represents the token itself.
    The product follows all paths from the inputs to the last block. Rollout ignores the effect of
    values, norms and feed-forward networks.

    Parameters
    ----------
    cache : ClassifierCache or GPTCache, or of a Transformer ``cache.encoder`` or ``cache.decoder``
        The cache of a forward pass. In a decoder, only the self-attention is followed.
    mask : (B, T) bool array, optional
        True = a real token. Of the caches, only a ClassifierCache contains the mask.

    Returns
    -------
    (B, T, T) float64 array, on the host
        Row t contains the fraction of each input in token t. Rows of real tokens sum to 1 and are 0
        at padding; rows of padding are 0.

    Raises
    ------
    ValueError
        If there is no block, if the cache has two stacks, or if `mask` has the wrong shape.

    Source: Abnar and Zuidema 2020, "Quantifying attention flow in transformers", section 3,
    equation (1).
    """
    if hasattr(cache, "encoder"):
        raise ValueError(
            "cache must come from one stack, got the cache of a Transformer, which has two: "
            "pass cache.encoder or cache.decoder"
        )
    _check_blocks(cache)
    rollout = np.eye(cache.blocks[0].x.shape[1])
    for layer in attention_caches(cache).values():
        if layer.memory is not None:
            continue  # cross-attention reads from the other stack
        P = to_host(layer.P).mean(axis=1)  # (B, T, T)
        mixed = P + np.eye(P.shape[1])
        mixed /= mixed.sum(axis=-1, keepdims=True)  # 2, or 1 if a query had nothing to attend to
        rollout = mixed @ rollout
    real = real_tokens(cache, rollout.shape[:2], mask)
    return np.where(real[:, :, None], rollout, 0)


def real_tokens(cache, shape, mask=None):
    """True at real tokens, (B, T), on the host: `mask`, or the cache's mask, or all True."""
    mask = getattr(cache, "mask", None) if mask is None else mask
    if mask is None:
        return np.ones(shape, dtype=bool)
    if mask.shape != shape:
        raise ValueError(f"mask must be (B, T) = {shape}, got {mask.shape}")
    return to_host(mask)


def _check_blocks(cache):
    if not cache.blocks:
        raise ValueError("the model must have at least one block (n_layers >= 1), got none")
