"""Data sets of texts with class labels, divided into parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from minitransformer.checks import check_instance, check_text

UNLABELLED = -1
"""The label of a text whose class is unknown; allowed only in :attr:`Dataset.extra`."""


@dataclass(frozen=True, eq=False)
class Split:
    """Texts and their labels: one part of a data set.

    Parameters
    ----------
    texts : list of n str
        The texts, none of which is blank.
    labels : (n,) int64 array
        Class of each text; classes are numbered from 0. Any sequence of integers is converted.

    Raises
    ------
    TypeError
        If `texts` is not a list of strings, or a label is not an integer.
    ValueError
        If a text is blank, or the numbers of texts and labels differ.
    """

    texts: list[str]
    labels: np.ndarray

    def __post_init__(self):
        if not isinstance(self.texts, list | tuple):
            raise TypeError(f"texts must be a list of strings, got {type(self.texts).__name__}")
        object.__setattr__(self, "texts", list(self.texts))
        object.__setattr__(self, "labels", _integer_labels(self.labels))
        if len(self.texts) != len(self.labels):
            raise ValueError(
                f"texts and labels must have the same length, "
                f"got {len(self.texts)} texts and {len(self.labels)} labels"
            )
        for i, text in enumerate(self.texts):
            check_text(text, f"texts[{i}]")
            if not text or text.isspace():
                raise ValueError(f"texts[{i}] must contain at least one word, got {text[:20]!r}")

    def __len__(self):
        return len(self.texts)


def _integer_labels(labels) -> np.ndarray:
    """`labels` as an (n,) int64 array; one-hot and fractional labels are refused."""
    labels = np.asarray(labels)
    if labels.size == 0:
        return np.zeros(0, dtype=np.int64)
    if labels.ndim != 1:
        raise ValueError(f"labels must be a flat sequence, got shape {labels.shape}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"labels must be integers, got {labels.dtype}")
    return labels.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named data set in three parts, and possibly more.

    Parameters
    ----------
    name : str
        The name of the data set in messages and figures.
    train, validation, test : Split
        The three parts. `train` must contain texts of at least two classes.
    class_names : sequence of str
        The names of classes 0, 1, ...: at least two names, all different.
    extra : mapping of str to Split
        Further parts by name. In these, a label of -1 means "class not known".

    Raises
    ------
    TypeError
        If a part is not a :class:`Split`.
    ValueError
        If `train` is empty or all of its texts are of one class, or if a label has no class name.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    extra: Mapping[str, Split] = field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "class_names", tuple(self.class_names))
        object.__setattr__(self, "extra", dict(self.extra))
        if len(self.class_names) < 2 or len(set(self.class_names)) < len(self.class_names):
            raise ValueError(
                f"class_names must be at least two different names, got {self.class_names}"
            )
        for part in ("train", "validation", "test"):
            self._check_labels(part, getattr(self, part), lowest=0)
        for part, split in self.extra.items():
            self._check_labels(part, split, lowest=UNLABELLED)
        if len(self.train) == 0:
            raise ValueError(f"train of {self.name!r} must contain at least one text, got none")
        if (self.train.labels == self.train.labels[0]).all():
            raise ValueError(
                f"train must contain at least two classes, but all {len(self.train)} labels of "
                f"{self.name!r} are {self.class_names[self.train.labels[0]]!r}"
            )

    def _check_labels(self, part, split, lowest):
        check_instance(part, split, Split)
        if len(split) == 0:
            return
        low, high = split.labels.min(), split.labels.max()
        if low < lowest or high >= self.n_classes:
            wrong = low if low < lowest else high
            raise ValueError(
                f"labels of {part} must lie in 0..{self.n_classes - 1} "
                f"(there are {self.n_classes} class names), got {wrong}"
            )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def __repr__(self):
        sizes = f"{len(self.train)}/{len(self.validation)}/{len(self.test)}"
        extra = "".join(f", {name}: {len(split)}" for name, split in self.extra.items())
        return f"Dataset({self.name!r}, {sizes} texts{extra}, classes {'/'.join(self.class_names)})"
