"""Right solutions of the exercises in many styles, none of which may be called wrong.

``RIGHT`` maps an exercise to a list of functions. They use loops, ``einsum``, one-hot products,
other libraries' formulas and float64, as learners do.
"""

from tests.support.right_solutions import (
    attention,
    blocks,
    elementwise,
    later_notebooks,
    losses,
    recurrence,
    windows,
)

TOPICS = losses, elementwise, blocks, attention, later_notebooks, windows, recurrence
RIGHT = {name: functions for topic in TOPICS for name, functions in topic.RIGHT.items()}
