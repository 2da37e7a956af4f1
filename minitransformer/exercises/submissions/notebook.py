"""The functions of a notebook, without running its cells."""

import ast
import re
import textwrap

from minitransformer.storage import read_json

CHECKED = re.compile(r"\bcheck\.(\w+)\(\w")


def functions_of(path):
    """Imports and functions of a notebook's cells as the text of a module.

    Cells that are no plain Python, such as those with a ``%`` magic, give the lines that are. An
    import that fails, of something that only a picture needs, fails alone. The answers are what a
    cell checks, and named in ``__answers__``: a lesson may have functions of the same names.

    Raises
    ------
    ValueError
        If the file is no notebook.
    """
    try:
        cells = read_json(path)["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is no notebook") from None
    found, answers = [], set()
    for source in code:
        answers |= set(CHECKED.findall(source))
        plain = [line if line[:1] not in ("%", "!") else "" for line in source.splitlines()]
        try:
            tree = ast.parse("\n".join(plain))
        except SyntaxError:
            continue  # a cell that does not run has no functions
        found += filter(None, map(_kept, tree.body))
    return "\n\n\n".join([*found, f"__answers__ = {sorted(answers)}"]) + "\n"


def _kept(node):
    """The text of an import or a function; None for anything else."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return f"try:\n{textwrap.indent(ast.unparse(node), '    ')}\nexcept ImportError:\n    pass"
    return ast.unparse(node) if isinstance(node, ast.FunctionDef) else None
