"""The feed-forward network of a block: two linear maps, or three with a gate."""

from typing import Any, NamedTuple

from minitransformer import functional
from minitransformer.backend import array_module
from minitransformer.checks import check_choice
from minitransformer.layers.base import Layer, generator
from minitransformer.layers.linear import Linear
from minitransformer.layers.shown import by_shape

ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "silu")


@by_shape
class FeedForwardCache(NamedTuple):
    """hidden and activated (B, T, F) are the features before and after the activation."""

    linear1: Any
    hidden: Any
    activated: Any
    linear2: Any


class FeedForward(Layer):
    r"""Two linear maps with an activation between them, applied to each token separately.

    .. math:: \mathrm{FFN}(x) = f(x W_1 + b_1) \, W_2 + b_2

    Parameters
    ----------
    d_model, d_ff : int
        D, the number of features per token, and F, the number of hidden features.
    activation : {"relu", "gelu", "gelu_tanh", "silu"}
        f. "gelu_tanh" is the tanh approximation of GELU.
    bias : bool
        Whether to add b_1 and b_2. Many later models leave them out.
    rng : Generator or int
        Draws the initial weights.
    dtype : dtype
        The dtype of the parameters.
    ops : module
        The module of the equations: ``functional`` or ``fused``.

    Source: Vaswani et al. 2017, section 3.3, equation (2).
    """

    def __init__(
        self,
        d_model,
        d_ff,
        *,
        activation="relu",
        bias=True,
        rng=0,
        dtype="float32",
        ops=functional,
    ):
        check_choice("activation", activation, ACTIVATIONS)
        draws = {"rng": generator(rng), "dtype": dtype, "ops": ops}
        self.linear1 = Linear(d_model, d_ff, bias=bias, **draws)
        self.linear2 = Linear(d_ff, d_model, bias=bias, **draws)
        self.activation = activation
        self.ops = ops

    def forward(self, x, *, mask=None, rng=None):
        """x (B, T, D) -> y (B, T, D), :class:`FeedForwardCache`."""
        hidden, cache1 = self.linear1.forward(x)
        if self.activation in ("relu", "silu"):
            activated = getattr(self.ops, self.activation)(hidden)
        else:
            activated = self.ops.gelu(hidden, self._approximate())
        y, cache2 = self.linear2.forward(activated)
        return y, FeedForwardCache(cache1, hidden, activated, cache2)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D)."""
        dactivated = self.linear2.backward(dy, cache.linear2)
        if self.activation == "relu":
            dhidden = self.ops.relu_backward(dactivated, cache.activated)
        elif self.activation == "silu":
            dhidden = self.ops.silu_backward(dactivated, cache.hidden)
        else:
            dhidden = self.ops.gelu_backward(
                dactivated, cache.hidden, self._approximate(), cache.activated
            )
        return self.linear1.backward(dhidden, cache.linear1)

    def _approximate(self):
        return "tanh" if self.activation == "gelu_tanh" else "none"


@by_shape
class SwiGLUCache(NamedTuple):
    """gate and up (B, T, F) are the halves of one product; gated (B, T, F) is silu(gate) * up."""

    gate_up: Any
    gate: Any
    up: Any
    gated: Any
    down: Any


class SwiGLU(Layer):
    r"""A feed-forward network with gated hidden features.

    .. math:: y = \big( \mathrm{silu}(x W_{gate}) \odot x W_{up} \big) \, W_{down}

    One matrix, gate_up.W (D, 2F), holds W_gate and W_up side by side.

    Parameters
    ----------
    d_model, d_ff : int
        D, the number of features per token, and F, the number of hidden features.
    bias : bool
        Whether the linear maps have biases. The equation shows them without.
    rng, dtype, ops
        As for :class:`FeedForward`.

    Source: Shazeer 2020, equation (6).
    """

    def __init__(self, d_model, d_ff, *, bias=False, rng=0, dtype="float32", ops=functional):
        draws = {"rng": generator(rng), "dtype": dtype, "ops": ops}
        self.gate_up = Linear(d_model, 2 * d_ff, bias=bias, **draws)
        self.down = Linear(d_ff, d_model, bias=bias, **draws)
        self.ops = ops

    def forward(self, x, *, mask=None, rng=None):
        """x (B, T, D) -> y (B, T, D), :class:`SwiGLUCache`."""
        both, cache = self.gate_up.forward(x)
        F = both.shape[-1] // 2
        gate, up = both[..., :F], both[..., F:]
        gated = self.ops.swiglu(gate, up)
        y, down = self.down.forward(gated)
        return y, SwiGLUCache(cache, gate, up, gated, down)

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D)."""
        dgated = self.down.backward(dy, cache.down)
        dgate, dup = self.ops.swiglu_backward(dgated, cache.gate, cache.up)
        dboth = array_module(dgate=dgate, dup=dup).concatenate([dgate, dup], axis=-1)
        return self.gate_up.backward(dboth, cache.gate_up)


def make_feed_forward(activation, d_model, d_ff, *, bias=True, **options):
    """A :class:`SwiGLU` if `activation` is "swiglu", else a :class:`FeedForward`."""
    if activation == "swiglu":
        return SwiGLU(d_model, d_ff, bias=bias, **options)
    return FeedForward(d_model, d_ff, activation=activation, bias=bias, **options)
