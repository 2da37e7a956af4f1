r"""ALiBi: attention with linear biases, a penalty on distance in the place of positions."""

import numpy as np

from minitransformer.backend import array_module, require_integers, rounded_to


def alibi_slopes(n_heads):
    r"""How much each head minds distance: a geometric sequence.

    .. math:: m_h = 2^{-8 h / H}, \qquad h = 1, \dots, H

    where H is a power of two. For other H, the sequence of the next smaller power p comes first,
    and the odd members of that of 2p, whose values lie in between, fill it up.

    Parameters
    ----------
    n_heads : int
        H.

    Returns
    -------
    slopes : (H,) float64 array

    Raises
    ------
    ValueError
        If n_heads is below 1.

    Source: Press, Smith and Lewis 2022, section 3; other H as in the code published with it.
    """
    if n_heads < 1:
        raise ValueError(f"n_heads must be at least 1, got {n_heads}")
    p = 1 << (int(n_heads).bit_length() - 1)
    first = 2.0 ** (-8 / p * np.arange(1, p + 1))
    between = 2.0 ** (-4 / p * np.arange(1, 2 * (n_heads - p), 2))
    return np.concatenate([first, between])


def alibi_bias(n_heads, query_positions, key_positions, dtype=np.float64):
    r"""What ALiBi adds to the scores: the farther back the key, the less.

    .. math:: b_{hts} = - m_h \max(q_t - k_s, 0)

    Keys after the query get 0: a causal mask hides them anyway. It is the `bias` argument of
    :func:`attention`, a constant, and so there is nothing to derive.

    Parameters
    ----------
    n_heads : int
        H.
    query_positions : (T,) or (B, T) int array
    key_positions : (S,) or (B, S) int array
        Positions in tokens, of either kind one row for all texts or a row for each.
    dtype : dtype
        Of the result.

    Returns
    -------
    bias : (H, T, S) array, or (B, H, T, S) if a row of positions is given for each text

    Raises
    ------
    TypeError
        If the positions are not integer arrays.
    ValueError
        If n_heads is below 1, or the positions have neither one axis nor two.

    Source: Press, Smith and Lewis 2022, section 3.
    """
    xp = array_module(query_positions=query_positions, key_positions=key_positions)
    positions = {"query_positions": query_positions, "key_positions": key_positions}
    for name, value in positions.items():
        require_integers(name, value)
        if value.ndim not in (1, 2):
            raise ValueError(f"{name} must have one axis or two, got shape {value.shape}")
    q, k = (value.astype(np.int64) for value in positions.values())  # unsigned ones would wrap
    back = xp.minimum(k[..., None, None, :] - q[..., None, :, None], 0)
    working = np.result_type(dtype, np.float32)
    slopes = xp.asarray(alibi_slopes(n_heads).astype(working))
    return rounded_to(slopes[:, None, None] * back.astype(working), np.dtype(dtype))
