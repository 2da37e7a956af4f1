r"""Scaled dot-product attention."""

import numpy as np

from minitransformer.backend import array_module, swap
from minitransformer.functional._checks import check_attention_shapes, in_one_dtype
from minitransformer.functional.heads import repeat_kv, sum_groups
from minitransformer.functional.softmax import softmax_backward, softmax_steps


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
        Keys and values. They may have fewer heads than Q if their number of heads divides H. Each
        of their heads then serves a group of query heads.
    mask : bool array that broadcasts to (B, H, T, S), optional
        True = may attend. For a query with nothing to attend to, O and the gradient are 0. Finite
        values at masked keys do not change a single bit of the result. A key that is masked for
        every query may even contain NaN.
    keep : (B, H, T, S) array, optional
        Dropout mask for P, from :func:`~minitransformer.functional.dropout_mask`.
    bias : array that broadcasts to (B, H, T, S), optional
        Added to the scores. It gets no gradient.

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
    check_attention_shapes(Q, K, V, mask, keep, bias)
    K, V = repeat_kv(K, Q), repeat_kv(V, Q)  # (B, H, S, E)
    if mask is not None:
        used = attended_keys(mask)
        K, V = zero_unused(K, used), zero_unused(V, used)
    scores = (Q * Q.shape[-1] ** -0.5) @ swap(K)  # (B, H, T, S)
    if bias is not None:
        scores += bias
    if mask is not None:
        array_module(scores).copyto(scores, -np.inf, where=~mask)
    P = softmax_steps(scores, out=scores)  # (B, H, T, S)
    O = (P if keep is None else P * keep) @ V  # (B, H, T, E)
    return O, P


@in_one_dtype
def attention_backward(dO, Q, K, V, P, *, keep=None):
    r"""Vector-Jacobian product of :func:`attention`.

    With :math:`A = P \odot \mathrm{keep}`, :math:`Z = QK^\top / \sqrt{d_k}`:

    .. math::
        dV &= A^\top dO, \qquad dP = (dO \, V^\top) \odot \mathrm{keep} \\
        dZ_{ij} &= P_{ij} \Big( dP_{ij} - \sum_k P_{ik} \, dP_{ik} \Big) \\
        dQ &= \frac{dZ \, K}{\sqrt{d_k}}, \qquad dK = \frac{dZ^\top Q}{\sqrt{d_k}}

    The mask is not needed: where it was False, both P and dZ are 0.

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
    scale = Q.shape[-1] ** -0.5
    used = P.real.sum(axis=-2) > 0
    K_used = zero_unused(repeat_kv(K, Q), used)  # (B, H, S, E)
    V_used = zero_unused(repeat_kv(V, Q), used)  # (B, H, S, E)
    # O = (P * keep) V
    dV = swap(P if keep is None else P * keep) @ dO  # (B, H, S, E)
    dP = dO @ swap(V_used)  # (B, H, T, S)
    if keep is not None:
        dP *= keep
    # P = softmax(scores)
    dZ = softmax_backward(dP, P)  # (B, H, T, S)
    # scores = Q K^T / sqrt(E)
    dZ *= scale
    dQ = dZ @ K_used  # (B, H, T, E)
    dK = swap(dZ) @ Q  # (B, H, S, E)
    return dQ, sum_groups(dK, like=K), sum_groups(dV, like=V)


def attended_keys(mask):
    """Whether at least one query may attend to each key, (..., S)."""
    return array_module(mask).atleast_2d(mask).any(axis=-2)


def zero_unused(x, used):
    """`x` (..., S, E) with 0 in the rows of unused keys, so that even a NaN there has no effect."""
    xp = array_module(x, used)
    return xp.where(used[..., None], x, xp.zeros((), x.dtype))
