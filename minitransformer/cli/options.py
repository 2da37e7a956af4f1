"""What the commands have in common: options, clear errors, and options made from recipes."""

import errno
import functools
import inspect
import sys
import warnings
from contextlib import contextmanager
from typing import Annotated

import typer
from typer.core import TyperCommand

from minitransformer.cli.suggestions import near_options
from minitransformer.exercises.docstrings import docstring
from minitransformer.runs.recipes import settings
from minitransformer.training import TrainingDiverged
from minitransformer.training.parallel.forked import WorkerEnded

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130
ONCE = (
    "task", "dataset", "data", "target", "text_column", "label_column", "validation_data",
    "test_data", "data_dir", "recipe", "out", "resume_from", "figure", "prompt",
)  # fmt: skip
"""Options that name data and places. Settings can be given again, to change an earlier value."""
RUN = typer.Argument(help="Folder written by train.", show_default=False)
DEVICE_HELP = "cpu, gpu, or auto: the GPU if one can be used."
DEVICE = typer.Option(help=DEVICE_HELP)


def say(line):
    """Print a line at once: the `on_progress` of the commands."""
    print(line, flush=True)


def refuse(reason, names):
    """Raise a ValueError with the `reason` if any of the options called `names` was given."""
    if names:
        given = ", ".join("--" + name.replace("_", "-") for name in names)
        raise ValueError(f"{reason}: leave out {given}")


class Stop(Exception):
    """End the command with a message on standard error and an exit status."""

    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


@contextmanager
def clear_errors(debug=False):
    """Turn every error into one line on standard error and an exit status.

    The status is 2 for bad input, 130 for Ctrl-C, and 1 for anything else. With `debug`, errors
    pass through.
    """
    try:
        with plain_warnings():
            yield
    except Stop as stop:
        _end(str(stop), stop.status)
    except KeyboardInterrupt:
        _end("interrupted", INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone, so nobody would read an error message
        raise typer.Exit(FAILED) from None
    except (TrainingDiverged, WorkerEnded) as error:
        _raise_or_end(error, debug, FAILED)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        _raise_or_end(error, debug, BAD_INPUT)
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if debug or type(error).__module__.split(".")[0] in ("typer", "click"):
            raise  # typer and click print their own errors
        hint = "; this is a bug in minitransformer: --debug shows where"
        _end(f"error: {type(error).__name__}: {describe(error)}{hint}", FAILED)


@contextmanager
def plain_warnings():
    """Show a warning as one line on standard error, without the line of code that raised it."""

    def show(message, *where, **more):
        print("warning: " + " ".join(str(message).split()), file=sys.stderr, flush=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _raise_or_end(error, debug, status):
    if debug:
        raise error
    _end(f"error: {describe(error)}", status)


def _end(message, status):
    print(message, file=sys.stderr, flush=True)
    raise typer.Exit(status)


def describe(error):
    """A one-line description of an exception."""
    text = str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        text = f"not enough memory ({text})"
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror + (f": {error.filename}" if error.filename else "")
        if error.errno == errno.ENOSPC and "space" not in text.lower():
            text = f"no space left: {text}"
    notes = getattr(error, "__notes__", ())  # such as how to resume the run
    return "; ".join(" ".join(part.split()) for part in (text, *notes))


def command(function):
    """`function` with a further option ``--debug``, called inside :func:`clear_errors`."""

    @functools.wraps(function)
    def wrapped(*, debug, **arguments):
        with clear_errors(debug):
            return function(**arguments)

    wrapped.__doc__ = unwrapped(docstring(function))
    option = typer.Option(help="Show the traceback if there is an error.", rich_help_panel="Other")
    return with_parameters(wrapped, function, {"debug": (Annotated[bool, option], False)})


def unwrapped(text):
    """A docstring with each paragraph on one line, so that the terminal can wrap it."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


class OnceCommand(TyperCommand):
    """A command that refuses an option of :data:`ONCE` that is given twice.

    By default, the last one would count, and the others would be ignored without a word. For an
    option that does not exist, it suggests those that may have been meant.
    """

    def parse_args(self, ctx, args):
        try:
            _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        except Exception as error:
            if hasattr(error, "possibilities"):  # typer's "No such option"
                options = self.get_params(ctx)
                known = [name for o in options for name in (*o.opts, *o.secondary_opts)]
                error.possibilities = near_options(error.option_name, known)
            raise
        for option in given:
            if option.name in ONCE and given.count(option) > 1:
                raise typer.BadParameter(
                    "it is given more than once, but only one value can be used", ctx, option
                )
        return super().parse_args(ctx, args)


def recipe_options(function):
    """`function`, with an option for each setting of the recipes in place of ``**changes``."""

    @functools.wraps(function)
    def wrapped(**arguments):
        return function(**arguments)

    added = {}
    for name, kind, group, text in settings():
        option = typer.Option(help=text, rich_help_panel=group, show_default=False)
        added[name] = (Annotated[kind | None, option], None)
    return with_parameters(wrapped, function, added)


def with_parameters(wrapped, function, added):
    """Give `wrapped` the signature of `function`, plus further keyword parameters.

    Parameters
    ----------
    wrapped : callable
        The function to change; it is also returned.
    function : callable
        The function whose signature is used.
    added : dict of str to (annotation, default)
        The parameters to add, by name.
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
