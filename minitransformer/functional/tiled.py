r"""Attention in blocks of queries: the weights of a whole sequence are never held at once."""

from minitransformer.backend import array_module, generator, swap
from minitransformer.functional._checks import in_one_dtype
from minitransformer.functional.attention import check_shapes, zero_unused
from minitransformer.functional.dropout import check_probability, dropout_mask
from minitransformer.functional.heads import gather_heads, share_heads
from minitransformer.functional.softmax import largest_or_zero, normalise_exponentials


def _check_blocks(dropout, seed, block):
    check_probability("dropout", dropout)
    if dropout and seed is None:
        raise ValueError(f"seed must be given for dropout = {dropout}, got None")
    if block < 1:
        raise ValueError(f"block must be at least 1 query, got {block}")


def _prepared(Q, K, V, mask):
    """K and V with a copy for each query head, and 0 for keys that no query may attend to."""
    if Q.ndim > 2:
        K, V = share_heads(K, Q.shape[-3]), share_heads(V, Q.shape[-3])
    if mask is not None:
        used = array_module(mask).atleast_2d(mask).any(axis=-2)
        K, V = zero_unused(K, used), zero_unused(V, used)
    return K, V


def _blocks(Q, K, block):
    """Number and slice of each block of queries; none where there is no key."""
    starts = range(0, Q.shape[-2] if K.shape[-2] else 0, block)
    return [(i, slice(start, start + block)) for i, start in enumerate(starts)]


def _of_queries(x, rows):
    """The rows of an array that broadcasts to (..., T, S)."""
    return x if x.ndim < 2 or x.shape[-2] == 1 else x[..., rows, :]


def _scores(Q, K, mask, bias, rows):
    """Scores of the queries `rows`, (..., t, S), -infinity where they may not attend."""
    scores = (Q[..., rows, :] * Q.shape[-1] ** -0.5) @ swap(K)
    if bias is not None:
        scores += _of_queries(bias, rows)
    if mask is not None:
        xp = array_module(scores)
        xp.copyto(scores, -xp.inf, where=~_of_queries(mask, rows))
    return scores


def _keep(P, dropout, seed, i):
    """The dropout mask of block `i`, of the shape of its weights, or None."""
    if not dropout:
        return None
    rng = generator([*(seed if type(seed) is tuple else (seed,)), i], like=P)
    return dropout_mask(rng, P.shape, dropout, P.real.dtype)


@in_one_dtype
def tiled_attention(Q, K, V, mask=None, *, dropout=0.0, seed=None, bias=None, block=128):
    r"""Scaled dot-product attention, one block of queries at a time.

    .. math:: O_i = \sum_j e^{s_{ij} - \ell_i} \, \mathrm{keep}_{ij} \, V_j, \qquad
        \ell_i = \log \sum_j e^{s_{ij}}, \qquad
        s_{ij} = \frac{Q_i \cdot K_j}{\sqrt{d_k}} + \mathrm{bias}_{ij}

    The numbers are those of :func:`~minitransformer.functional.attention`, which keeps the
    weights P, (B, H, T, S), for the backward pass. Here only one number for each query is kept,
    :math:`\ell_i`, and the backward pass computes each block of P again. Memory so grows with T,
    not with its square, for one more product of Q and K.

    Dropout has no array `keep` of (B, H, T, S) either: the mask of block i is drawn from a
    generator seeded with (`seed`, i). It so is a function of the arguments alone, both passes
    stay pure, and both see the same mask. It depends on the block size and on the library of the
    arrays, and is another than the one of `attention`.

    Parameters
    ----------
    Q : (B, H, T, E) array
    K, V : (B, H, S, E) arrays
        They may have fewer heads than Q when their number divides it.
    mask : bool array that broadcasts to (B, H, T, S), optional
        True = may attend; otherwise as for `attention`. One of (B, 1, 1, S) keeps memory small.
    dropout : float
        Share of the weights that is dropped, 0 <= dropout < 1.
    seed : int or tuple of int
        Decides what is dropped; needed where dropout is not 0.
    bias : array that broadcasts to (B, H, T, S), optional
        Added to the scores; it gets no gradient.
    block : int
        Queries at a time: a few arrays of (B, H, block, S) are held at once.

    Returns
    -------
    O : (B, H, T, E) array
    logsumexp : (B, H, T) array
        :math:`\ell`; 0 for a query with nothing to attend to.

    Raises
    ------
    TypeError
        If the mask is not boolean.
    ValueError
        If the shapes do not fit, dropout or block is out of range, or the seed is missing.

    Source: Dao et al. 2022, section 3.1 (recomputation); Rabe and Staats 2021, section 3.
    """
    xp = array_module(Q=Q, K=K, V=V, mask=mask, bias=bias)
    check_shapes(Q, K, V, mask, None, bias)
    _check_blocks(dropout, seed, block)
    K, V = _prepared(Q, K, V, mask)
    O = xp.zeros((*Q.shape[:-1], V.shape[-1]), Q.dtype)
    logsumexp = xp.zeros(Q.shape[:-1], Q.dtype)
    for i, rows in _blocks(Q, K, block):
        P = _scores(Q, K, mask, bias, rows)
        largest = largest_or_zero(P)
        P -= largest
        xp.exp(P, out=P)
        total = P.sum(axis=-1, keepdims=True)
        total = xp.where(total == 0, xp.ones_like(total), total)
        logsumexp[..., rows] = (largest + xp.log(total))[..., 0]
        keep = _keep(P, dropout, seed, i)
        if keep is not None:
            P *= keep
        O[..., rows, :] = (P @ V) / total  # dividing (t, E) numbers is cheaper than (t, S)
    return O, logsumexp


@in_one_dtype
def tiled_attention_backward(
    dO, Q, K, V, O, logsumexp, mask=None, *, dropout=0.0, seed=None, bias=None, block=128
):
    r"""Vector-Jacobian product of :func:`tiled_attention`.

    For each block of queries the weights are computed again, :math:`P_{ij} = e^{s_{ij} - \ell_i}`,
    and the dropout mask is drawn again. With :math:`A = P \odot \mathrm{keep}`:

    .. math::
        dV &= \sum_{\text{blocks}} A^\top dO, \qquad dP = (dO \, V^\top) \odot \mathrm{keep} \\
        dS_{ij} &= P_{ij} \, ( dP_{ij} - dO_i \cdot O_i ) \\
        dQ &= \frac{dS \, K}{\sqrt{d_k}}, \qquad
        dK = \sum_{\text{blocks}} \frac{dS^\top Q}{\sqrt{d_k}}

    Parameters
    ----------
    dO : (B, H, T, E) array
        Gradient of the loss with respect to `O`.
    Q, K, V, mask, dropout, seed, bias, block
        Inputs of :func:`tiled_attention`, the same ones.
    O : (B, H, T, E) array
    logsumexp : (B, H, T) array
        Both from :func:`tiled_attention`.

    Returns
    -------
    dQ, dK, dV : arrays of the shapes of Q, K and V

    Derivation: docs/derivations/tiled_attention.md, equations (6) and (11) to (14).
    Notebook: notebooks/07_heads_and_masks.ipynb.
    """
    xp = array_module(dO=dO, Q=Q, K=K, V=V, O=O, logsumexp=logsumexp, mask=mask, bias=bias)
    scale = Q.shape[-1] ** -0.5
    kv_heads = K.shape[-3] if K.ndim > 2 else 1
    K, V = _prepared(Q, K, V, mask)
    dQ = xp.zeros_like(Q)
    dK = xp.zeros_like(K)
    dV = xp.zeros_like(V)
    dO_O = (dO * O).sum(axis=-1, keepdims=True)
    for i, rows in _blocks(Q, K, block):
        dO_i = dO[..., rows, :]
        # P = exp(scores - logsumexp)
        P = _scores(Q, K, mask, bias, rows)
        P -= logsumexp[..., rows, None]
        # A logsumexp that was rounded (1e30, float16) must not overflow, or leave rows that do
        # not sum to 1; otherwise these two lines change the last bits only.
        xp.minimum(P, 0, out=P)
        normalise_exponentials(P)
        keep = _keep(P, dropout, seed, i)
        # O = (P * keep) V
        dV += swap(P if keep is None else P * keep) @ dO_i
        dP = dO_i @ swap(V)
        if keep is not None:
            dP *= keep
        # P = softmax(scores), and the sum of P dP over the keys is that of dO O over the features
        dS = dP
        dS -= dO_O[..., rows, :]
        dS *= P
        # scores = Q K^T / sqrt(E)
        dS *= scale
        dQ[..., rows, :] = dS @ K
        dK += swap(dS) @ Q[..., rows, :]
    return dQ, gather_heads(dK, kv_heads), gather_heads(dV, kv_heads)
