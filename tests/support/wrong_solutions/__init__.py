"""Wrong solutions of the exercises, each with words that its diagnosis must contain.

``WRONG`` maps an exercise to a list of (regular expression, function). They are written as a
learner would write them, apart from the tables of mistakes in the package, some of which they make.
"""

from tests.support.wrong_solutions import attending, losses, maps, norms, training

WRONG = losses.WRONG | maps.WRONG | norms.WRONG | attending.WRONG | training.WRONG
