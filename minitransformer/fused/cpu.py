"""Faster forms for NumPy arrays on a CPU.

Three things proved worthwhile when measured: writing a sum over the last axis as a product with a
vector (BLAS adds faster than NumPy's reductions), using ``vecdot`` for a row-wise dot product
instead of an elementwise product and a sum, and working through the attention weights in pieces
that stay in the cache. Each function names the plain function that it replaces. The mathematics is
explained there.
"""

import functools

import numpy as np

from minitransformer import functional
from minitransformer.functional._checks import check_attention_shapes, shared_dtype
from minitransformer.functional.attention import attended_keys, zero_unused
from minitransformer.functional.norm import check_scale, in_range

# Number of attention weights computed at a time: 0.5 MB in float32, so that they stay in the L2
# cache.
_BLOCK = 1 << 17


def stands_for(plain, arrays=lambda *args, **kwargs: (*args, *kwargs.values())):
    """Replace `plain`, but still call it unless all arrays are NumPy float32 or all NumPy float64.

    So the plain function handles complex arrays (for the complex step), float16, mixed dtypes and
    CuPy. `arrays` finds the arrays among the arguments.
    """

    def decorate(fast):
        @functools.wraps(plain)
        def chosen(*args, **kwargs):
            usual = shared_dtype(arrays(*args, **kwargs)) is not None
            return (fast if usual else plain)(*args, **kwargs)

        return chosen

    return decorate


def _rows(x):
    return x.reshape(-1, x.shape[-1])


def _rstd(x, eps):
    """1 / sqrt(mean(x**2) + eps) of each row, (M, 1)."""
    rstd = np.vecdot(x, x)
    rstd /= x.shape[-1]
    rstd += eps
    np.sqrt(rstd, out=rstd)
    return np.reciprocal(rstd, out=rstd)[:, None]


def _mean(x):
    """Mean of each row, (M, 1)."""
    return (x @ np.full(x.shape[-1], 1 / x.shape[-1], x.dtype))[:, None]


@stands_for(functional.layer_norm)
@in_range
def layer_norm(x, gamma, beta, eps=1e-5):
    check_scale(x, gamma=gamma, beta=beta)
    rows = _rows(x)
    xhat = rows - _mean(rows)
    xhat -= _mean(xhat)
    rstd = _rstd(xhat, eps)
    xhat *= rstd
    y = xhat * gamma
    y += beta
    return y.reshape(x.shape), xhat.reshape(x.shape), rstd.reshape(*x.shape[:-1], 1)


@stands_for(functional.layer_norm_backward)
def layer_norm_backward(dy, xhat, rstd, gamma):
    dx, dgamma, ones = _norm_backward(dy, xhat, gamma)
    # dxhat = dy * gamma, so its mean over the features is the product of dy with gamma / D
    dx -= (_rows(dy) @ (gamma / gamma.size))[:, None]
    dx *= rstd.reshape(-1, 1)
    return dx.reshape(dy.shape), dgamma, ones @ _rows(dy)


@stands_for(functional.rms_norm)
@in_range
def rms_norm(x, gamma, eps=1e-6):
    check_scale(x, gamma=gamma)
    rows = _rows(x)
    rstd = _rstd(rows, eps)
    xhat = rows * rstd
    y = xhat * gamma
    return y.reshape(x.shape), xhat.reshape(x.shape), rstd.reshape(*x.shape[:-1], 1)


@stands_for(functional.rms_norm_backward)
def rms_norm_backward(dy, xhat, rstd, gamma):
    dx, dgamma, _ = _norm_backward(dy, xhat, gamma)
    dx *= rstd.reshape(-1, 1)
    return dx.reshape(dy.shape), dgamma


def _norm_backward(dy, xhat, gamma):
    """The terms common to both norms: dxhat - xhat mean(dxhat xhat), dgamma, and ones (M,).

    dy * xhat is used twice: its sum over the tokens is dgamma, and its product with gamma / D is
    the mean of dxhat * xhat over the features.
    """
    dy, xhat = _rows(dy), _rows(xhat)
    ones = np.ones(len(dy), dy.dtype)
    product = dy * xhat
    dgamma = ones @ product
    mean = product @ (gamma / gamma.size)
    dx = dy * gamma
    dx -= np.multiply(xhat, mean[:, None], out=product)
    return dx, dgamma, ones


@stands_for(functional.attention)
def attention(Q, K, V, mask=None, *, keep=None, bias=None):
    usual = Q.ndim == 4 and Q.shape[1] == K.shape[1] and bias is None and Q.size and K.size
    usual = usual and Q.shape[2] > 1  # for a single query, checking all the keys costs too much
    if usual and mask is not None and not (_tame(K) and _tame(V)):
        check_attention_shapes(Q, K, V, mask, keep, bias)
        used = attended_keys(mask)
        K, V = zero_unused(K, used), zero_unused(V, used)
    if not (usual and _exponents_fit(Q, K, mask) and _tame(V)):
        return functional.attention(Q, K, V, mask, keep=keep, bias=bias)
    check_attention_shapes(Q, K, V, mask, keep, bias)
    (B, H, T, _), S = Q.shape, K.shape[2]
    O, P = _heads_side_by_side(Q, V.shape[-1]), np.empty((B, H, T, S), Q.dtype)
    unseen = None
    if mask is not None:
        unseen = np.where(mask, np.zeros((), Q.dtype), np.full((), -np.inf, Q.dtype))
        unseen = _with_all_axes(unseen, P.shape)
    keep = None if keep is None else np.broadcast_to(keep, P.shape)
    ones = np.ones(S, Q.dtype)
    Q = Q * Q.shape[-1] ** -0.5
    for part in _parts(*P.shape):
        p = np.matmul(Q[part], K[part].swapaxes(-1, -2), out=P[part])
        if unseen is not None:
            p += unseen[part]
        # The maximum is not subtracted, because no exponent is large.
        np.exp(p, out=p)
        total = p @ ones
        if unseen is not None:
            total[total == 0] = 1
        p *= np.reciprocal(total, out=total)[..., None]
        np.matmul(p if keep is None else p * keep[part], V[part], out=O[part])
    return O, P


def _exponents_fit(Q, K, mask):
    """Whether |q k| <= |q| |k| shows that every unmasked score is below 40; False if one is NaN."""
    keys = np.vecdot(K, K)
    if mask is not None and mask.dtype == bool:
        # The content of a key that no query sees has no effect, not even on the choice of this
        # form.
        keys = np.where(attended_keys(mask), keys, np.zeros((), K.dtype))
    return float(np.vecdot(Q, Q).max()) * float(keys.max()) < 40**2 * Q.shape[-1]


def _with_all_axes(array, shape):
    """`array` (..., S), broadcast so that it can be sliced along the first two axes of `shape`."""
    return np.broadcast_to(array, (*shape[:2], *((1, 1) + array.shape)[-2:]))


@stands_for(functional.attention_backward)
def attention_backward(dO, Q, K, V, P, *, keep=None):
    if Q.ndim != 4 or Q.shape[1] != K.shape[1] or P.size == 0:
        return functional.attention_backward(dO, Q, K, V, P, keep=keep)
    if not (_tame(K) and _tame(V)):
        used = P.sum(axis=-2) > 0
        K, V = zero_unused(K, used), zero_unused(V, used)
    keep = None if keep is None else np.broadcast_to(keep, P.shape)
    scale = Q.shape[-1] ** -0.5
    dQ, dK, dV = (_heads_side_by_side(x, x.shape[-1]) for x in (Q, K, V))
    for part in _parts(*P.shape):
        p, scratch = P[part], np.empty_like(P[part])
        # O = (P * keep) V
        A = p if keep is None else np.multiply(p, keep[part], out=scratch)
        np.matmul(A.swapaxes(-1, -2), dO[part], out=dV[part])
        dZ = np.matmul(dO[part], V[part].swapaxes(-1, -2), out=scratch)
        if keep is not None:
            dZ *= keep[part]
        # P = softmax(scores)
        dZ -= np.vecdot(dZ, p)[..., None]
        dZ *= p
        # scores = Q K^T / sqrt(E)
        np.matmul(dZ, K[part], out=dQ[part])
        np.matmul(dZ.swapaxes(-1, -2), Q[part], out=dK[part])
    dQ *= scale
    dK *= scale
    return dQ, dK, dV


def _tame(x):
    """Whether `x` has no NaN, and no number that is so large that a product could overflow.

    A key that no query sees may contain such values. Finding such keys takes a pass over the
    weights. This check is cheaper, and usually shows that there are none.
    """
    return x.max() < 1e15 and x.min() > -1e15


def _heads_side_by_side(x, E):
    """An uninitialised (B, H, T, E) array whose heads merge without a copy; B, H, T as in `x`."""
    B, H, T, _ = x.shape
    return np.empty((B, T, H, E), x.dtype).swapaxes(1, 2)


def _parts(B, H, T, S):
    """Slices of sequences, or of heads of one sequence, with about _BLOCK attention weights."""
    sequences = _BLOCK // (H * T * S)
    if sequences:
        yield from (slice(i, i + sequences) for i in range(0, B, sequences))
        return
    heads = max(1, _BLOCK // (T * S))
    for i in range(B):
        yield from ((slice(i, i + 1), slice(j, j + heads)) for j in range(0, H, heads))
