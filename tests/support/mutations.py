"""Small faults planted in the source of a function, by rules for each kind of syntax node.

`mutants_of(tree)` takes the syntax tree of a function and yields its mutants: operators and
operands exchanged, signs, constants, dropped terms and factors, sum for mean, axes, comparisons,
dropped keywords, transposes and calls, branches, statements. Argument checks (``raise``,
``array_module``, ``require_...``) compute nothing and have their own tests, so they stay as is.
"""

import ast
import copy
import functools
import inspect

from tests.support.mutation_rules import RULES

CHECKS = ("array_module", "_check", "require_", "check_ids", "check_dlogits")


def is_check(node):
    """Whether a statement or call only checks arguments, or picks the array library."""
    call = node.value if isinstance(node, ast.Expr) else node
    if isinstance(call, ast.Call):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        return name.startswith(CHECKS)
    return isinstance(node, ast.Raise) or (
        isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise)
    )


def bare(function):
    """A copy of a function's tree without docstring and decorators."""
    tree = copy.deepcopy(function)
    tree.decorator_list = []
    if ast.get_docstring(tree) is not None:
        tree.body = tree.body[1:]
    return tree


@functools.cache
def tree_of(function):
    """The syntax tree of a function or method, without docstring and decorators."""
    lines = inspect.getsource(function)
    return bare(ast.parse(inspect.cleandoc("\n" + lines)).body[0])


def _places(node, path=()):
    """All nodes below `node` with their paths; argument checks are not entered."""
    for field, value in ast.iter_fields(node):
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for i, child in children:
            if isinstance(child, ast.AST) and not is_check(child):
                yield (*path, (field, i)), child
                yield from _places(child, (*path, (field, i)))


def _replaced(tree, path, new):
    """A copy of `tree` with the node at `path` replaced."""
    copied = copy.deepcopy(tree)
    parent = copied
    for field, i in path[:-1]:
        parent = getattr(parent, field) if i is None else getattr(parent, field)[i]
    field, i = path[-1]
    if i is None:
        setattr(parent, field, copy.deepcopy(new))
    else:
        getattr(parent, field)[i] = copy.deepcopy(new)
    return ast.fix_missing_locations(copied)


def _mark_second_assignments(tree):
    """Set `again` on every assignment whose names all have a value already."""
    known = {argument.arg for argument in (*tree.args.args, *tree.args.kwonlyargs)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets = [n for target in node.targets for n in ast.walk(target)]
            names = {n.id for n in targets if isinstance(n, ast.Name)}
            node.again = names <= known and not any(isinstance(n, ast.Subscript) for n in targets)
            known |= names


class _Normal(ast.NodeTransformer):
    """Bring equivalent expressions into one form: sort operands of + and *, drop double minus."""

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, (ast.Add, ast.Mult)):
            node.left, node.right = sorted((node.left, node.right), key=ast.dump)
        return node

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        inner = node.operand
        if isinstance(node.op, ast.USub) and isinstance(inner, ast.UnaryOp):
            return inner.operand if isinstance(inner.op, ast.USub) else node
        return node


def normal(tree):
    """The syntax tree in normal form, as text."""
    return ast.dump(_Normal().visit(copy.deepcopy(tree)))


def mutants_of(function):
    """Every mutant of a function, distinct after normalising.

    Yields
    ------
    (str, ast.FunctionDef)
        What was changed, "line -> changed line", and the mutated function.
    """
    tree = bare(function)
    _mark_second_assignments(tree)
    seen, lines = {normal(tree)}, ast.unparse(tree).split("\n")
    for path, node in list(_places(tree)):
        if path[0][0] != "body" or type(node) not in RULES:
            continue
        for new in RULES[type(node)](node):
            mutant = _replaced(tree, path, new)
            form = normal(mutant)
            if form not in seen:
                seen.add(form)
                yield _difference(lines, ast.unparse(mutant).split("\n")), mutant


def _difference(before, after):
    """The first line that differs, before and after."""
    pairs = [(b.strip(), a.strip()) for b, a in zip(before, after, strict=False) if a != b]
    old, new = pairs[0] if pairs else (before[-1].strip(), "(dropped)")
    return f"{old}  ->  {new}"
