r"""ALiBi: attention with linear biases, a penalty on distance in place of position vectors."""

import numpy as np

from minitransformer.backend import array_module, require_integers, rounded_to


def alibi_slopes(n_heads):
    r"""The strength with which each head penalises distance: a geometric sequence.

    .. math:: m_h = 2^{-8 h / H}, \qquad h = 1, \dots, H

    If H is a power of two, this is the whole sequence. For any other H, take the sequence for the
    next smaller power of two, p. Then complete it with the odd-numbered members of the sequence for
    2p, which lie between those for p.

    Parameters
    ----------
    n_heads : int
        The number of heads, H.

    Returns
    -------
    slopes : (H,) float64 array

    Raises
    ------
    ValueError
        If n_heads is below 1.

    Source: Press, Smith and Lewis 2022, section 3; for other H, the code published with the paper.
    """
    if n_heads < 1:
        raise ValueError(f"n_heads must be at least 1, got {n_heads}")
    p = 1 << (int(n_heads).bit_length() - 1)
    first = 2.0 ** (-8 / p * np.arange(1, p + 1))
    between = 2.0 ** (-4 / p * np.arange(1, 2 * (n_heads - p), 2))
    return np.concatenate([first, between])


def alibi_bias(n_heads, query_positions, key_positions, dtype=np.float64):
    r"""The bias that ALiBi adds to the scores: the farther back the key, the lower the bias.

    .. math:: b_{hts} = - m_h \max(q_t - k_s, 0)

    Keys after the query get 0, because a causal mask hides them anyway. The result is the `bias`
    argument of :func:`attention`. It is a constant, so there is no gradient to derive.

    Parameters
    ----------
    n_heads : int
        The number of heads, H.
    query_positions : (T,) or (B, T) int array
    key_positions : (S,) or (B, S) int array
        Positions, counted in tokens: one row for all texts, or one row per text.
    dtype : dtype
        The dtype of the result.

    Returns
    -------
    bias : (H, T, S) array, or (B, H, T, S) if there is one row of positions per text

    Raises
    ------
    TypeError
        If the positions are not integer arrays.
    ValueError
        If n_heads is below 1, or the positions do not have one or two axes.

    Source: Press, Smith and Lewis 2022, section 3.
    """
    xp = array_module(query_positions=query_positions, key_positions=key_positions)
    positions = {"query_positions": query_positions, "key_positions": key_positions}
    for name, value in positions.items():
        require_integers(name, value)
        if value.ndim not in (1, 2):
            raise ValueError(f"{name} must have one or two axes, got shape {value.shape}")
    q, k = (
        value.astype(np.int64) for value in positions.values()
    )  # differences of unsigned integers would wrap
    back = xp.minimum(k[..., None, None, :] - q[..., None, :, None], 0)
    working = np.result_type(dtype, np.float32)
    slopes = xp.asarray(alibi_slopes(n_heads).astype(working))
    return rounded_to(slopes[:, None, None] * back.astype(working), np.dtype(dtype))
