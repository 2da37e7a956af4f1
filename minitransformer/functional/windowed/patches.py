r"""An image as a sequence of patches: a rearrangement, without any arithmetic."""

from minitransformer.functional._checks import require_one_device
from minitransformer.functional.windowed.windows import check_steps, require_upstream


def patchify(x, size):
    r"""Cut an image into patches, and make each patch a vector.

    .. math:: y_{n, (kp + l) D + d} = x_{ip+k,\,jp+l,\,d}, \qquad n = i \, (C / p) + j

    Parameters
    ----------
    x : (B, R, C, D) array
    size : int
        p, the rows and the columns of a patch. It must divide R and C.

    Returns
    -------
    y : (B, N, P) array
        N = (R / p) (C / p) patches, row by row, of P = p p D numbers each. A view of x if a patch
        is as wide as the image, otherwise a copy.

    Raises
    ------
    TypeError
        If the size is not a whole number.
    ValueError
        If x has another shape, or the size does not divide R and C.

    Source: Dosovitskiy et al. 2021, section 3.1.
    """
    require_one_device(x=x)
    if x.ndim != 4:
        raise ValueError(f"x must be (B, R, C, D), got shape {x.shape}")
    (p,) = check_steps("size", size, 1)
    B, R, C, D = x.shape
    if R % p or C % p:
        raise ValueError(f"size must divide the rows and columns of x, {R} and {C}, got {size}")
    # (B R/p, p, C/p, p D) -> (B R/p, C/p, p, p D)
    strips = x.reshape(B * (R // p), p, C // p, p * D)
    return strips.transpose(0, 2, 1, 3).reshape(B, (R // p) * (C // p), p * p * D)


def patchify_backward(dy, size, rows, columns):
    r"""Vector-Jacobian product of :func:`patchify`: every number goes back to its pixel.

    .. math:: \frac{\partial L}{\partial x_{ip+k,\,jp+l,\,d}} =
        \frac{\partial L}{\partial y_{n, (kp + l) D + d}}, \qquad n = i \, (C / p) + j

    Parameters
    ----------
    dy : (B, N, P) array
        Gradient of the loss with respect to `y`.
    size : int
        p, as in the forward pass.
    rows, columns : int
        R and C of the input.

    Returns
    -------
    dx : (B, R, C, D) array
        A view of dy if a patch is as wide as the image, otherwise a copy.

    Derivation: docs/derivations/patchify.md, equation (4).
    Notebook: notebooks/17_convolutions.ipynb.
    """
    require_one_device(dy=dy)
    (p,) = check_steps("size", size, 1)
    B, _, P = dy.shape
    require_upstream(dy, (B, (rows // p) * (columns // p), P // (p * p) * p * p))
    # (B R/p, C/p, p, p D) -> (B R/p, p, C/p, p D)
    patches = dy.reshape(B * (rows // p), columns // p, p, P // p)
    return patches.transpose(0, 2, 1, 3).reshape(B, rows, columns, P // (p * p))
