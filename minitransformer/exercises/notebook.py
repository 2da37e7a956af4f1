"""The functions of a notebook, without running its cells."""

import ast

from minitransformer.storage import read_json

KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef)


def functions_of(path):
    """Imports and functions of a notebook's cells as the text of a module.

    Cells that are no plain Python, such as those with a ``%`` magic, give the lines that are.

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
    found = []
    for source in code:
        plain = [line if line[:1] not in ("%", "!") else "" for line in source.splitlines()]
        try:
            tree = ast.parse("\n".join(plain))
        except SyntaxError:
            continue  # a cell that does not run has no functions
        found += [ast.unparse(node) for node in tree.body if isinstance(node, KEPT)]
    return "\n\n\n".join(found) + "\n"
