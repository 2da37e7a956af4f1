r"""Attention in blocks of queries: the weights of a whole sequence are never in memory at once."""

from minitransformer.backend import array_module, generator, swap
from minitransformer.functional._checks import check_attention_shapes, in_one_dtype
from minitransformer.functional.attention import attended_keys, zero_unused
from minitransformer.functional.dropout import check_probability, dropout_mask
from minitransformer.functional.heads import repeat_kv, sum_groups
from minitransformer.functional.softmax import exponentials, sum_or_one


def _check_blocks(dropout, seed, block):
    check_probability("dropout", dropout)
    if dropout and seed is None:
        raise ValueError(f"seed must be given for dropout = {dropout}, got None")
    if block < 1:
        raise ValueError(f"block must be at least 1 query, got {block}")


def _prepared(Q, K, V, mask):
    """K and V, (B, H, S, E), with 0 for keys that no query may attend to."""
    K, V = repeat_kv(K, Q), repeat_kv(V, Q)
    if mask is not None:
        used = attended_keys(mask)
        K, V = zero_unused(K, used), zero_unused(V, used)
    return K, V


def _blocks(Q, K, block):
    """Index and slice of each block of queries; no blocks if there are no keys."""
    starts = range(0, Q.shape[-2] if K.shape[-2] else 0, block)
    return [(i, slice(start, start + block)) for i, start in enumerate(starts)]


def _of_queries(x, rows):
    """The rows `rows` of an array that broadcasts to (..., T, S)."""
    return x if x.ndim < 2 or x.shape[-2] == 1 else x[..., rows, :]


def _scores(Q, K, mask, bias, rows):
    """Scores of the queries `rows`, (..., t, S); -infinity where they may not attend."""
    scores = (Q[..., rows, :] * Q.shape[-1] ** -0.5) @ swap(K)
    if bias is not None:
        scores += _of_queries(bias, rows)
    if mask is not None:
        xp = array_module(scores)
        xp.copyto(scores, -xp.inf, where=~_of_queries(mask, rows))
    return scores


def _keep(P, dropout, seed, i):
    """The dropout mask of block `i`, with the shape of its weights, or None."""
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

    The result is the same as that of :func:`~minitransformer.functional.attention`, which keeps the
    weights P, (B, H, T, S), for the backward pass. This function keeps only one number per query,
    :math:`\ell_i`, and the backward pass computes each block of P again. So memory grows with T and
    not with its square, at the price of computing the product of Q and K twice.

    Nor does dropout need an array `keep` of shape (B, H, T, S): the mask of block i is drawn from a
    generator seeded with (`seed`, i). The mask is therefore a function of the arguments alone: both
    passes stay pure, and both see the same mask. The mask also depends on the block size and on the
    library of the arrays, and it differs from the mask of `attention`.

    Parameters
    ----------
    Q : (B, H, T, E) array
        Queries; E is the paper's :math:`d_k`.
    K, V : (B, H, S, E) arrays
        Keys and values. They may have fewer heads than Q, as for `attention`.
    mask : bool array that broadcasts to (B, H, T, S), optional
        True = may attend, as for `attention`. A mask of shape (B, 1, 1, S) needs little memory.
    dropout : float
        Probability of dropping a weight, 0 <= dropout < 1.
    seed : int or tuple of int
        Determines which weights are dropped. Required unless dropout is 0.
    bias : array that broadcasts to (B, H, T, S), optional
        Added to the scores. It gets no gradient.
    block : int
        Number of queries processed at a time. A few arrays of shape (B, H, block, S) are in memory
        at once.

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
    xp = array_module(Q)
    check_attention_shapes(Q, K, V, mask, None, bias)
    _check_blocks(dropout, seed, block)
    K, V = _prepared(Q, K, V, mask)  # (B, H, S, E)
    O = xp.zeros((*Q.shape[:-1], V.shape[-1]), Q.dtype)  # (B, H, T, E)
    logsumexp = xp.zeros(Q.shape[:-1], Q.dtype)  # (B, H, T)
    for i, rows in _blocks(Q, K, block):
        scores = _scores(Q, K, mask, bias, rows)  # (B, H, t, S)
        P, total, maximum = exponentials(scores, out=scores)
        logsumexp[..., rows] = (maximum + xp.log(total))[..., 0]
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

    For each block of queries, the weights :math:`P_{ij} = e^{s_{ij} - \ell_i}` are computed again
    and the dropout mask is drawn again. With :math:`A = P \odot \mathrm{keep}`:

    .. math::
        dV &= \sum_{\text{blocks}} A^\top dO, \qquad dP = (dO \, V^\top) \odot \mathrm{keep} \\
        dZ_{ij} &= P_{ij} \, ( dP_{ij} - dO_i \cdot O_i ) \\
        dQ &= \frac{dZ \, K}{\sqrt{d_k}}, \qquad
        dK = \sum_{\text{blocks}} \frac{dZ^\top Q}{\sqrt{d_k}}

    Parameters
    ----------
    dO : (B, H, T, E) array
        Gradient of the loss with respect to `O`.
    Q, K, V, mask, dropout, seed, bias, block
        The same inputs as for :func:`tiled_attention`.
    O : (B, H, T, E) array
    logsumexp : (B, H, T) array
        Both from :func:`tiled_attention`.

    Returns
    -------
    dQ, dK, dV : arrays of the shapes of Q, K and V

    Derivation: docs/derivations/tiled_attention.md, equations (6) and (11) to (14).
    Notebook: notebooks/07_heads_and_masks.ipynb.
    """
    xp = array_module(Q)
    scale = Q.shape[-1] ** -0.5
    K_used, V_used = _prepared(Q, K, V, mask)  # (B, H, S, E)
    dQ = xp.zeros_like(Q)
    dK = xp.zeros_like(K_used)
    dV = xp.zeros_like(V_used)
    dO_O = (dO * O).sum(axis=-1, keepdims=True)
    for i, rows in _blocks(Q, K_used, block):
        dO_i = dO[..., rows, :]  # (B, H, t, E)
        # P = exp(scores - logsumexp)
        P = _scores(Q, K_used, mask, bias, rows)  # (B, H, t, S)
        P -= logsumexp[..., rows, None]
        # logsumexp may have been rounded coarsely (scores near 1e30, or float16). Even then, exp
        # must not overflow, and the rows must sum to 1. In all other cases the minimum and the
        # division change only the last bits.
        xp.minimum(P, 0, out=P)
        xp.exp(P, out=P)
        P /= sum_or_one(P)
        keep = _keep(P, dropout, seed, i)
        # O = (P * keep) V
        dV += swap(P if keep is None else P * keep) @ dO_i
        dP = dO_i @ swap(V_used)
        if keep is not None:
            dP *= keep
        # P = softmax(scores); summing P dP over the keys gives the sum of dO O over the features
        dZ = dP
        dZ -= dO_O[..., rows, :]
        dZ *= P
        # scores = Q K^T / sqrt(E)
        dZ *= scale
        dQ[..., rows, :] = dZ @ K_used
        dK += swap(dZ) @ Q[..., rows, :]
    return dQ, sum_groups(dK, like=K), sum_groups(dV, like=V)
