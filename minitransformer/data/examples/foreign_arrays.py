"""Arrays of other libraries, and whole numbers that are stored as something else."""

import numpy as np

from minitransformer.backend import is_cupy, to_host


def host_array(x):
    """`x` as a NumPy array if it is an array, tensor or table of any library; else `x` itself.

    The libraries are recognised by the methods of their objects, so none of them is imported.
    """
    if is_cupy(x):
        return to_host(x)
    if hasattr(x, "detach"):  # PyTorch: the tensor may need gradients, or be on a GPU
        return x.detach().cpu().numpy()
    if hasattr(x, "to_numpy"):  # pandas and polars
        return x.to_numpy()
    return np.asarray(x) if hasattr(x, "__array__") else x  # TensorFlow, JAX


def whole_numbers(name, array):
    """An array of any shape as integers; floats and objects may hold whole numbers too.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    array : array
        The numbers. A bool array is refused.

    Returns
    -------
    int array

    Raises
    ------
    TypeError
        If the array holds something else than numbers.
    ValueError
        If a number is not whole; the message gives its place.
    """
    if array.dtype == object and array.size:
        array = np.array(array.tolist())
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold integer ids, got {array.dtype}")
    if array.dtype.kind != "f":
        return array
    wrong = np.argwhere(~(np.isfinite(array) & (array == np.floor(array))))
    if wrong.size:
        place = "".join(f"[{k}]" for k in wrong[0])
        value = array[tuple(wrong[0])]
        fill = "; padding is 0 (pandas: fillna(0))" if np.isnan(value) else ""
        raise ValueError(f"{name}{place} must be a whole number, got {value}{fill}")
    return array.astype(np.int64)
