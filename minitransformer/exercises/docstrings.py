"""Docstrings as plain text, also under ``python -OO``, which leaves them out."""

import ast
import inspect
import re
import sys
import textwrap


def docstring(thing):
    """The docstring of a function or class, from its source if Python was told to drop it."""
    if sys.flags.optimize > 1:
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
        except (OSError, TypeError, SyntaxError):
            return ""
        return ast.get_docstring(tree.body[0]) or ""
    return inspect.cleandoc(thing.__doc__ or "")


def equation(thing):
    """The equation in a docstring, in LaTeX, or an empty string."""
    found = re.search(r"^\.\. math::(.*?)\n(?=\S|\Z)", docstring(thing) + "\n", re.M | re.S)
    if found is None:
        return ""
    lines = [line.strip() for line in found[1].splitlines()]
    return "\n".join(line for line in lines if line)


def sections(doc, titles):
    """(title, text) of the sections of a docstring that have one of these titles."""
    pattern = r"^(\w+)\n-+\n(.*?)(?=\n\n\w|\Z)"
    for title, text in re.findall(pattern, doc, re.M | re.S):
        if title in titles:
            yield title, without_markup(text.rstrip())


def without_markup(text):
    """`text` without Sphinx's roles: ``:math:`x``` becomes x, and a function's name stays."""
    text = re.sub(r":math:`([^`]*)`", r"\1", text)
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")
