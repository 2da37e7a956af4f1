"""The growth of time and memory if one size grows and the other is fixed."""

from typing import NamedTuple

import numpy as np


class Sweep(NamedTuple):
    """Rows that differ in one size.

    Attributes
    ----------
    label : str
        The size that grows, in words.
    size : str
        The attribute of a Case that contains this size.
    rows : list of Row
    """

    label: str
    size: str
    rows: list

    @property
    def sizes(self):
        """The sizes, in ascending order."""
        return [getattr(row.case, self.size) for row in self.rows]

    def points(self, key, value):
        """Pairs (size, value of a side's Result) from the rows in which the side was measured."""
        found = zip(self.sizes, (value(row.results[key]) for row in self.rows), strict=True)
        return [(size, measured) for size, measured in found if measured is not None]

    def exponents(self, key, value):
        """The powers of the size with which a value grows, over all points and over the last two.

        None if there are fewer than two points.
        """
        points = np.log(self.points(key, value))
        if len(points) < 2:
            return None
        return tuple(float(np.polyfit(*part.T, 1)[0]) for part in (points, points[-2:]))


def sweeps(report):
    """The two sweeps of a report on attention: one over the length of texts, one over their number.

    The first row determines the fixed number of texts in the first sweep, and the last row
    determines the fixed length in the second sweep.
    """
    rows = report.rows
    texts, length = rows[0].case.texts, rows[-1].case.max_len
    return [
        Sweep(
            f"tokens in each of {texts} texts", "max_len",
            [row for row in rows if row.case.texts == texts],
        ),
        Sweep(
            f"texts of {length} tokens", "texts",
            [row for row in rows if row.case.max_len == length],
        ),
    ]  # fmt: skip


def lines(report):
    """Lines of text with the power of each size with which the time per step grows."""
    for sweep in sweeps(report):
        for side in report.sides:
            found = sweep.exponents(side.key, lambda r: r.median if r.seconds else None)
            if found is not None:
                yield (
                    f"growth: {side.label}: time grows with the number of {sweep.label} to the "
                    f"power of {found[0]:.2f} ({found[1]:.2f} at the end)"
                )
