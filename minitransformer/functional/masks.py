r"""Masks: boolean, True = may attend, broadcast to (B, H, T, S)."""

import numpy as np

from minitransformer.backend import array_module
from minitransformer.functional._checks import require_bool, require_integers


def causal_mask(T):
    r"""Each position may see itself and what came before, :math:`m_{ts} = [\, s \le t \,]`.

    Parameters
    ----------
    T : int

    Returns
    -------
    mask : (T, T) bool array

    Source: Vaswani et al. 2017, section 3.2.3.
    """
    return np.tri(T, dtype=bool)


def padding_mask(lengths, S):
    r"""Keys beyond a sequence's end may not be seen, :math:`m_{bs} = [\, s < n_b \,]`.

    Parameters
    ----------
    lengths : (B,) int array
        Number of real tokens of each sequence.
    S : int
        Number of keys, padding included.

    Returns
    -------
    mask : (B, 1, 1, S) bool array

    Raises
    ------
    TypeError, ValueError
        If the lengths are not integers, or not in 0 .. S.
    """
    xp = array_module(lengths)
    lengths = xp.asarray(lengths)
    require_integers("lengths", lengths)
    if xp is np and lengths.size and not 0 <= lengths.min() <= lengths.max() <= S:
        raise ValueError(f"lengths must lie in 0 .. {S}, got {lengths.min()} to {lengths.max()}")
    return (xp.arange(S) < lengths[:, None])[:, None, None, :]


def combine_masks(*masks):
    r"""What all the masks allow; None allows everything.

    Parameters
    ----------
    *masks : bool array or None
        Shapes that broadcast together.

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
