"""Names of files of weights."""

from pathlib import Path

FOREIGN = (
    ".h5", ".hdf5", ".keras", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".npz", ".npy", ".onnx",
    ".pb", ".tflite",
)  # fmt: skip
"""Endings of other formats, which other programs would try to read as such."""


def check_ending(name, path):
    """Refuse to write weights to a file whose name promises another format than safetensors.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    path : path-like
        The file to write. A name without an ending, or with an unknown one, is allowed.

    Raises
    ------
    ValueError
    """
    ending = Path(path).suffix.lower()
    if ending in FOREIGN:
        raise ValueError(
            f"{name} must end in .safetensors, the only format that is written, got {str(path)!r}"
        )
