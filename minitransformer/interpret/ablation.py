"""Head ablation: leave out one head, run the model, and compare the results."""

import numpy as np

from minitransformer.backend import array_module, to_device, to_host
from minitransformer.checks import check_choice
from minitransformer.interpret.attention import attention_caches, real_tokens
from minitransformer.layers import Layer

FILLS = ("zero", "mean")


class ConstantHead(Layer):
    r"""An output projection that reads a constant in place of the output of one head.

    .. math:: y = \mathrm{Concat}(O_1, \dots, c, \dots, O_H) \, W^O + b

    Parameters
    ----------
    W_o : Linear or ConstantHead
        The output projection. Its parameters are shared, not copied, and keep their names.
    head : slice
        The features of the head.
    value : float or (E,) array
        c, the constant.
    """

    def __init__(self, W_o, head, value):
        self.W, self.b = W_o.W, W_o.b
        self.W_o, self.head, self.value = W_o, head, value

    def forward(self, x, *, mask=None, rng=None):
        """x (..., H E), the outputs of the heads side by side -> y (..., D), a cache."""
        x = x.copy()
        x[..., self.head] = self.value
        return self.W_o.forward(x)

    def backward(self, dy, cache):
        """dy (..., D) -> dx (..., H E): nothing flows back into the head."""
        dx = self.W_o.backward(dy, cache)
        dx[..., self.head] = 0
        return dx


def ablated(model, layer, head, value=0.0):
    """A replica of the model in which the output of one head is a constant.

    The replica shares the model's values and has its own gradients. The model does not change. You
    can use the replica like any model. To leave out two heads, ablate the replica again.

    Parameters
    ----------
    model : TransformerClassifier, GPT or Transformer
    layer : str
        Name of an attention layer, as in :func:`attention_maps`: ``"blocks.0.attention"``.
    head : int
        Number of the head, counted from 0.
    value : float or (E,) array
        The constant that replaces the head's output O_h.

    Returns
    -------
    model of the same class

    Raises
    ------
    ValueError
        If the layer or head does not exist, or `value` has the wrong shape.
    """
    twin = model.replica()
    attention = _layer(twin, layer)
    n_heads, width = attention.n_heads, attention.W_o.W.shape[0] // attention.n_heads
    if not 0 <= head < n_heads:
        raise ValueError(f"head must lie in 0 .. {n_heads - 1}, got {head}")
    if getattr(value, "ndim", 0) and value.shape != (width,):
        raise ValueError(f"value must be a number or ({width},), got shape {value.shape}")
    columns = slice(head * width, (head + 1) * width)
    attention.W_o = ConstantHead(attention.W_o, columns, value)
    return twin


def head_ablation(model, cache, score, *, fill="zero", mask=None):
    """How much a score changes without a head, for each head of each attention layer.

    Parameters
    ----------
    model : TransformerClassifier, GPT or Transformer
        The model that made `cache`. Its weights and gradients do not change.
    cache : the model's cache
        The cache of a forward pass without dropout. The names of the layers and the mean output of
        each head are taken from it.
    score : callable
        ``score(model)`` returns a number or an array, such as a loss, or the lead of a class:
        ``lambda m: lead(m(ids, mask=mask), labels)``. It is called once for the whole model and
        once per head.
    fill : {"zero", "mean"}
        The replacement for the head's output: 0, or the mean of the output over the tokens of the
        texts in the cache. In training, the layers above may never have received a zero from this
        head. The mean, in contrast, removes only the information about this text and token.
    mask : (B, T) bool array, or for a Transformer a pair of (B, S) and (B, T), optional
        True = a real token; used for the means. Of the caches, only a ClassifierCache contains the
        mask.

    Returns
    -------
    dict of str to (H, ...) array, on the host
        For each layer, by name: the score without each head, minus the score of the whole model.

    Raises
    ------
    ValueError
        If `fill` is unknown or a mask has the wrong shape.

    Source: Michel et al. 2019, "Are sixteen heads really better than one?", section 3.2.
    """
    check_choice("fill", fill, FILLS)
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
    """The mean output of each head over the real queries: H arrays (E,)."""
    xp = array_module(O)
    n = max(1, real.sum())
    real = to_device(real, xp.__name__)[:, None, :, None]
    return xp.where(real, O, 0).sum(axis=(0, 2), dtype=xp.float64) / int(n)


def _queries(cache, name, O, mask):
    """Whether each query of a layer is a real token, (B, T)."""
    if isinstance(mask, tuple | list):
        source, target = mask
        mask = source if name.startswith("encoder.") else target
    return real_tokens(cache, (O.shape[0], O.shape[2]), mask)


def _layer(model, name):
    """The attention layer with this name."""
    layer = model
    try:
        for part in name.split("."):
            layer = layer[int(part)] if part.isdigit() else getattr(layer, part)
        layer.n_heads, layer.W_o  # noqa: B018 - is it an attention layer?
    except (AttributeError, IndexError, TypeError):
        known = [n.removesuffix(".W_o.W") for n in model.parameters() if n.endswith(".W_o.W")]
        raise ValueError(
            f"layer must be the name of an attention layer, got {name!r}; "
            f"the model has {', '.join(known) or 'none'}"
        ) from None
    return layer
