r"""Rotary positional encoding: rotate queries and keys by angles proportional to position."""

import numpy as np

from minitransformer.backend import array_module
from minitransformer.functional._checks import (
    in_one_dtype,
    require_broadcast,
    require_same_shape,
)


def rotary_tables(max_len, d_k, base=10000.0, dtype=np.float64):
    r"""Cosine and sine of the angle by which each pair of features is rotated at each position.

    .. math:: \varphi_{pos,\,i} = pos \cdot base^{-2i/E}, \qquad
        c_{pos,\,i} = \cos \varphi_{pos,\,i}, \qquad s_{pos,\,i} = \sin \varphi_{pos,\,i}

    The wavelengths are the same as in the sinusoidal encoding with D = E. Here, however, the
    features of a head are rotated, and nothing is added to them.

    Parameters
    ----------
    max_len : int
        Number of positions.
    d_k : int
        E, the number of features of a head. It must be even.
    base : float
        A larger base makes the longest wavelength longer. The paper uses 10000.
    dtype : dtype
        The dtype of the result. The angles are always computed in float64.

    Returns
    -------
    cos, sin : (max_len, E/2) arrays
        For tokens at positions other than 0 .. T - 1, use ``cos[positions]`` and
        ``sin[positions]``.

    Raises
    ------
    ValueError
        If max_len is negative, d_k is odd or less than 2, or base is not positive.

    Source: Su et al. 2021, section 3.2.2, equation (15).
    """
    if max_len < 0 or d_k < 2 or d_k % 2 or not base > 0:
        raise ValueError(
            f"max_len must be >= 0, d_k even and >= 2, and base > 0, "
            f"got {max_len}, {d_k} and {base}"
        )
    pos = np.arange(max_len)[:, None]
    two_i = np.arange(0, d_k, 2)
    angle = pos / base ** (two_i / d_k)
    return np.cos(angle).astype(dtype), np.sin(angle).astype(dtype)


def _check_tables(name, x, cos, sin):
    if x.ndim == 0 or x.shape[-1] == 0 or x.shape[-1] % 2:
        raise ValueError(
            f"the last axis of {name} must have an even length of at least 2, got shape {x.shape}"
        )
    require_same_shape("sin", sin, "cos", cos)
    if cos.shape[-1:] != (x.shape[-1] // 2,):
        raise ValueError(
            f"the last axis of cos and sin must have length {x.shape[-1] // 2}, half of the last "
            f"axis of {name} {x.shape}, got {cos.shape}"
        )
    require_broadcast("cos", cos, f"the halves of {name}", (*x.shape[:-1], x.shape[-1] // 2))


def _turn(x, cos, sin):
    """Rotate each pair (x1, x2) of features by its angle."""
    half = x.shape[-1] // 2
    x1, x2 = x[..., :half], x[..., half:]
    y = array_module(x).empty_like(x)
    y[..., :half] = x1 * cos - x2 * sin
    y[..., half:] = x1 * sin + x2 * cos
    return y


@in_one_dtype
def rotary(x, cos, sin):
    r"""Rotate each pair of features, :math:`x_i` and :math:`x_{i + E/2}`, by its position's angle.

    .. math:: y_i = x_i \cos\varphi_i - x_{i + E/2} \sin\varphi_i, \qquad
        y_{i + E/2} = x_i \sin\varphi_i + x_{i + E/2} \cos\varphi_i

    The dot product of a rotated query and a rotated key depends only on the distance between their
    positions. A query at position m and a key at position n give the same dot product as an
    unrotated query and a key rotated by the angles of position n - m.

    The paper pairs neighbouring features, 2i and 2i + 1. This function pairs feature i of the first
    half with feature i of the second half, as Llama's weights in the `transformers` library
    require. The two forms are equivalent: only the order of the columns of the projection matrix
    differs.

    Parameters
    ----------
    x : (..., T, E) array
        Queries or keys. E must be even.
    cos, sin : (T, E/2) arrays
        Rows of :func:`rotary_tables`, one per token. Any shape that broadcasts to (..., T, E/2)
        will do, such as (B, 1, T, E/2) if each text has its own positions.

    Returns
    -------
    y : (..., T, E) array

    Raises
    ------
    ValueError
        If E is odd or the tables do not fit.

    Source: Su et al. 2021, section 3.4.2, equation (34).
    """
    _check_tables("x", x, cos, sin)
    return _turn(x, cos, sin)


@in_one_dtype
def rotary_backward(dy, cos, sin):
    r"""Vector-Jacobian product of :func:`rotary`: rotate by the opposite angle.

    .. math:: dx_i = dy_i \cos\varphi_i + dy_{i + E/2} \sin\varphi_i, \qquad
        dx_{i + E/2} = - dy_i \sin\varphi_i + dy_{i + E/2} \cos\varphi_i

    Parameters
    ----------
    dy : (..., T, E) array
        Gradient of the loss with respect to `y`.
    cos, sin : (T, E/2) arrays
        As in the forward pass. The input itself is not needed.

    Returns
    -------
    dx : (..., T, E) array

    Derivation: docs/derivations/rotary.md, equations (4) and (5).
    Notebook: notebooks/05_positions.ipynb.
    """
    _check_tables("dy", dy, cos, sin)
    return _turn(dy, cos, -sin)
