"""Reading of standard input, for a command without texts among its arguments."""

import sys


def given_lines(what):
    """The lines of standard input.

    Parameters
    ----------
    what : str
        What a line contains, for the messages: "text" or "sentence".

    Raises
    ------
    ValueError
        If there is no line, or the bytes are not text.
    """
    if sys.stdin.isatty():
        print(f"one {what} per line; Ctrl-D ends", file=sys.stderr)
    try:
        lines = sys.stdin.read().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"standard input is not {error.encoding} text: {error.reason} at byte {error.start}"
        ) from None
    if not lines:
        raise ValueError(f"no {what}: give {what}s as arguments, or one per line on standard input")
    return lines
