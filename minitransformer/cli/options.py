"""What all commands share: clear errors instead of tracebacks, and options made from a recipe."""

import errno
import functools
import inspect
import sys
from contextlib import contextmanager
from typing import Annotated

import typer

from minitransformer.runs.recipes import settings
from minitransformer.training import TrainingDiverged

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


class Stop(Exception):
    """End the command with a message on standard error and an exit status."""

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


@contextmanager
def clear_errors(debug=False):
    """One line on standard error and an exit status for everything that can go wrong.

    2 for bad input, 1 for anything else, 130 for Ctrl-C; with `debug` errors pass through.
    """
    try:
        yield
    except Stop as stop:
        _end(str(stop), stop.status)
    except KeyboardInterrupt:
        _end("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone, and nobody reads complaints about it either
        raise typer.Exit(FAILED) from None
    except TrainingDiverged as error:
        _raise_or_end(error, debug, FAILED)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        _raise_or_end(error, debug, BAD_INPUT)
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if debug or type(error).__module__.split(".")[0] in ("typer", "click"):
            raise  # errors of the command line know how to show themselves
        hint = "; this is a fault of the program: --debug shows where"
        _end(f"error: {type(error).__name__}: {error}{hint}", FAILED)


def _raise_or_end(error, debug, status):
    if debug:
        raise error
    _end(f"error: {describe(error)}", status)


def _end(message, status):
    print(message, file=sys.stderr, flush=True)
    raise typer.Exit(status)


def describe(error):
    """An exception in one line of words."""
    text = str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        text = f"not enough memory ({text})"
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror + (f": {error.filename}" if error.filename else "")
        if error.errno == errno.ENOSPC and "space" not in text.lower():
            text = f"no space left: {text}"
    return " ".join(text.split())


def command(function):
    """`function` with ``--debug`` and with :func:`clear_errors` around it."""

    @functools.wraps(function)
    def wrapped(*, debug, **arguments):
        with clear_errors(debug):
            return function(**arguments)

    option = typer.Option(help="Show the traceback of an error.", rich_help_panel="Other")
    return with_parameters(wrapped, function, {"debug": (Annotated[bool, option], False)})


def recipe_options(function):
    """`function`, whose ``**changes`` become one option for each setting of a recipe."""

    @functools.wraps(function)
    def wrapped(**arguments):
        return function(**arguments)

    added = {}
    for name, kind, group, text in settings():
        option = typer.Option(help=text, rich_help_panel=group, show_default=False)
        added[name] = (Annotated[kind | None, option], None)
    return with_parameters(wrapped, function, added)


def with_parameters(wrapped, function, added):
    """Give `wrapped` the signature of `function` and further keyword parameters.

    Parameters
    ----------
    wrapped, function : callable
    added : dict of str to (annotation, default)
    """
    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    new = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
        for name, (kind, default) in added.items()
    ]
    every = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + new
    wrapped.__signature__ = signature.replace(parameters=every)
    wrapped.__annotations__ = {p.name: p.annotation for p in every}
    return wrapped
