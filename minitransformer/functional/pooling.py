r"""Pooling over time: many token vectors become one. Padding is ignored."""

from minitransformer.backend import array_module
from minitransformer.functional._checks import in_one_dtype, require_bool


def _check(x, mask):
    if x.ndim != 3:
        raise ValueError(f"x must be (B, T, D), got shape {x.shape}")
    require_bool("mask", mask)
    if mask is not None and mask.shape != x.shape[:2]:
        raise ValueError(f"mask must have shape (B, T), {x.shape[:2]}, got {mask.shape}")


def _counts(mask, dtype):
    """Number of real tokens of each row, (B, 1), at least 1 so that an empty mean is 0."""
    xp = array_module(mask)
    return xp.maximum(mask.sum(axis=1, keepdims=True), 1).astype(dtype)


@in_one_dtype
def mean_pool(x, mask=None):
    r"""Mean over the real tokens.

    .. math:: y = \frac{1}{n} \sum_{t: m_t} x_t, \qquad n = \sum_t m_t

    Parameters
    ----------
    x : (B, T, D) array
    mask : (B, T) bool array, optional
        True = a real token. By default all tokens are real. A row without real tokens gives 0.

    Returns
    -------
    y : (B, D) array

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If x does not have the shape (B, T, D), or the mask does not have the shape (B, T).
    """
    xp = array_module(x)
    _check(x, mask)
    mask = xp.ones(x.shape[:2], bool) if mask is None else mask
    total = xp.where(mask[..., None], x, xp.zeros((), x.dtype)).sum(axis=1)
    total /= _counts(mask, x.real.dtype)
    return total


@in_one_dtype
def mean_pool_backward(dy, length, mask=None):
    r"""Vector-Jacobian product of :func:`mean_pool`.

    .. math:: \frac{\partial L}{\partial x_t} = \frac{m_t}{n} \frac{\partial L}{\partial y}

    Parameters
    ----------
    dy : (B, D) array
        Gradient of the loss with respect to `y`.
    length : int
        T, the number of tokens of the input.
    mask : (B, T) bool array, optional
        As in the forward pass.

    Returns
    -------
    dx : (B, T, D) array

    Derivation: docs/derivations/mean_pool.md, equation (5).
    Notebook: notebooks/10_classifier.ipynb.
    """
    xp = array_module(dy)
    mask = xp.ones((dy.shape[0], length), bool) if mask is None else mask
    # y = sum of the real x_t / n
    return mask[..., None] * (dy / _counts(mask, dy.dtype))[:, None, :]


@in_one_dtype
def max_pool(x, mask=None):
    r"""Maximum over the real tokens, feature by feature.

    .. math:: y_d = \max_{t: m_t} x_{td}

    Parameters
    ----------
    x : (B, T, D) array
    mask : (B, T) bool array, optional
        True = a real token. By default all tokens are real. A row without real tokens gives 0.

    Returns
    -------
    y : (B, D) array
    index : (B, D) int array
        Index of the token with the largest value of each feature: the first such token if several
        are equal, or -1 if no token is real.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If x does not have the shape (B, T, D), or the mask does not have the shape (B, T).
    """
    xp = array_module(x)
    _check(x, mask)
    B, T, D = x.shape
    if T == 0:
        return xp.zeros((B, D), x.dtype), xp.full((B, D), -1)
    mask = xp.ones((B, T), bool) if mask is None else mask
    real = xp.where(mask[..., None], x, xp.full((), -xp.inf, x.dtype))
    index = real.argmax(axis=1)
    y = xp.take_along_axis(real, index[:, None, :], axis=1)[:, 0, :]
    any_real = mask.any(axis=1)[:, None]
    return xp.where(any_real, y, xp.zeros((), x.dtype)), xp.where(any_real, index, -1)


@in_one_dtype
def max_pool_backward(dy, index, length):
    r"""Vector-Jacobian product of :func:`max_pool`: the maximum gets the whole gradient.

    .. math:: \frac{\partial L}{\partial x_{td}}
        = [\, t = \mathrm{index}_d \,] \, \frac{\partial L}{\partial y_d}

    Parameters
    ----------
    dy : (B, D) array
        Gradient of the loss with respect to `y`.
    index : (B, D) int array
        From :func:`max_pool`.
    length : int
        T, the number of tokens of the input.

    Returns
    -------
    dx : (B, T, D) array

    Derivation: docs/derivations/max_pool.md, equation (5). Notebook: notebooks/10_classifier.ipynb.
    """
    xp = array_module(dy)
    # y_d = x[index_d, d]
    won = xp.arange(length)[None, :, None] == index[:, None, :]
    return won * dy[:, None, :]


def _first_real(mask):
    """True at the first real token of each row: no real token comes before it."""
    return mask & (mask.cumsum(axis=1) == 1)


@in_one_dtype
def first_pool(x, mask=None):
    r"""The vector of the first real token.

    .. math:: y = x_{t_0}, \qquad t_0 = \min \{ t : m_t \}

    Parameters
    ----------
    x : (B, T, D) array
    mask : (B, T) bool array, optional
        True = a real token. By default all tokens are real. A row without real tokens gives 0.

    Returns
    -------
    y : (B, D) array

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If x does not have the shape (B, T, D), or the mask does not have the shape (B, T).

    Source: Devlin et al. 2019, section 4.1: the first token represents the whole text.
    """
    xp = array_module(x)
    _check(x, mask)
    mask = xp.ones(x.shape[:2], bool) if mask is None else mask
    return xp.where(_first_real(mask)[..., None], x, xp.zeros((), x.dtype)).sum(axis=1)


@in_one_dtype
def first_pool_backward(dy, length, mask=None):
    r"""Vector-Jacobian product of :func:`first_pool`.

    .. math:: \frac{\partial L}{\partial x_t} = [\, t = t_0 \,] \, \frac{\partial L}{\partial y}

    Parameters
    ----------
    dy : (B, D) array
        Gradient of the loss with respect to `y`.
    length : int
        T, the number of tokens of the input.
    mask : (B, T) bool array, optional
        As in the forward pass.

    Returns
    -------
    dx : (B, T, D) array

    Derivation: docs/derivations/first_pool.md, equation (5).
    Notebook: notebooks/10_classifier.ipynb.
    """
    xp = array_module(dy)
    mask = xp.ones((dy.shape[0], length), bool) if mask is None else mask
    # y = x at the first real t
    return _first_real(mask)[..., None] * dy[:, None, :]
