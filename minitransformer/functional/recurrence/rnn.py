r"""The simple recurrent network, and backpropagation through time."""

from minitransformer.backend import array_module
from minitransformer.functional._checks import in_one_dtype
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
def rnn(x, W, U, b, *, h0=None, mask=None, reverse=False):
    r"""Simple recurrent network with the hyperbolic tangent.

    .. math:: h_t = \tanh(x_t W + h_{t-1} U + b)

    At padding, the state is carried on unchanged: :math:`h_t = h_{t-1}`, as in Keras. So padding
    changes neither the outputs at tokens nor the last state.

    Parameters
    ----------
    x : (B, T, D) array
    W : (D, E) array
    U : (E, E) array
    b : (E,) array
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

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the shapes do not fit together.

    Source: Elman 1990; the form of Goodfellow et al. 2016, equations (10.8) and (10.9).
    """
    check_recurrence(x, W, U, {"b": b}, {"h0": h0}, mask, 1)
    xp = array_module(x)
    B, T, _ = x.shape
    a = (rows(x) @ W).reshape(B, T, len(U)) + b  # every step at once
    y, h = xp.empty_like(a), initial(h0, x, len(U))
    for t in order(T, reverse):
        h = keep_where(real(mask, t), xp.tanh(a[:, t] + h @ U), h)
        y[:, t] = h
    return y, h


@in_one_dtype
def rnn_backward(dy, dh, x, W, U, y, *, h0=None, mask=None, reverse=False):
    r"""Vector-Jacobian product of :func:`rnn`: backpropagation through time.

    With :math:`dh_t` the gradient of the state after step t, from its output and from step t + 1,

    .. math::
        da_t = dh_t \, (1 - h_t^2), \qquad
        dh_{t-1} = dy_{t-1} + da_t \, U^\top, \qquad
        dU = \sum_t h_{t-1}^\top \, da_t

    and W, b and x get the gradients of a linear layer from all :math:`da_t`.

    Parameters
    ----------
    dy : (B, T, E) array
        Gradient of the loss with respect to `y`.
    dh : (B, E) array
        Gradient of the loss with respect to the last state.
    x, W, U
        Inputs of :func:`rnn`.
    y : (B, T, E) array
        Output of :func:`rnn`.
    h0, mask, reverse
        As in the forward pass.

    Returns
    -------
    dx : (B, T, D) array
    dW : (D, E) array
    dU : (E, E) array
    db : (E,) array
    dh0 : (B, E) array

    Derivation: docs/derivations/rnn.md, equations (6) to (10).
    Notebook: notebooks/18_recurrence.ipynb.
    """
    xp = array_module(dy)
    da, dh, U_T = xp.empty_like(y), dh.copy(), U.T.copy()  # contiguous: a faster product
    for t in reversed(order(y.shape[1], reverse)):
        dh = dh + dy[:, t]
        # h_t = tanh(a_t)
        da[:, t] = keep_where(real(mask, t), dh * (1 - y[:, t] ** 2), xp.zeros_like(dh))
        # a_t = x_t W + h_(t-1) U + b; at padding, h_t = h_(t-1)
        dh = keep_where(real(mask, t), da[:, t] @ U_T, dh)
    dx, dW, db = input_gradients(da, x, W)
    return dx, dW, state_gradient(da, states_before(y, h0, reverse)), db, dh
