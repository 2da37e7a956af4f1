"""Wrong backward passes, each with a sentence that says what is wrong."""

from tests.support.wrong_backwards import (
    composed,
    elementwise,
    losses,
    movement,
    paths,
    products,
    rows,
    structure,
    terms,
    weights,
)
from tests.support.wrong_backwards.common import CASES

__all__ = [
    "CASES",
    "composed",
    "elementwise",
    "losses",
    "movement",
    "paths",
    "products",
    "rows",
    "structure",
    "terms",
    "weights",
]
