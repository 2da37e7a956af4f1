r"""Tables of position vectors, which are added to the embeddings."""

import numpy as np


def _check(max_len, d_model):
    if max_len < 0 or d_model < 1:
        raise ValueError(f"max_len must be >= 0 and d_model >= 1, got {max_len} and {d_model}")


def sinusoidal_positions(max_len, d_model, dtype=np.float64):
    r"""Sines and cosines with wavelengths that form a geometric sequence.

    .. math:: P_{pos,\,2i} = \sin\big(pos / 10000^{2i/D}\big), \qquad
        P_{pos,\,2i+1} = \cos\big(pos / 10000^{2i/D}\big)

    If D is odd, the last column is a sine. For a fixed offset k, the encoding of position pos + k
    is a rotation of the encoding of position pos. So a shift by k positions is a linear map.

    Parameters
    ----------
    max_len : int
        Number of positions.
    d_model : int
        D, odd or even.
    dtype : dtype
        The dtype of the result. The angles are always computed in float64.

    Returns
    -------
    P : (max_len, d_model) array

    Source: Vaswani et al. 2017, section 3.5.
    """
    _check(max_len, d_model)
    pos = np.arange(max_len)[:, None]
    two_i = np.arange(0, d_model, 2)
    angle = pos / 10000 ** (two_i / d_model)
    P = np.empty((max_len, d_model))
    P[:, 0::2] = np.sin(angle)
    P[:, 1::2] = np.cos(angle[:, : d_model // 2])
    return P.astype(dtype)


def scalar_positions(max_len, d_model, dtype=np.float64):
    r"""One number per position, the same in every feature.

    .. math:: P(pos) = \begin{cases} pos / 10000 & pos \le 10000 \\
        1 / pos & pos > 10000 \end{cases}

    This encoding is taken from an introductory text and implemented as written there, for
    comparison. It carries little information: neighbours differ by 1/10000, far less than
    embeddings do, and every feature gets the same number, which layer norm removes with the mean.
    It also jumps from 1 at position 10000 to 1/10001 at the next, so late positions look like the
    first ones.

    Parameters
    ----------
    max_len : int
        Number of positions.
    d_model : int
        D, the number of features. All have the same value.
    dtype : dtype
        The dtype of the result.

    Returns
    -------
    P : (max_len, d_model) array
    """
    _check(max_len, d_model)
    pos = np.arange(max_len, dtype=np.float64)
    P = np.where(pos <= 10000, pos / 10000, 1 / np.maximum(pos, 1))
    return np.repeat(P[:, None], d_model, axis=1).astype(dtype)
