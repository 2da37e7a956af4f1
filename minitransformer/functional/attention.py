r"""Scaled dot-product attention, and the splitting into heads."""

from minitransformer.backend import array_module, swap
from minitransformer.functional._checks import in_one_dtype, require_bool, require_broadcast
from minitransformer.functional.softmax import (
    largest_or_zero,
    normalise_exponentials,
    softmax_backward,
)


def split_heads(x, n_heads):
    r"""Cut the features into heads, and move the heads next to the batch.

    .. math:: (B, T, H E) \to (B, T, H, E) \to (B, H, T, E)

    Reshape alone would be wrong: the features of one token lie side by side in memory, so the
    head axis is cut out of the last axis first and only then exchanged with time.

    Parameters
    ----------
    x : (B, T, D) array
    n_heads : int
        H, which must divide D.

    Returns
    -------
    heads : (B, H, T, E) array
        A view of x, with E = D / H.

    Raises
    ------
    ValueError
        If x is not (B, T, D) or H does not divide D.

    Source: Vaswani et al. 2017, section 3.2.2.
    """
    if x.ndim != 3:
        raise ValueError(f"x must be (B, T, D), got shape {x.shape}")
    B, T, D = x.shape
    if n_heads < 1 or D % n_heads or D == 0:
        raise ValueError(f"n_heads must divide D = {D}, got {n_heads}")
    return x.reshape(B, T, n_heads, D // n_heads).transpose(0, 2, 1, 3)


def split_heads_backward(dy):
    r"""Vector-Jacobian product of :func:`split_heads`: put the heads back, :func:`merge_heads`.

    Parameters
    ----------
    dy : (B, H, T, E) array
        Gradient of the loss with respect to the heads.

    Returns
    -------
    dx : (B, T, D) array

    Derivation: docs/derivations.md, heads.
    """
    return merge_heads(dy)


def merge_heads(x):
    r"""Put the heads back side by side: the concatenation of the paper.

    .. math:: (B, H, T, E) \to (B, T, H, E) \to (B, T, H E)

    Parameters
    ----------
    x : (B, H, T, E) array

    Returns
    -------
    y : (B, T, D) array
        D = H E.

    Raises
    ------
    ValueError
        If x is not (B, H, T, E).

    Source: Vaswani et al. 2017, section 3.2.2, Concat.
    """
    if x.ndim != 4:
        raise ValueError(f"x must be (B, H, T, E), got shape {x.shape}")
    B, H, T, E = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, H * E)


def merge_heads_backward(dy, n_heads):
    r"""Vector-Jacobian product of :func:`merge_heads`: :func:`split_heads`.

    Parameters
    ----------
    dy : (B, T, D) array
        Gradient of the loss with respect to the merged heads.
    n_heads : int

    Returns
    -------
    dx : (B, H, T, E) array
        A view of dy.

    Derivation: docs/derivations.md, heads.
    """
    return split_heads(dy, n_heads)


def _share_heads(x, n_heads):
    """Repeat key or value heads so that each group of query heads has its own copy."""
    if x.ndim < 3 or x.shape[-3] == n_heads:
        return x
    return array_module(x).repeat(x, n_heads // x.shape[-3], axis=-3)


def _gather_heads(dx, n_heads):
    """Undo :func:`_share_heads` in the backward pass: add up what a group's copies received."""
    if dx.ndim < 3 or dx.shape[-3] == n_heads:
        return dx
    group = dx.shape[-3] // n_heads
    return dx.reshape(*dx.shape[:-3], n_heads, group, *dx.shape[-2:]).sum(axis=-3)


def _keep_rows(x, used):
    """`x` with the rows of unused keys set to 0, so that not even a NaN there has an effect."""
    xp = array_module(x, used)
    return xp.where(used[..., None], x, xp.zeros((), x.dtype))


def _check(Q, K, V, mask, keep, bias):
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
    _check(Q, K, V, mask, keep, bias)
    if Q.ndim > 2:
        K, V = _share_heads(K, Q.shape[-3]), _share_heads(V, Q.shape[-3])
    scores = (Q * Q.shape[-1] ** -0.5) @ swap(K)
    if bias is not None:
        scores += bias
    if mask is not None:
        xp.copyto(scores, -xp.inf, where=~mask)
        V = _keep_rows(V, xp.atleast_2d(mask).any(axis=-2))
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

    Derivation: docs/derivations.md, attention.
    """
    array_module(dO=dO, Q=Q, K=K, V=V, P=P, keep=keep)
    scale = Q.shape[-1] ** -0.5
    kv_heads = K.shape[-3] if K.ndim > 2 else 1
    if Q.ndim > 2:
        K, V = _share_heads(K, Q.shape[-3]), _share_heads(V, Q.shape[-3])
    used = P.real.sum(axis=-2) > 0
    K, V = _keep_rows(K, used), _keep_rows(V, used)
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
    return dQ, _gather_heads(dK, kv_heads), _gather_heads(dV, kv_heads)
