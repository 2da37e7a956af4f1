r"""Scaled dot-product attention."""

from minitransformer.backend import array_module, swap
from minitransformer.functional._checks import in_one_dtype, require_bool, require_broadcast
from minitransformer.functional.heads import gather_heads, share_heads
from minitransformer.functional.softmax import (
    largest_or_zero,
    normalise_exponentials,
    softmax_backward,
)


def zero_unused(x, used):
    """`x` with the rows of unused keys set to 0, so that not even a NaN there has an effect."""
    xp = array_module(x, used)
    return xp.where(used[..., None], x, xp.zeros((), x.dtype))


def check_shapes(Q, K, V, mask, keep, bias):
    if min(Q.ndim, K.ndim, V.ndim) < 2:
        raise ValueError(
            f"Q, K and V must end in (T, E), (S, E), (S, E), got {Q.shape}, {K.shape}, {V.shape}"
        )
    if Q.shape[-1] != K.shape[-1] or Q.shape[-1] == 0:
        raise ValueError(
            f"Q (..., T, E) and K (..., S, E) need the same E of at least 1, "
            f"got {Q.shape} and {K.shape}"
        )
    if K.shape[:-1] != V.shape[:-1]:
        raise ValueError(
            f"K and V must have the same batch, heads and length, got {K.shape} and {V.shape}"
        )
    heads, kv_heads = Q.shape[:-2], K.shape[:-2]
    grouped = len(heads) and len(heads) == len(kv_heads) and kv_heads[-1]
    if heads != kv_heads and not (
        grouped and heads[:-1] == kv_heads[:-1] and heads[-1] % kv_heads[-1] == 0
    ):
        raise ValueError(
            f"the heads of K and V must divide those of Q, and the batches agree: "
            f"Q is {Q.shape}, K is {K.shape}"
        )
    require_bool("mask", mask)
    scores = (*heads, Q.shape[-2], K.shape[-2])
    for name, array in (("mask", mask), ("keep", keep), ("bias", bias)):
        require_broadcast(name, array, "the scores", scores)


@in_one_dtype
def attention(Q, K, V, mask=None, *, keep=None, bias=None):
    r"""Scaled dot-product attention: each query takes a weighted mean of the values.

    .. math:: P = \mathrm{softmax}\Big(\frac{Q K^\top}{\sqrt{d_k}} + \mathrm{bias}\Big),
        \qquad O = (P \odot \mathrm{keep}) \, V

    Parameters
    ----------
    Q : (B, H, T, E) array
        Queries; E is the paper's :math:`d_k`.
    K, V : (B, H, S, E) arrays
        Keys and values. They may have fewer heads than Q when their number divides it: then each
        serves a group of query heads.
    mask : bool array that broadcasts to (B, H, T, S), optional
        True = may attend. A query with nothing to attend to gets O = 0, and gradient 0. Finite
        values under the mask change nothing, bit for bit; a key that is masked for every query
        may even hold NaN.
    keep : (B, H, T, S) array, optional
        Dropout mask for P, from :func:`~minitransformer.functional.dropout_mask`.
    bias : array that broadcasts to (B, H, T, S), optional
        Added to the scores; it gets no gradient.

    Returns
    -------
    O : (B, H, T, E) array
    P : (B, H, T, S) array
        The weights before dropout.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the shapes do not fit.

    Source: Vaswani et al. 2017, section 3.2.1, equation (1).
    """
    xp = array_module(Q=Q, K=K, V=V, mask=mask, keep=keep, bias=bias)
    check_shapes(Q, K, V, mask, keep, bias)
    if Q.ndim > 2:
        K, V = share_heads(K, Q.shape[-3]), share_heads(V, Q.shape[-3])
    scores = (Q * Q.shape[-1] ** -0.5) @ swap(K)
    if bias is not None:
        scores += bias
    if mask is not None:
        xp.copyto(scores, -xp.inf, where=~mask)
        V = zero_unused(V, xp.atleast_2d(mask).any(axis=-2))
    P = scores
    if P.shape[-1]:
        P -= largest_or_zero(scores)
        normalise_exponentials(P)
    O = (P if keep is None else P * keep) @ V
    return O, P


@in_one_dtype
def attention_backward(dO, Q, K, V, P, *, keep=None):
    r"""Vector-Jacobian product of :func:`attention`.

    With :math:`A = P \odot \mathrm{keep}`, :math:`S = QK^\top / \sqrt{d_k}`:

    .. math::
        dV &= A^\top dO, \qquad dP = (dO \, V^\top) \odot \mathrm{keep} \\
        dS_{ij} &= P_{ij} \Big( dP_{ij} - \sum_k P_{ik} \, dP_{ik} \Big) \\
        dQ &= \frac{dS \, K}{\sqrt{d_k}}, \qquad dK = \frac{dS^\top Q}{\sqrt{d_k}}

    The mask need not be known: where it was False, P is 0, and so is dS.

    Parameters
    ----------
    dO : (B, H, T, E) array
        Gradient of the loss with respect to `O`.
    Q, K, V : arrays
        Inputs of :func:`attention`.
    P : (B, H, T, S) array
        The weights before dropout, from :func:`attention`.
    keep : (B, H, T, S) array, optional
        The dropout mask of the forward pass.

    Returns
    -------
    dQ, dK, dV : arrays of the shapes of Q, K and V

    Derivation: docs/derivations/attention.md, equations (13) to (17).
    Notebook: notebooks/06_attention.ipynb.
    """
    array_module(dO=dO, Q=Q, K=K, V=V, P=P, keep=keep)
    scale = Q.shape[-1] ** -0.5
    kv_heads = K.shape[-3] if K.ndim > 2 else 1
    if Q.ndim > 2:
        K, V = share_heads(K, Q.shape[-3]), share_heads(V, Q.shape[-3])
    used = P.real.sum(axis=-2) > 0
    K, V = zero_unused(K, used), zero_unused(V, used)
    # O = (P * keep) V
    dV = swap(P if keep is None else P * keep) @ dO
    dP = dO @ swap(V)
    if keep is not None:
        dP *= keep
    # P = softmax(scores)
    dS = softmax_backward(dP, P)
    # scores = Q K^T / sqrt(E)
    dS *= scale
    dQ = dS @ K
    dK = swap(dS) @ Q
    return dQ, gather_heads(dK, kv_heads), gather_heads(dV, kv_heads)
