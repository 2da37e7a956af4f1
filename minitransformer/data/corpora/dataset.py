"""What a data set is: texts with class labels, in parts that share no text."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

UNLABELLED = -1
"""The label of a text whose class is not known; allowed in :attr:`Dataset.extra` only."""


@dataclass(frozen=True, eq=False)
class Split:
    """Texts and their labels: one part of a data set.

    Parameters
    ----------
    texts : list of n str
        None of them blank.
    labels : (n,) int64 array
        Class of each text, counted from 0; any sequence of integers is converted.

    Raises
    ------
    TypeError
        If `texts` is not a list of strings, or a label is not an integer.
    ValueError
        If a text is blank, or there are not as many labels as texts.
    """

    texts: list[str]
    labels: np.ndarray

    def __post_init__(self):
        if isinstance(self.texts, str) or not isinstance(self.texts, list | tuple):
            raise TypeError(f"texts must be a list of strings, not {type(self.texts).__name__}")
        object.__setattr__(self, "texts", list(self.texts))
        object.__setattr__(self, "labels", _integer_labels(self.labels))
        if len(self.texts) != len(self.labels):
            raise ValueError(
                f"texts and labels must be of the same length, "
                f"but there are {len(self.texts)} texts and {len(self.labels)} labels"
            )
        for i, text in enumerate(self.texts):
            if not isinstance(text, str):
                raise TypeError(f"texts must be strings, but texts[{i}] is {type(text).__name__}")
            if not text or text.isspace():
                raise ValueError(f"texts[{i}] is empty: every text needs at least one word")

    def __len__(self):
        return len(self.texts)


def _integer_labels(labels) -> np.ndarray:
    """`labels` as a (n,) int64 array; one-hot and fractional labels are refused."""
    labels = np.asarray(labels)
    if labels.size == 0:
        return np.zeros(0, dtype=np.int64)
    if labels.ndim != 1:
        raise ValueError(f"labels must have one axis, but their shape is {labels.shape}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"labels must be integers, but their dtype is {labels.dtype}")
    return labels.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named data set in three parts, and perhaps more.

    Parameters
    ----------
    name : str
    train, validation, test : Split
        Train may not be empty and must hold at least two classes.
    class_names : sequence of str
        The name of class 0, 1, ...; at least two, all different.
    extra : mapping of str to Split
        Further parts by name. A label of -1 there means "class not known".

    Raises
    ------
    TypeError
        If a part is not a :class:`Split`.
    ValueError
        If train is empty or all of one class, or a label has no class name.
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
                f"class_names must be at least two different names, not {self.class_names}"
            )
        for part in ("train", "validation", "test"):
            self._check_labels(part, getattr(self, part), lowest=0)
        for part, split in self.extra.items():
            self._check_labels(part, split, lowest=UNLABELLED)
        if len(self.train) == 0:
            raise ValueError(f"the data set {self.name!r} is empty: train holds no text")
        if (self.train.labels == self.train.labels[0]).all():
            raise ValueError(
                f"all {len(self.train)} training labels of {self.name!r} are "
                f"{self.class_names[self.train.labels[0]]!r}: one class has nothing to teach"
            )

    def _check_labels(self, part, split, lowest):
        if not isinstance(split, Split):
            raise TypeError(f"{part} must be a Split, not {type(split).__name__}")
        if len(split) == 0:
            return
        least, most = split.labels.min(), split.labels.max()
        if least < lowest or most >= self.n_classes:
            wrong = least if least < lowest else most
            raise ValueError(
                f"labels of {part} must lie in 0..{self.n_classes - 1} "
                f"(there are {self.n_classes} class names), but one is {wrong}"
            )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def __repr__(self):
        sizes = f"{len(self.train)}/{len(self.validation)}/{len(self.test)}"
        extra = "".join(f", {name}: {len(split)}" for name, split in self.extra.items())
        return f"Dataset({self.name!r}, {sizes} texts{extra}, classes {'/'.join(self.class_names)})"
