"""Rules that compare Jacobians: the derivative of every output by every entry of one input.

A gradient is one combination of the rows of the Jacobian. The Jacobian itself shows where a wrong
backward pass is wrong: which outputs, which entries, and along which axes.
"""

from minitransformer.gradcheck.jacobians import (
    blocks,
    coupling,
    elementwise,
    hidden,
    measured,
    other_inputs,
    places,
    positions,
    relations,
    scaled,
    upstream,
)

FIRST = (*upstream.RULES, *places.FIRST, *measured.FIRST, *other_inputs.FIRST)
LAST = measured.LAST
RULES = (
    *places.RULES,
    *positions.RULES,
    *relations.RULES,
    *blocks.FIRST,
    *positions.LOOSE,
    *relations.FIRST,
    *hidden.FIRST,
    *coupling.RULES,
    *elementwise.RULES,
    *other_inputs.RULES,
    *scaled.RULES,
    *blocks.RULES,
    *coupling.LOOSE,
    *places.LOOSE,
    *relations.LOOSE,
    *scaled.LOOSE,
    *hidden.RULES,
    *measured.RULES,
)
