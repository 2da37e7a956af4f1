"""Splitting labelled texts into parts with the same class proportions and no text in common."""

import numpy as np


def split_off(texts, labels, class_names, sizes: dict, rng):
    """Split stratified parts off a list of labelled texts, so that no text is in two parts.

    Copies of a text stay together. The class proportions of every part are those of the whole (by
    the method of largest remainders), but every part gets at least one text of each class.

    Parameters
    ----------
    texts : list of n str
        The texts to split.
    labels : sequence of n ints
        Class of each text, an index into `class_names`.
    class_names : sequence of str
        For error messages.
    sizes : dict of str -> int or float
        For each part, its number of texts, or its fraction of all texts (0 <= fraction < 1); 0 for
        an empty part. The names of the parts are for error messages.
    rng : numpy.random.Generator
        The same state gives the same parts.

    Returns
    -------
    list of int arrays
        Positions in `texts`, ascending: first an array of those left over, then one per part.

    Raises
    ------
    ValueError
        If a size is not allowed, or a class has too few distinct texts for all parts.
    """
    numbers = {name: _number(name, size, len(texts)) for name, size in sizes.items()}
    if sum(numbers.values()) >= len(texts):
        raise ValueError(
            f"{' and '.join(numbers)} take {sum(numbers.values())} texts, but there "
            f"are {len(texts)}: none is left to train on"
        )
    groups = _copies(texts, labels, len(class_names))
    needed = 1 + sum(number > 0 for number in numbers.values())
    for name, members in zip(class_names, groups, strict=True):
        if len(members) < needed:
            raise ValueError(
                f"class {name!r} must have at least {needed} different texts, one to train on "
                f"and one each for {', '.join(numbers)}, got {len(members)}"
            )
    counts = np.array([sum(map(len, members)) for members in groups])
    quotas = [_quotas(number, counts) for number in numbers.values()]
    parts = [[] for _ in range(len(sizes) + 1)]
    for k, members in enumerate(groups):
        rng.shuffle(members)
        _deal(members, [quota[k] for quota in quotas], parts)
    return [np.sort(np.array(part, dtype=np.int64)) for part in parts]


def _number(name, size, n):
    """Number of texts for `size`, which is a number or a fraction."""
    is_fraction = isinstance(size, float | np.floating) and 0 <= size < 1
    is_number = isinstance(size, int | np.integer) and not isinstance(size, bool) and 0 <= size
    if not (is_fraction or is_number):
        raise ValueError(
            f"{name} must be a number of texts, or a fraction >= 0.0 and < 1.0, got {size!r}"
        )
    if is_fraction:
        return max(round(size * n), int(size > 0))
    return int(size)


def _copies(texts, labels, n_classes):
    """For each class, its distinct texts, each given by the positions of its copies.

    A text with several labels belongs to the class of its first copy.
    """
    positions = {}
    for i, text in enumerate(texts):
        positions.setdefault(text, []).append(i)
    groups = [[] for _ in range(n_classes)]
    for copies in positions.values():
        groups[labels[copies[0]]].append(copies)
    return groups


def _quotas(number, counts):
    """Distribute `number` over the classes in proportion to `counts`, by largest remainders."""
    if number == 0:
        return np.zeros_like(counts)
    exact = number * counts / counts.sum()
    quotas = np.floor(exact).astype(int)
    first = np.argsort(quotas - exact, kind="stable")
    quotas[first[: number - quotas.sum()]] += 1
    return np.maximum(quotas, 1)


def _deal(members, quotas, parts):
    """Deal out groups of copies: each to the part that lacks the most, the rest to ``parts[0]``.

    One group is reserved for training. Texts without copies come first, so that the quotas are met
    exactly if there are enough of these texts.
    """
    parts[0].extend(members.pop())
    left = np.array(quotas, dtype=float)
    for copies in sorted(members, key=len):
        lacking = left / np.maximum(quotas, 1)
        part = int(lacking.argmax()) if quotas else 0
        if quotas and left[part] > 0:
            parts[part + 1].extend(copies)
            left[part] -= len(copies)
        else:
            parts[0].extend(copies)
