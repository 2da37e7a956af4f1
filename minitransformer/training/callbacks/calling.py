"""How `fit` calls callbacks: objects of this package, any object with such methods, functions."""

import functools
import inspect
from contextlib import suppress

from minitransformer.checks import near_names
from minitransformer.training.callbacks.callback import (
    ALIASES,
    EVENTS,
    Callback,
    FunctionCallback,
)

# Keras's methods for `evaluate` and `predict`, which call no callbacks here.
NEVER_CALLED = {
    f"on_{part}_{end}"
    for part in ("test_batch", "predict", "predict_batch")
    for end in ("begin", "end")
}


def call(callback, event, *arguments):
    """Call the methods of `callback` for `event`, if it has them, with as much as they take."""
    for name in (event, ALIASES.get(event, "")):
        method = getattr(callback, name, None) if name else None
        if method is not None:
            method(*arguments[: n_taken(method)])


def call_all(callbacks, interrupts, event, *arguments):
    """Call all callbacks; a Ctrl-C that interrupts one of them is noted, not lost."""
    for callback in callbacks:
        try:
            call(callback, event, *arguments)
        except KeyboardInterrupt:
            if interrupts.pressed:  # this is the second Ctrl-C
                raise
            interrupts.pressed = True


def n_taken(method):
    """Maximum number of positional arguments that `method` takes."""
    return _n_taken(getattr(method, "__func__", method), hasattr(method, "__func__"))


@functools.lru_cache(maxsize=1000)
def _n_taken(function, bound):
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return len(EVENTS["on_epoch_end"])
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional for p in parameters) - bound


def prepare(callback, model, run, params):
    """Tell a callback which model and which run it is for."""
    if isinstance(callback, Callback):
        callback.run = run
    if hasattr(callback, "set_model"):
        callback.set_model(model)
    else:
        with suppress(AttributeError):  # an object that takes no new attributes
            callback.model = model
    if hasattr(callback, "set_params"):
        callback.set_params(params)


def arrange(callbacks):
    """Check the `callbacks` of `fit`, wrap plain functions, and move those that record to the end.

    Raises
    ------
    TypeError
        If an element is neither a function nor an object with the methods of a :class:`Callback`,
        or a method cannot be called with the arguments of its event.
    """
    if callbacks is None:
        callbacks = []
    if not isinstance(callbacks, list | tuple | set | frozenset):
        callbacks = [callbacks]
    arranged = [_checked(callback) for callback in callbacks]
    return sorted(arranged, key=lambda c: isinstance(c, Callback) and c.last)


def _checked(callback):
    """`callback`, or a FunctionCallback if it is a function."""
    names = [] if isinstance(callback, type) else _events_of(callback)
    if not names and (isinstance(callback, type) or not callable(callback)):
        hint = ": write () after the name" if isinstance(callback, type) else ""
        raise TypeError(
            "callbacks must be objects with methods such as on_epoch_end, or functions "
            f"(epoch, logs), got {callback!r}{hint}"
        )
    if not names:
        callback, names = FunctionCallback(callback), ["on_epoch_end"]
    for name in names:
        _check_call(callback, name)
    return callback


def _events_of(callback):
    """Names of the methods to call; an error if a method would never be called."""
    known = {*EVENTS, *ALIASES.values()}
    found = []
    for name in dir(callback):
        if name.startswith("on_") and callable(getattr(callback, name)):
            if name in known:
                found.append(name)
            elif not (name in NEVER_CALLED and _inherited_from_keras(callback, name)):
                raise TypeError(
                    f"{type(callback).__name__} has a method {name!r}, which is never called; "
                    + near_names(name, known)
                )
    # An object that makes its methods up when asked, such as a mock, has every event.
    return found or [name for name in known if not callable(callback) and hasattr(callback, name)]


def _inherited_from_keras(callback, name):
    """Whether the method is the empty one of Keras's own base class."""
    owner = next((c for c in type(callback).__mro__ if name in vars(c)), None)
    return owner is not None and owner.__name__ == "Callback"


def _check_call(callback, name):
    event = next((event for event, alias in ALIASES.items() if alias == name), name)
    method, arguments = getattr(callback, name), EVENTS[event]
    try:
        inspect.signature(method).bind(*arguments[: n_taken(method)])
    except (TypeError, ValueError) as error:
        owner = getattr(method, "__qualname__", type(callback).__name__)
        raise TypeError(f"{owner} must take ({', '.join(arguments)}): {error}") from None
