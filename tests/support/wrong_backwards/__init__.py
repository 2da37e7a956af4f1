"""Wrong backward passes, each with a sentence that says what is wrong."""

from tests.support.wrong_backwards import (
    elementwise,
    losses,
    movement,
    paths,
    products,
    rows,
    structure,
)
from tests.support.wrong_backwards.common import CASES

__all__ = ["CASES", "elementwise", "losses", "movement", "paths", "products", "rows", "structure"]
