"""What a model loses without a head: leave it out, run the model, compare."""

import numpy as np

from minitransformer.backend import array_module, to_device, to_host
from minitransformer.interpret.attention import attention_caches, real_tokens
from minitransformer.layers import Layer

FILLS = ("zero", "mean")


class HeldHead(Layer):
    r"""An output projection that reads a constant in place of one head's result.

    .. math:: y = \mathrm{Concat}(O_1, \dots, c, \dots, O_H) \, W^O + b

    Parameters
    ----------
    W_o : Linear or HeldHead
        Its parameters are used, not copied, and stand under their old names.
    head : slice
        The head's features.
    value : float or (E,) array
        c.
    """

    def __init__(self, W_o, head, value):
        self.W, self.b = W_o.W, W_o.b
        self.W_o, self.head, self.value = W_o, head, value

    def forward(self, x, *, mask=None, rng=None):
        """x (..., H E), the heads' results side by side -> y (..., D), a cache."""
        x = x.copy()
        x[..., self.head] = self.value
        return self.W_o.forward(x)

    def backward(self, dy, cache):
        """dy (..., D) -> dx (..., H E): nothing flows back into the head."""
        dx = self.W_o.backward(dy, cache)
        dx[..., self.head] = 0
        return dx


def ablated(model, layer, head, value=0.0):
    """A replica of the model in which one head gives a constant, whatever it reads.

    It shares the model's values and has gradients of its own; the model stays as it is. Whatever
    can be done with a model can be done with it: to leave out two heads, ablate it again.

    Parameters
    ----------
    model : TransformerClassifier, GPT or Transformer
    layer : str
        Name of an attention layer, as in :func:`attention_maps`: ``"blocks.0.attention"``.
    head : int
        From 0.
    value : float or (E,) array
        What stands in place of the head's result O_h.

    Returns
    -------
    model of the same class

    Raises
    ------
    ValueError
        If there is no such layer or head, or `value` has the wrong shape.
    """
    twin = model.replica()
    attention = _layer(twin, layer)
    n_heads, width = attention.n_heads, attention.W_o.W.shape[0] // attention.n_heads
    if not 0 <= head < n_heads:
        raise ValueError(f"head must lie in 0 .. {n_heads - 1}, got {head}")
    if getattr(value, "ndim", 0) and value.shape != (width,):
        raise ValueError(f"value must be a number or ({width},), got shape {value.shape}")
    columns = slice(head * width, (head + 1) * width)
    attention.W_o = HeldHead(attention.W_o, columns, value)
    return twin


def head_ablation(model, cache, score, *, fill="zero", mask=None):
    """How much a score changes when a head is left out, for each head of each layer.

    Parameters
    ----------
    model : TransformerClassifier, GPT or Transformer
        The model that made `cache`. Its weights and gradients are left alone.
    cache : the model's cache
        Of a forward pass without dropout. It says which heads there are, and what the mean of
        each is.
    score : callable
        ``score(model)``, a number or an array: a loss, or leads of a class, as in
        ``lambda m: lead(m(ids, mask=mask), labels)``. It is called once for each head.
    fill : {"zero", "mean"}
        What stands in place of the head's result: 0, or its mean over the tokens of the cache's
        texts. Zero is a result that the layers above may never have seen; the mean takes away
        only what the head says about this text and token.
    mask : (B, T) bool array, or for a Transformer a pair of (B, S) and (B, T), optional
        True = a real token, for the means; only a ClassifierCache knows it by itself.

    Returns
    -------
    dict of str to (H, ...) array, on the host
        By the layer's name: the score without the head, less the score of the whole model.

    Raises
    ------
    ValueError
        If `fill` is unknown, or a mask has the wrong shape.

    Source: Michel et al. 2019, "Are sixteen heads really better than one?", section 3.2.
    """
    if fill not in FILLS:
        raise ValueError(f"fill must be one of {', '.join(FILLS)}, got {fill!r}")
    whole, changes = to_host(score(model.replica())), {}
    for name, layer in attention_caches(cache).items():
        values = [0.0] * layer.O.shape[1]
        if fill == "mean":
            values = _means(layer.O, _queries(cache, name, layer.O, mask))
        changes[name] = np.stack(
            [to_host(score(ablated(model, name, h, c))) - whole for h, c in enumerate(values)]
        )
    return changes


def _means(O, real):
    """The mean result of each head over the real queries, H arrays (E,)."""
    xp = array_module(O)
    n = max(1, real.sum())
    real = to_device(real, xp.__name__)[:, None, :, None]
    return xp.where(real, O, 0).sum(axis=(0, 2), dtype=xp.float64) / int(n)


def _queries(cache, name, O, mask):
    """Which queries of a layer are real, (B, T)."""
    if isinstance(mask, tuple | list):
        source, target = mask
        mask = source if name.startswith("encoder.") else target
    return real_tokens(cache, (O.shape[0], O.shape[2]), mask)


def _layer(model, name):
    """The attention layer of this name."""
    layer = model
    try:
        for part in name.split("."):
            layer = layer[int(part)] if part.isdigit() else getattr(layer, part)
        layer.n_heads, layer.W_o  # noqa: B018 - is it an attention layer?
    except (AttributeError, IndexError, TypeError):
        known = [n.removesuffix(".W_o.W") for n in model.parameters() if n.endswith(".W_o.W")]
        raise ValueError(
            f"there is no attention layer {name!r}; there are {', '.join(known) or 'none'}"
        ) from None
    return layer
