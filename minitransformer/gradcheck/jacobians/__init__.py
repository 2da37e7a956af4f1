"""Rules that compare Jacobians: the derivative of every output by every entry of one input.

A gradient is one combination of the rows of the Jacobian. The Jacobian itself shows where a wrong
backward pass is wrong: which outputs, which entries, and along which axes.
"""

from minitransformer.gradcheck.jacobians import (
    blocks,
    coupling,
    elementwise,
    hidden,
    indices,
    inner_factors,
    measured,
    other_inputs,
    path_rules,
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
    *indices.FIRST,
    *positions.RULES,
    *relations.RULES,
    *blocks.FIRST,
    *positions.LOOSE,
    *relations.FIRST,
    *hidden.FIRST,
    *coupling.RULES,
    *elementwise.RULES,
    *other_inputs.RULES,
    *hidden.RULES,
    *path_rules.FIRST,
    *scaled.RULES,
    *blocks.RULES,
    *measured.RULES,
    *relations.LOOSE,
    *indices.RULES,
    *path_rules.RULES,
    *places.LOOSE,
    *inner_factors.RULES,
    *scaled.LOOSE,
    *path_rules.LOOSE,
    *coupling.LOOSE,
    *places.VAGUE,
)
