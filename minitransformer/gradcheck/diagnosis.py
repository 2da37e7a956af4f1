"""Finds the likely fault behind a wrong gradient.

Hand-written gradients go wrong in few ways, and each way leaves a pattern: a constant factor, a
transpose, a missing term. Each pattern has a rule: a small function in one of the three rule
modules. A rule takes a :class:`~minitransformer.gradcheck.fault.Fault` and returns a description,
or None if the pattern does not fit. The first rule that fits gives the diagnosis. Specific patterns
are tried before general ones.
"""

from minitransformer.gradcheck import rules_rerun, rules_terms, rules_values

RULES = rules_values.EXACT + rules_rerun.RULES + rules_terms.RULES + rules_values.LOOSE


def diagnose(fault):
    """A description of the first pattern that fits, or None."""
    return next((words for rule in RULES if (words := rule(fault))), None)
