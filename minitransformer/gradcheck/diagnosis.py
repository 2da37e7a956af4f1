"""Finds the likely fault behind a wrong gradient.

Hand-written gradients go wrong in few ways, and each way leaves a pattern. Each pattern has a rule:
a small function that takes a :class:`~minitransformer.gradcheck.fault.Fault` and returns a
description, or None if the pattern does not fit. The first rule that fits gives the diagnosis.
Specific patterns are tried before general ones. A named fault must be the true one, so a pattern in
the gradient counts only if it also appears with other upstream gradients.
"""

import numpy as np

from minitransformer.gradcheck import jacobians, rules_rerun, rules_terms, rules_values

# these compare with the oracle's gradients of other inputs, which belong to one upstream gradient
_ONCE = (rules_values.exchanged, rules_values.gradient_added, *rules_rerun.RULES)
_JACOBIANS = (*jacobians.FIRST, *jacobians.RULES, *jacobians.LAST)

_FIRST = (
    rules_values.rounding_only,
    rules_values.zero_gradient,
    *jacobians.FIRST,
    rules_values.constant_factor,
    rules_values.exchanged,
    rules_values.gradient_added,
    rules_values.upstream_path,
    rules_rerun.mask_forgotten,
    rules_rerun.dropout_forgotten,
    rules_rerun.gamma_not_one,
    rules_terms.softmax_sum_in_attention,
    rules_terms.factor_transposed,
    rules_values.factor_is_an_input,
    *jacobians.RULES,
)
_LAST = (
    rules_rerun.batch_of_one,
    *rules_terms.RULES,
    rules_values.transposed,
    rules_values.repeated_ids,
    *rules_values.LOOSE,
    *jacobians.LAST,
)
RULES = tuple(dict.fromkeys((*_FIRST, *_LAST)))


def diagnose(fault):
    """A description of the first pattern that fits, or None."""
    return next((words for rule in RULES if (words := apply(rule, fault))), None)


def apply(rule, fault):
    """What a rule says about a fault, if it can be used and holds in general; otherwise None."""
    if rule in _JACOBIANS and fault.jacobian is None:
        return None
    try:
        with np.errstate(all="ignore"):
            words = rule(fault)
            if not words or rule in _JACOBIANS or rule in _ONCE or fault.jacobian is None:
                return words
            others = [rule(other) for other in fault.others()]
    except (ValueError, TypeError, IndexError, ArithmeticError, np.linalg.LinAlgError):
        return None  # the inputs are too unusual for this rule
    if rule is rules_values.constant_factor:
        return words if others == [words] * len(others) else None
    return words if all(others) else None
