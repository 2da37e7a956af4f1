"""What can go wrong at each kind of syntax node. A rule yields the replacements of a node."""

import ast
import copy

SWAPS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
METHODS = {
    "sum": "mean",
    "mean": "sum",
    "max": "min",
    "min": "max",
    "maximum": "minimum",
    "any": "all",
    "all": "any",
    "ones": "zeros",
    "zeros": "ones",
    "ones_like": "zeros_like",
}


def negated(node):
    return ast.UnaryOp(ast.USub(), node)


def of_binary(node):
    """Operator exchanged, operands exchanged, one of them dropped."""
    left, right, operator = node.left, node.right, type(node.op)
    if operator in SWAPS:
        yield ast.BinOp(left, SWAPS[operator](), right)
    if operator in (ast.Sub, ast.Div, ast.MatMult):
        yield ast.BinOp(right, node.op, left)
    yield left
    if operator is not ast.Pow:
        yield negated(right) if operator is ast.Sub else right
    if operator in (ast.Add, ast.Sub):
        yield negated(node)


def of_unary(node):
    """The sign, or the negation, dropped."""
    yield node.operand


def of_compare(node):
    """The comparison moved by one, and reversed."""
    for operator in COMPARISONS.get(type(node.ops[0]), ()):
        yield ast.Compare(node.left, [operator()], node.comparators)


def of_constant(node):
    """A number one larger, 0, doubled, negated; a truth value flipped."""
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, (int, float)):
        for other in (value + 1, 0, 2 * value, -value):
            if other != value:
                yield ast.Constant(other) if other >= 0 else negated(ast.Constant(-other))


def of_call(node):
    """Another method, the call dropped, a keyword dropped, two arguments exchanged."""
    function, arguments = node.func, node.args
    if isinstance(function, ast.Attribute):
        if function.attr in METHODS:
            other = ast.Attribute(function.value, METHODS[function.attr], ast.Load())
            yield ast.Call(other, arguments, node.keywords)
        if not (isinstance(function.value, ast.Name) and function.value.id in ("xp", "np")):
            yield function.value
    if arguments and not isinstance(arguments[0], ast.Starred):
        yield arguments[0]
    for i in range(len(node.keywords)):
        yield ast.Call(function, arguments, node.keywords[:i] + node.keywords[i + 1 :])
    for i in range(len(arguments) - 1):
        exchanged = [*arguments[:i], arguments[i + 1], arguments[i], *arguments[i + 2 :]]
        yield ast.Call(function, exchanged, node.keywords)


def of_attribute(node):
    """A transpose dropped."""
    if node.attr == "T":
        yield node.value


def of_choice(node):
    """Always one branch, always the other."""
    yield node.body
    yield node.orelse


def of_boolean(node):
    """and for or."""
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield ast.BoolOp(other, node.values)


def of_tuple(node):
    """Two neighbours exchanged: of results, of axes, of targets."""
    for i in range(len(node.elts) - 1):
        elements = [*node.elts[:i], node.elts[i + 1], node.elts[i], *node.elts[i + 2 :]]
        yield ast.Tuple(elements, node.ctx)


def of_slice(node):
    """An end dropped."""
    if node.lower is not None:
        yield ast.Slice(None, node.upper, node.step)
    if node.upper is not None:
        yield ast.Slice(node.lower, None, node.step)


def of_augmented(node):
    """The operator exchanged, assigned instead of accumulated, the statement dropped."""
    if type(node.op) in SWAPS:
        yield ast.AugAssign(node.target, SWAPS[type(node.op)](), node.value)
    target = copy.deepcopy(node.target)
    yield ast.Assign([target], node.value)
    yield ast.Pass()


def of_assign(node):
    """An assignment to a name that already has a value dropped."""
    if node.again:
        yield ast.Pass()


def of_if(node):
    """Always, and never."""
    for value in (True, False):
        yield ast.If(ast.Constant(value), node.body, node.orelse)


def of_return(node):
    """Each result with the other sign."""
    values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    for i, value in enumerate(values):
        changed = [*values[:i], negated(value), *values[i + 1 :]]
        yield ast.Return(ast.Tuple(changed, ast.Load()) if len(values) > 1 else changed[0])


RULES = {
    ast.BinOp: of_binary,
    ast.UnaryOp: of_unary,
    ast.Compare: of_compare,
    ast.Constant: of_constant,
    ast.Call: of_call,
    ast.Attribute: of_attribute,
    ast.IfExp: of_choice,
    ast.BoolOp: of_boolean,
    ast.Tuple: of_tuple,
    ast.Slice: of_slice,
    ast.AugAssign: of_augmented,
    ast.Assign: of_assign,
    ast.If: of_if,
    ast.Return: of_return,
}
