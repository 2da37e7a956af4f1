"""Which arguments of a case a learner's function is given, whatever it calls its parameters."""

import inspect

EMPTY = inspect.Parameter.empty


class CannotTry(Exception):
    """Raised if the function does not take an option that the case tests."""


def bind(exercise, function, case):
    """The positional arguments, and the options that the function takes, by keyword."""
    accepted = parameters_of(function)
    positional = [case.arguments[name] for name in required(exercise)]
    takes_all = any(p.kind is p.VAR_KEYWORD for p in accepted.values())
    theirs = renamed(exercise, function)
    options = {}
    for name, parameter in exercise.parameters.items():
        if parameter.default is EMPTY:
            continue
        own = theirs.get(name, name)
        if name in case.arguments:
            if takes_all or own in accepted:
                options[own] = case.arguments[name]
            elif name in case.about:
                raise CannotTry(name)
        elif own in accepted and accepted[own].default is EMPTY:
            if name in case.about:
                raise CannotTry(f"{name}={parameter.default}")
            options[own] = parameter.default
    return positional, options


def renamed(exercise, function):
    """The function's own names for options of the exercise: {option: name in the function}.

    A parameter stands for the option at the same place if it has the same default, or none. After
    the first option that the function lacks, the places say nothing.
    """
    places = [
        [p for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        for parameters in (exercise.parameters, parameters_of(function))
    ]
    found = {}
    for ours, theirs in zip(*places, strict=False):
        if ours.default is EMPTY or theirs.name == ours.name:
            continue
        same = type(theirs.default) is type(ours.default) and theirs.default == ours.default
        taken = theirs.name in exercise.parameters or ours.name in parameters_of(function)
        if taken or not (same or theirs.default is EMPTY):
            break
        found[ours.name] = theirs.name
    return found


def not_passed(exercise, function):
    """Words about the function's parameters that are not passed, because none has their name."""
    own = list(parameters_of(function).values())[len(required(exercise)) :]
    known = {*exercise.parameters, *renamed(exercise, function).values()}
    usual = [p for p in own if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    names = [f"`{p.name}`" for p in usual if p.name not in known]
    return f"; {' and '.join(names)} {'is' if len(names) == 1 else 'are'} not passed" * bool(names)


def missing_option(exercise, function, trials):
    """In words, an option that wrong trials need and that the function does not take."""
    own = {*parameters_of(function), *renamed(exercise, function).values()}
    if any(p.kind is p.VAR_KEYWORD for p in parameters_of(function).values()):
        return ""
    failed = [trial for trial in trials if not trial.ok]
    for name, parameter in exercise.parameters.items():
        ours = renamed(exercise, function).get(name, name)
        if parameter.default is not None or ours in own:
            continue
        with_it = [t for t in failed if name in t.case.arguments and not t.fault]
        if with_it and len(with_it) == len(failed):
            return f"it has no parameter `{name}`{not_passed(exercise, function)}"
    return ""


def required(exercise):
    return [name for name, p in exercise.parameters.items() if p.default is EMPTY]


def parameters_of(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
