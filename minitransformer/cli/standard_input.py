"""Reading of standard input, for a command without texts among its arguments."""

import io
import sys


def given_lines(what):
    """The lines of standard input, without their ends; a blank line counts.

    Only a newline ends a line, as for other Unix tools. Python's ``splitlines`` would also split at
    form feeds and at Unicode's own line and paragraph separators.

    Parameters
    ----------
    what : str
        What a line contains, for the messages: "text" or "sentence".

    Raises
    ------
    ValueError
        If every line is blank, or the bytes are not text.
    """
    nothing = f"no {what}: give {what}s as arguments, or one per line on standard input"
    if sys.stdin is None:  # closed by the caller
        raise ValueError(nothing)
    if sys.stdin.isatty():
        print(f"one {what} per line; Ctrl-D ends", file=sys.stderr)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(newline="\n")  # a carriage return alone does not end a line
    try:
        content = sys.stdin.read()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"standard input is not {error.encoding} text: {error.reason} at byte {error.start}"
        ) from None
    lines = content.removeprefix("\ufeff").removesuffix("\n").split("\n")
    if not any(line.strip() for line in lines):
        raise ValueError(nothing)
    return [line.removesuffix("\r") for line in lines]
