"""A Python file cut into rows: words, and the lines of code that they are about."""

import ast
import io
import re
import tokenize
from dataclasses import dataclass, field

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
NAMED = (ast.ClassDef, *FUNCTIONS)
NOT_PROSE = re.compile(r"#\s*(fmt|noqa|type|pragma)\b")


@dataclass
class Row:
    """Some lines of code and the words beside them.

    Attributes
    ----------
    comment : str
        The comment above the lines.
    node : ast node or None
        The function or class that starts here.
    name : str
        Its dotted name.
    docstring : str
        Its docstring, without the indentation.
    lines : list of int
        Numbers of the lines of code, without docstrings and comments.
    """

    comment: str = ""
    node: ast.AST | None = None
    name: str = ""
    docstring: str = ""
    lines: list = field(default_factory=list)


def segments(source):
    """Cut a file.

    Returns
    -------
    intro : str
        The module's docstring.
    rows : list of Row
        Every line of code is in exactly one of them, in order.
    """
    tree, text = ast.parse(source), source.splitlines()
    names = dict(_named(tree, ""))
    starts = {min([d.lineno for d in n.decorator_list] + [n.lineno]): n for n in names}
    comments = _comments(source)
    silent = {line for node in (tree, *names) for line in _docstring_lines(node)}
    rows, row = [], Row()
    for number, line in enumerate(text, 1):
        if number in silent:
            continue
        node = starts.get(number)
        if number in comments and number - 1 not in comments:
            rows.append(row)
            row = Row(comment=_block(comments, number))
        if number in comments:
            continue
        if node is not None:
            if row.lines:
                rows.append(row)
                row = Row()
            row.node, row.name = node, names[node]
            row.docstring = ast.get_docstring(node) or ""
        if line.strip() or row.lines:
            row.lines.append(number)
    rows = [_trimmed(row, text) for row in (*rows, row)]
    return ast.get_docstring(tree) or "", [r for r in rows if r.lines or r.comment]


def _named(node, prefix):
    """Functions and classes inside a node, with their dotted names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, NAMED):
            yield child, prefix + child.name
            yield from _named(child, prefix + child.name + ".")
        elif not isinstance(child, ast.expr):
            yield from _named(child, prefix)


def _docstring_lines(node):
    if ast.get_docstring(node) is None:
        return ()
    return range(node.body[0].lineno, node.body[0].end_lineno + 1)


def _comments(source):
    """Comments that have a line to themselves, outside brackets, by line number."""
    found, depth = {}, 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
        alone = token.line.strip() == token.string
        if token.type == tokenize.COMMENT and alone and not depth:
            if not NOT_PROSE.match(token.string):
                found[token.start[0]] = token.string.lstrip("#").strip()
    return found


def _block(comments, number):
    """The words of consecutive comment lines, starting at `number`."""
    words = []
    while number in comments:
        words.append(comments[number])
        number += 1
    return "\n".join(words)


def _trimmed(row, text):
    """The row without blank lines at its end."""
    while row.lines and not text[row.lines[-1] - 1].strip():
        row.lines.pop()
    return row


def assignments(node):
    """The first line that assigns to each name in a function, or in a class's forward pass.

    Parameters
    ----------
    node : ast.FunctionDef or ast.ClassDef

    Returns
    -------
    dict of str to int
        Line numbers by name; "return" gives the last return statement.
    """
    if isinstance(node, ast.ClassDef):
        inner = [n for n in node.body if isinstance(n, FUNCTIONS) and n.name == "forward"]
        return assignments(inner[0]) if inner else {}
    found = {}
    for sub in ast.walk(node):
        if isinstance(sub, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = sub.targets if isinstance(sub, ast.Assign) else [sub.target]
            for name in (n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)):
                found[name] = min(found.get(name, sub.lineno), sub.lineno)
        elif isinstance(sub, ast.Return) and sub.value is not None:
            found["return"] = max(found.get("return", 0), sub.lineno)
    return found


PARTIAL = r"\\frac\{\\partial L\}\{\\partial (?P<partial>[^}]+(?:\{[^}]*\}[^}]*)?)\}"
LEFT_SIDE = re.compile(rf"{PARTIAL}|(?P<plain>.+)", re.DOTALL)


def left_sides(tex):
    r"""The symbols that an equation defines, as the code spells them.

    >>> left_sides(r"dV &= A^\top dO, \qquad dP = (dO \, V^\top) \\ dZ_{ij} &= P_{ij}")
    ['dV', 'dP', 'dZ']
    >>> left_sides(r"\frac{\partial L}{\partial x_i} = y_i, \quad \hat x = \mu")
    ['dx', 'xhat']
    """
    found = []
    for piece in re.split(r"\\\\|\\q?quad|\n\n", tex):
        left, equals, _ = piece.partition("=")
        if equals and (name := _spelled(left.replace("&", "").strip())):
            found.append(name)
    return list(dict.fromkeys(found))


def _spelled(symbol):
    """How the code spells a symbol, or "" if it is not a symbol."""
    found = LEFT_SIDE.fullmatch(symbol)
    if not found:
        return ""
    name, prefix = (found["partial"], "d") if found["partial"] else (found["plain"], "")
    name = re.sub(r"_(\{[^}]*\}|\\?\w+)", "", name)
    name = re.sub(r"\^(\{[^}]*\}|\\?\w+)", "", name)
    name = re.sub(r"(d?)\\hat\s*\{?(\w+)\}?", r"\1\2hat", name)
    name = re.sub(r"\\mathrm\{(\w+)\}", r"\1", name)
    name = prefix + name.replace("\\", "").strip().rstrip("}")
    return name if name.isidentifier() else ""
