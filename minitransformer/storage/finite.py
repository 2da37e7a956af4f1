"""Weights must be finite: a single NaN would turn every answer of a model into NaN."""

from minitransformer.backend import array_module


def check_finite(arrays, where):
    """Raise a ValueError that names the arrays with NaN or infinite numbers.

    Parameters
    ----------
    arrays : dict of str -> array
        The weights by name, on any device.
    where : path-like or str
        The place of the arrays, for the message.
    """
    wrong = []
    for name, array in arrays.items():
        if array.dtype.kind not in "fc":
            continue
        finite = array_module(array).isfinite(array)
        if not finite.all():
            wrong.append(f"{name} ({int((~finite).sum()):,} of {array.size:,} numbers)")
    if wrong:
        more = f", and {len(wrong) - 3} more arrays" if len(wrong) > 3 else ""
        raise ValueError(
            f"{where} has weights that are NaN or infinite: {', '.join(wrong[:3])}{more}. "
            "Training diverged, or the file is damaged"
        )
