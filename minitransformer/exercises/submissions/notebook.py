"""The functions of a notebook, without running its cells."""

import ast
import re
import textwrap

from minitransformer.storage import strict_json

MAX_FILE = 16 << 20  # in bytes
CHECKED = re.compile(r"\bcheck\.(\w+)\(\w")


def functions_of(path):
    """The imports and functions in a notebook's cells, as the source of a module.

    Lines that are not plain Python, such as ``%`` magics, are left out. If an import fails, the
    rest is still run, because the package may be needed only for a figure. The answers are the
    functions that are checked in a cell. ``__answers__`` lists their names, because a notebook may
    contain other functions that have the name of an exercise.

    Raises
    ------
    ValueError
        If the file is not a notebook.
    """
    try:
        cells = strict_json(path.read_bytes().decode("utf-8-sig"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (KeyError, TypeError):
        raise ValueError("the file is not a notebook: it must have cells") from None
    except ValueError as error:
        raise ValueError(f"the file is not a notebook: {error}") from None
    found, answers = [], set()
    for source in code:
        answers |= set(CHECKED.findall(source))
        plain = [line if line[:1] not in ("%", "!") else "" for line in source.splitlines()]
        try:
            tree = ast.parse("\n".join(plain))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # a cell that does not parse has no functions
        found += tree.body
    parts = filter(None, (_import_or_function(node, answers) for node in found))
    return "\n\n\n".join([*parts, f"__answers__ = {sorted(answers)}"]) + "\n"


def _import_or_function(node, answers):
    """The source of an import or a function definition; None for anything else.

    A function that is not an answer is left out if it cannot be defined: its defaults may need a
    value from a cell that is not run.
    """
    if isinstance(node, ast.Import | ast.ImportFrom):
        return _if_possible(node, "ImportError")
    if not isinstance(node, ast.FunctionDef):
        return None
    return ast.unparse(node) if node.name in answers else _if_possible(node, "NameError")


def _if_possible(node, error):
    return f"try:\n{textwrap.indent(ast.unparse(node), '    ')}\nexcept {error}:\n    pass"
