r"""The affine map :math:`y = xW + b`, and three of them in one for queries, keys and values."""

from minitransformer.backend import array_module
from minitransformer.functional._checks import in_one_dtype, require_features


def _as_rows(x):
    """(..., D) as (tokens, D), because one large product is faster than many small ones."""
    # The number of rows is computed here: reshape(-1, D) cannot infer it if an axis is empty.
    rows = 1
    for length in x.shape[:-1]:
        rows *= length
    return x.reshape(rows, x.shape[-1])


@in_one_dtype
def linear(x, W, b=None):
    r"""Affine map of the last axis.

    .. math:: y = xW + b

    Parameters
    ----------
    x : (..., D_in) array
    W : (D_in, D_out) array
    b : (D_out,) array, optional

    Returns
    -------
    y : (..., D_out) array

    Raises
    ------
    ValueError
        If the shapes do not fit together.

    Source: Vaswani et al. 2017, section 3.3, equation (2).
    """
    require_features("x", x)
    if W.ndim != 2 or x.shape[-1] != W.shape[0]:
        raise ValueError(
            f"x (..., D_in) and W (D_in, D_out) must have the same D_in, "
            f"got x {x.shape} and W {W.shape}"
        )
    if b is not None and b.shape != W.shape[1:]:
        raise ValueError(f"b must have shape {W.shape[1:]} to fit W {W.shape}, got {b.shape}")
    y = _as_rows(x) @ W
    if b is not None:
        y += b
    return y.reshape(*x.shape[:-1], W.shape[1])


@in_one_dtype
def linear_backward(dy, x, W):
    r"""Vector-Jacobian product of :func:`linear`.

    .. math::
        \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} W^\top, \qquad
        \frac{\partial L}{\partial W} = \sum_{\text{tokens}} x^\top \frac{\partial L}{\partial y},
        \qquad
        \frac{\partial L}{\partial b} = \sum_{\text{tokens}} \frac{\partial L}{\partial y}

    Parameters
    ----------
    dy : (..., D_out) array
        Gradient of the loss with respect to `y`.
    x : (..., D_in) array
        Input of :func:`linear`.
    W : (D_in, D_out) array

    Returns
    -------
    dx : (..., D_in) array
    dW : (D_in, D_out) array
        Summed over every leading axis, because W is used once per token.
    db : (D_out,) array

    Derivation: docs/derivations/linear.md, equations (8) to (10).
    Notebook: notebooks/02_linear_layers.ipynb.
    """
    dy_rows, x_rows = _as_rows(dy), _as_rows(x)
    # y = x W + b
    dx = (dy_rows @ W.T).reshape(x.shape)
    dW = x_rows.T @ dy_rows
    db = dy_rows.sum(axis=0)
    return dx, dW, db


@in_one_dtype
def qkv_projection(x, W, b=None):
    r"""Queries, keys and values of self-attention, computed by one product.

    .. math:: [Q \; K \; V] = x \, [W^Q \; W^K \; W^V] + [b^Q \; b^K \; b^V]

    Parameters
    ----------
    x : (..., D) array
    W : (D, 3D) array
        The three projections side by side.
    b : (3D,) array, optional

    Returns
    -------
    Q, K, V : (..., D) arrays
        Views of the three thirds of one array.

    Raises
    ------
    ValueError
        If the width of W is not a multiple of 3, or the shapes do not fit.

    Source: Vaswani et al. 2017, section 3.2.2; one product in place of three.
    """
    if W.shape[-1] % 3:
        raise ValueError(f"the width of W must be a multiple of 3, got {W.shape}")
    qkv = linear(x, W, b)
    width = W.shape[1] // 3
    return qkv[..., :width], qkv[..., width : 2 * width], qkv[..., 2 * width :]


@in_one_dtype
def qkv_projection_backward(dQ, dK, dV, x, W):
    r"""Vector-Jacobian product of :func:`qkv_projection`.

    .. math:: \frac{\partial L}{\partial [Q \; K \; V]} = [dQ \; dK \; dV],
        \quad \text{then as for the linear map}

    Parameters
    ----------
    dQ, dK, dV : (..., D) arrays
        Gradients of the loss with respect to the three outputs.
    x : (..., D) array
        Input of :func:`qkv_projection`.
    W : (D, 3D) array

    Returns
    -------
    dx : (..., D) array
        The sum of the gradients of the three paths.
    dW : (D, 3D) array
    db : (3D,) array

    Derivation: docs/derivations/qkv_projection.md, equations (8) to (10).
    Notebook: notebooks/06_attention.ipynb.
    """
    xp = array_module(dQ)
    return linear_backward(xp.concatenate([dQ, dK, dV], axis=-1), x, W)
