r"""Long short-term memory."""

from minitransformer.backend import array_module
from minitransformer.functional._checks import in_one_dtype
from minitransformer.functional.gated import sigmoid
from minitransformer.functional.recurrence.steps import (
    check_recurrence,
    initial,
    input_gradients,
    keep_where,
    order,
    real,
    rows,
    state_gradient,
    states_before,
)


@in_one_dtype
def lstm(x, W, U, b, *, h0=None, c0=None, mask=None, reverse=False):
    r"""Long short-term memory: the cell c is changed by sums and products, not by a matrix.

    .. math::
        (i, f, g, o) &= x_t W + h_{t-1} U + b, \\
        c_t &= \sigma(f) \odot c_{t-1} + \sigma(i) \odot \tanh(g), \qquad
        h_t = \sigma(o) \odot \tanh(c_t)

    The gates stand in the order i, f, g, o (input, forget, candidate, output), as in Keras and
    PyTorch. At padding, both states are carried on unchanged, as in Keras.

    Parameters
    ----------
    x : (B, T, D) array
    W : (D, 4E) array
    U : (E, 4E) array
    b : (4E,) array
        PyTorch has two biases, whose sum is this one.
    h0, c0 : (B, E) array, optional
        The states before the first step; zeros by default.
    mask : (B, T) bool array, optional
        True = a token. By default all are tokens.
    reverse : bool
        Whether the steps go from the last token to the first. The outputs stay at their tokens.

    Returns
    -------
    y : (B, T, E) array
        h after each step.
    h, c : (B, E) array
        The states after the last step.
    gates : (B, T, 4E) array
        i, f, g and o of each step, after their activations.
    cells : (B, T, E) array
        c after each step.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the shapes do not fit together.

    Source: Hochreiter and Schmidhuber 1997; with the forget gate of Gers et al. 2000.
    """
    check_recurrence(x, W, U, {"b": b}, {"h0": h0, "c0": c0}, mask, 4)
    xp = array_module(x)
    (B, T, _), E = x.shape, len(U)
    gates = (rows(x) @ W).reshape(B, T, 4 * E) + b  # every step at once
    y, cells = xp.empty((B, T, E), x.dtype), xp.empty((B, T, E), x.dtype)
    h, c = initial(h0, x, E), initial(c0, x, E)
    for t in order(T, reverse):
        a = gates[:, t] + h @ U
        i, f, o = sigmoid(a[:, :E]), sigmoid(a[:, E : 2 * E]), sigmoid(a[:, 3 * E :])
        g = xp.tanh(a[:, 2 * E : 3 * E])
        gates[:, t] = xp.hstack([i, f, g, o])
        c_new = f * c + i * g
        h = keep_where(real(mask, t), o * xp.tanh(c_new), h)
        c = keep_where(real(mask, t), c_new, c)
        y[:, t], cells[:, t] = h, c
    return y, h, c, gates, cells


@in_one_dtype
def lstm_backward(
    dy, dh, dc, x, W, U, y, gates, cells, *, h0=None, c0=None, mask=None, reverse=False
):
    r"""Vector-Jacobian product of :func:`lstm`: backpropagation through time.

    With i, f, g and o after their activations, and a before them,

    .. math::
        dc_t &\mathrel{+}= dh_t \odot o \, (1 - \tanh^2 c_t), \qquad dc_{t-1} = dc_t \odot f \\
        da_i &= dc_t \odot g \, i (1 - i), \qquad
        da_f = dc_t \odot c_{t-1} \, f (1 - f), \\
        da_g &= dc_t \odot i \, (1 - g^2), \qquad
        da_o = dh_t \odot \tanh(c_t) \, o (1 - o), \qquad
        dh_{t-1} = dy_{t-1} + da_t \, U^\top

    Parameters
    ----------
    dy : (B, T, E) array
        Gradient of the loss with respect to `y`.
    dh, dc : (B, E) array
        Gradients of the loss with respect to the last states.
    x, W, U
        Inputs of :func:`lstm`.
    y, gates, cells
        Outputs of :func:`lstm`.
    h0, c0, mask, reverse
        As in the forward pass.

    Returns
    -------
    dx : (B, T, D) array
    dW : (D, 4E) array
    dU : (E, 4E) array
    db : (4E,) array
    dh0, dc0 : (B, E) array

    Derivation: docs/derivations/lstm.md, equations (6) to (12).
    Notebook: notebooks/18_recurrence.ipynb.
    """
    xp = array_module(dy)
    E, U_T = y.shape[2], U.T.copy()  # contiguous: a faster product
    da, dh, dc = xp.empty_like(gates), dh.copy(), dc.copy()
    before = states_before(cells, c0, reverse)
    for t in reversed(order(y.shape[1], reverse)):
        i, f, g, o = (gates[:, t, k * E : (k + 1) * E] for k in range(4))
        dh = dh + dy[:, t]
        # h_t = o tanh(c_t)
        squashed = xp.tanh(cells[:, t])
        dc_new = dc + dh * o * (1 - squashed**2)
        # c_t = f c_(t-1) + i g
        da_t = xp.hstack(
            [
                dc_new * g * i * (1 - i),
                dc_new * before[:, t] * f * (1 - f),
                dc_new * i * (1 - g**2),
                dh * squashed * o * (1 - o),
            ]
        )
        da[:, t] = keep_where(real(mask, t), da_t, xp.zeros_like(da_t))
        # a_t = x_t W + h_(t-1) U + b; at padding, both states are those of the step before
        dh = keep_where(real(mask, t), da_t @ U_T, dh)
        dc = keep_where(real(mask, t), dc_new * f, dc)
    dx, dW, db = input_gradients(da, x, W)
    return dx, dW, state_gradient(da, states_before(y, h0, reverse)), db, dh, dc
