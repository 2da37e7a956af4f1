"""The texts that a command works on: its arguments, or else standard input."""

import io
import sys


def given_texts(arguments, what):
    """The `arguments`, or the lines of standard input if there are none, or only a ``-``.

    Only a newline ends a line, as for other Unix tools. Python's ``splitlines`` would also split at
    form feeds and at Unicode's own line and paragraph separators. A blank line or argument counts.

    Parameters
    ----------
    arguments : list of str, or None
        The texts that the user gave on the command line.
    what : str
        What a text is, for the messages: "text" or "sentence".

    Raises
    ------
    ValueError
        If all arguments or all lines are blank, or the bytes are not UTF-8.
    """
    if arguments and arguments != ["-"]:
        for number, text in enumerate(arguments, start=1):
            _checked(text, f"{what} {number}")
        if not any(map(str.strip, arguments)):
            raise ValueError(f"{what} 1 is empty: it needs at least one word")
        return arguments
    nothing = f"no {what}: give {what}s as arguments, or one per line on standard input"
    lines = _standard_input(f"one {what} per line", nothing).split("\n")
    if not any(line.strip() for line in lines):
        raise ValueError(nothing)
    return [line.removesuffix("\r") for line in lines]


def given_prompt(argument):
    """The `argument`, or standard input without its last newline if it is None or ``-``.

    Raises
    ------
    ValueError
        If the prompt is empty, or the bytes are not UTF-8.
    """
    if argument not in (None, "-"):
        prompt = _checked(argument, "the prompt")
    else:
        nothing = "no prompt: give it as an argument, or on standard input"
        prompt = _standard_input("type the prompt", nothing).removesuffix("\r")
    if not prompt:
        raise ValueError("the prompt is empty: it needs at least one character")
    return prompt


def _checked(text, name):
    """`text`; Python passes on bytes of an argument that are not text as lone surrogates."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{name} must be UTF-8 text, got {text[:40]!r}")
    return text


def _standard_input(hint, nothing):
    """All of standard input as text, always read as UTF-8, without its last newline.

    Some locales make Python read bytes that are not text without an error.
    """
    if sys.stdin is None:  # closed by the caller
        raise ValueError(nothing)
    if sys.stdin.isatty():
        print(f"{hint}; Ctrl-D ends", file=sys.stderr)
    if isinstance(sys.stdin, io.TextIOWrapper):
        # a carriage return alone does not end a line
        sys.stdin.reconfigure(encoding="utf-8", errors="strict", newline="\n")
    try:
        content = sys.stdin.read()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"standard input must be UTF-8 text, got {error.object[error.start]:#04x} at byte "
            f"{error.start}; iconv -f latin1 -t utf-8 converts Latin-1"
        ) from None
    return content.removeprefix("\ufeff").removesuffix("\n")
