r"""The gated recurrent unit."""

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
def gru(x, W, U, b, d, *, h0=None, mask=None, reverse=False):
    r"""Gated recurrent unit: the new state is a mixture of the old one and a candidate.

    .. math::
        r &= \sigma(x_t W_r + b_r + h_{t-1} U_r + d_r), \qquad
        z = \sigma(x_t W_z + b_z + h_{t-1} U_z + d_z), \\
        n &= \tanh(x_t W_n + b_n + r \odot (h_{t-1} U_n + d_n)), \qquad
        h_t = (1 - z) \odot n + z \odot h_{t-1}

    The blocks stand in the order r, z, n (reset, update, candidate), as in PyTorch; Keras has z
    first. The reset gate acts after the product with U, as in PyTorch and, by default, in Keras. So
    there are two biases. At padding, the state is carried on unchanged, as in Keras.

    Parameters
    ----------
    x : (B, T, D) array
    W : (D, 3E) array
    U : (E, 3E) array
    b, d : (3E,) array
        The biases of the two products.
    h0 : (B, E) array, optional
        The state before the first step; zeros by default.
    mask : (B, T) bool array, optional
        True = a token. By default all are tokens.
    reverse : bool
        Whether the steps go from the last token to the first. The outputs stay at their tokens.

    Returns
    -------
    y : (B, T, E) array
        The state after each step.
    h : (B, E) array
        The state after the last step.
    gates : (B, T, 4E) array
        r, z and n of each step, after their activations, and the product that r multiplies.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the shapes do not fit together.

    Source: Cho et al. 2014, section 2.3; with the reset gate after the product.
    """
    check_recurrence(x, W, U, {"b": b, "d": d}, {"h0": h0}, mask, 3)
    xp = array_module(x)
    (B, T, _), E = x.shape, len(U)
    a = (rows(x) @ W).reshape(B, T, 3 * E) + b  # every step at once
    y, gates = xp.empty((B, T, E), x.dtype), xp.empty((B, T, 4 * E), x.dtype)
    h = initial(h0, x, E)
    for t in order(T, reverse):
        u = h @ U + d
        r = sigmoid(a[:, t, :E] + u[:, :E])
        z = sigmoid(a[:, t, E : 2 * E] + u[:, E : 2 * E])
        u_n = u[:, 2 * E :]
        n = xp.tanh(a[:, t, 2 * E :] + r * u_n)
        h = keep_where(real(mask, t), (1 - z) * n + z * h, h)
        gates[:, t] = xp.hstack([r, z, n, u_n])
        y[:, t] = h
    return y, h, gates


@in_one_dtype
def gru_backward(dy, dh, x, W, U, y, gates, *, h0=None, mask=None, reverse=False):
    r"""Vector-Jacobian product of :func:`gru`: backpropagation through time.

    With r, z and n after their activations, and :math:`u_n = h_{t-1} U_n + d_n`,

    .. math::
        da_n &= dh_t \odot (1 - z) (1 - n^2), \qquad
        da_z = dh_t \odot (h_{t-1} - n) \, z (1 - z), \\
        da_r &= da_n \odot u_n \, r (1 - r), \qquad
        du = (da_r, \, da_z, \, da_n \odot r), \\
        dh_{t-1} &= dy_{t-1} + dh_t \odot z + du \, U^\top

    Parameters
    ----------
    dy : (B, T, E) array
        Gradient of the loss with respect to `y`.
    dh : (B, E) array
        Gradient of the loss with respect to the last state.
    x, W, U
        Inputs of :func:`gru`.
    y, gates
        Outputs of :func:`gru`.
    h0, mask, reverse
        As in the forward pass.

    Returns
    -------
    dx : (B, T, D) array
    dW : (D, 3E) array
    dU : (E, 3E) array
    db, dd : (3E,) array
    dh0 : (B, E) array

    Derivation: docs/derivations/gru.md, equations (6) to (12).
    Notebook: notebooks/18_recurrence.ipynb.
    """
    xp = array_module(dy)
    E, U_T = y.shape[2], U.T.copy()  # contiguous: a faster product
    da = xp.empty((*y.shape[:2], 3 * E), y.dtype)
    du = xp.empty_like(da)
    before, dh = states_before(y, h0, reverse), dh.copy()
    for t in reversed(order(y.shape[1], reverse)):
        r, z, n, u_n = (gates[:, t, k * E : (k + 1) * E] for k in range(4))
        dh = dh + dy[:, t]
        # h_t = (1 - z) n + z h_(t-1)
        da_n = dh * (1 - z) * (1 - n**2)
        da_z = dh * (before[:, t] - n) * z * (1 - z)
        # n = tanh(a_n + r u_n)
        da_r = da_n * u_n * r * (1 - r)
        da_t = xp.hstack([da_r, da_z, da_n])
        du_t = xp.hstack([da_r, da_z, da_n * r])
        zeros = xp.zeros_like(da_t)
        da[:, t] = keep_where(real(mask, t), da_t, zeros)
        du[:, t] = keep_where(real(mask, t), du_t, zeros)
        # u = h_(t-1) U + d; at padding, h_t = h_(t-1)
        dh = keep_where(real(mask, t), dh * z + du_t @ U_T, dh)
    dx, dW, db = input_gradients(da, x, W)
    return dx, dW, state_gradient(du, before), db, rows(du).sum(axis=0), dh
