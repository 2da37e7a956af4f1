"""Wrong solutions of the exercises, each with words that its diagnosis must contain.

``WRONG`` maps an exercise to a list of (regular expression, function). The solutions are written
as a learner would write them. They do not use the package's own tables of mistakes, although some
of them make a mistake that is listed there.
"""

from tests.support.wrong_solutions import (
    activations,
    attention,
    convolutions,
    dropout_and_optimisers,
    heads_and_masks,
    later_notebooks,
    linear_and_embedding,
    losses,
    norms,
    pooling,
    positions,
    recurrence,
    softmax,
)

TOPICS = (
    softmax, losses, linear_and_embedding, activations, norms, positions, attention,
    heads_and_masks, dropout_and_optimisers, pooling, later_notebooks, convolutions, recurrence,
)  # fmt: skip
WRONG = {name: cases for topic in TOPICS for name, cases in topic.WRONG.items()}
