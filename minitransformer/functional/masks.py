r"""Boolean masks (True = may attend) that broadcast to (B, H, T, S)."""

import numpy as np

from minitransformer.backend import array_module, require_integers
from minitransformer.functional._checks import require_bool


def _check_lengths(T, S):
    S = T if S is None else S
    if not 0 <= T <= S:
        raise ValueError(
            f"T must be in 0 .. S, since the queries are the last T of S keys, "
            f"got T = {T} and S = {S}"
        )
    return S


def position_mask(query_positions, key_positions, window=None):
    r"""A query may see the keys up to its own position; with a window, only the last `window` keys.

    .. math:: m_{ts} = [\, 0 \le q_t - k_s < window \,]

    Parameters
    ----------
    query_positions : (..., T) int array
    key_positions : (..., S) int array
        Positions of the queries and of the keys, in tokens. The leading axes broadcast.
    window : int or None
        Number of keys that a query may see, including its own. None allows all earlier keys.

    Returns
    -------
    mask : (..., T, S) bool array

    Raises
    ------
    ValueError
        If the window is below 1.

    Source: Vaswani et al. 2017, section 3.2.3; the window as in :func:`sliding_window_mask`.
    """
    if window is not None and window < 1:
        raise ValueError(f"window must be at least 1, got {window}")
    q, k = query_positions[..., :, None], key_positions[..., None, :]
    mask = q >= k
    if window is not None:
        mask &= q - window < k
    return mask


def causal_mask(T, S=None):
    r"""Each position may see itself and earlier ones, :math:`m_{ts} = [\, s \le S - T + t \,]`.

    The queries are the last T of S positions. There are more keys than queries if the keys of
    earlier tokens are cached, as in generation.

    Parameters
    ----------
    T : int
        Number of queries.
    S : int or None
        Number of keys; None means T.

    Returns
    -------
    mask : (T, S) bool array

    Raises
    ------
    ValueError
        If there are fewer keys than queries.

    Source: Vaswani et al. 2017, section 3.2.3.
    """
    S = _check_lengths(T, S)
    return position_mask(np.arange(S - T, S), np.arange(S))


def sliding_window_mask(T, window, S=None):
    r"""Each position may see itself and the `window` - 1 before it.

    .. math:: m_{ts} = [\, 0 \le q_t - s < window \,], \qquad q_t = S - T + t

    Parameters
    ----------
    T : int
        Number of queries.
    window : int
        Number of keys that a query may see, including its own.
    S : int or None
        Number of keys; None means T. The queries are at the last T of these S positions.

    Returns
    -------
    mask : (T, S) bool array

    Raises
    ------
    ValueError
        If the window is below 1, or there are fewer keys than queries.

    Source: Beltagy, Peters and Cohan 2020, section 3.1; Jiang et al. 2023 (Mistral 7B), section 2.
    """
    S = _check_lengths(T, S)
    return position_mask(np.arange(S - T, S), np.arange(S), window)


def padding_mask(lengths, S):
    r"""Keys after the end of a sequence are hidden, :math:`m_{bs} = [\, s < n_b \,]`.

    Parameters
    ----------
    lengths : (B,) int array
        Number of real tokens of each sequence.
    S : int
        Number of keys, including padding.

    Returns
    -------
    mask : (B, 1, 1, S) bool array

    Raises
    ------
    TypeError
        If the lengths are not integers.
    ValueError
        If a length is not in 0 .. S.
    """
    xp = array_module(lengths)
    lengths = xp.asarray(lengths)
    require_integers("lengths", lengths)
    if xp is np and lengths.size and not 0 <= lengths.min() <= lengths.max() <= S:
        raise ValueError(f"lengths must be in 0 .. {S}, got {lengths.min()} to {lengths.max()}")
    return (xp.arange(S) < lengths[:, None])[:, None, None, :]


def combine_masks(*masks):
    r"""The mask that allows what every given mask allows; None allows everything.

    Parameters
    ----------
    *masks : bool array or None
        Their shapes must broadcast together.

    Returns
    -------
    mask : bool array or None
        None if every argument is None.

    Raises
    ------
    TypeError
        If a mask is not boolean.
    """
    combined = None
    for i, mask in enumerate(masks):
        require_bool(f"mask {i}", mask)
        if mask is not None:
            combined = mask if combined is None else combined & mask
    return combined
