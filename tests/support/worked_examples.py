r"""Reads the numbers in the formulas of a worked example, and compares them with the code.

A formula such as ``dx_{11} = 0.25 \cdot (1 - 0.25) = 0.1875`` is a chain: names of the page's
doctest, expressions of numbers and matrices, and rounded values. All parts of a chain must agree.
"""

import re

import numpy as np

TOKEN = re.compile(
    r"\s*(?:(?P<matrix>\\begin\{pmatrix\}.*?\\end\{pmatrix\})"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<top>\^\\top|\^\{\\top\})"
    r"|(?P<index>_(?:\d|\{[\d, ]+\}))"
    r"|(?P<symbol>\\(?:cdot|odot|times|frac|sqrt|exp|log|tanh)(?![a-z])|[-+/^(){}])"
    r"|(?P<name>\w*[A-Za-z]))",
    re.DOTALL,
)
SPACING = re.compile(r"\\(?:thinspace|enspace|big|Big|left|right|tag\{\d+\}|displaystyle)(?![a-z])")
GREEK = "gamma|beta|sigma|mu|theta|phi|Phi|ell|Omega"
FUNCTIONS = {r"\exp": np.exp, r"\log": np.log, r"\tanh": np.tanh, r"\sqrt": np.sqrt}


class NotNumbers(Exception):
    """The text is a formula of symbols, with nothing in it that could be computed."""


def normalised(latex):
    r"""Names as in the code: \mathrm{keep} is keep, d\hat x is dxhat, \varphi is phi, W^Q is WQ."""
    latex = SPACING.sub(" ", latex).replace("{}", " ")
    latex = re.sub(r"\\mathrm\{(\w+)\}", r"\1", latex)
    latex = re.sub(r"\\hat\{? ?(\w)\}?", r"\1hat", latex)
    latex = re.sub(rf"\\(?:var)?({GREEK})(?![a-z])", r"\1", latex)
    latex = re.sub(r"([Wb])\^([QKV])", r"\1\2", latex)
    latex = re.sub(r"\be\^", r"\\exp ", latex)
    return latex.strip().rstrip(".,").strip()


def matrix_rows(latex):
    body = latex.removeprefix(r"\begin{pmatrix}").removesuffix(r"\end{pmatrix}")
    return [[cell.strip() for cell in row.split("&")] for row in re.split(r"\\cr|\\\\", body)]


def number(text):
    """A number and half a unit of its last written digit, or None if it is not a number."""
    text = text.replace(" ", "")
    if not re.fullmatch(r"-?\d+(\.\d+)?", text):
        return None
    _, point, decimals = text.partition(".")
    return float(text), 0.5 * 10.0 ** -len(decimals) if point else 0.0


def rounding(latex):
    """Half units of the last digits of a number or a matrix of numbers; None for other formulas."""
    if re.fullmatch(r"\\begin\{pmatrix\}(?:(?!\\end).)*\\end\{pmatrix\}", latex, re.DOTALL):
        cells = [[number(cell) for cell in row] for row in matrix_rows(latex)]
        if any(cell is None for row in cells for cell in row):
            return None
        return np.array([[half for _, half in row] for row in cells])
    return number(latex) and np.array(number(latex)[1])


class Expression:
    """Sums and products of numbers, matrices and names, by recursive descent."""

    def __init__(self, latex, names):
        self.names, self.used, self.tokens, at = names, False, [], 0
        while at < len(latex.rstrip()):
            found = TOKEN.match(latex, at)
            if not found:
                raise NotNumbers(latex[at:])
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.tokens.append(("end", ""))

    def value(self):
        result = self.sum()
        if self.tokens[0][0] != "end":
            raise NotNumbers(self.tokens[0][1])
        return result

    def take(self, *texts):
        return self.tokens.pop(0)[1] if self.tokens[0][1] in texts else None

    def need(self, text):
        if self.take(text) is None:
            raise NotNumbers(self.tokens[0][1])

    def sum(self):
        total = self.product()
        while sign := self.take("+", "-"):
            total = total + self.product() if sign == "+" else total - self.product()
        return total

    def product(self):
        result = self.factor()
        while self.tokens[0][1] not in ("", "+", "-", ")", "}"):
            sign = self.take(r"\cdot", r"\odot", r"\times", "/")
            other = self.factor()
            if sign == "/":
                result = result / other
            elif sign or not (np.ndim(result) and np.ndim(other)):
                result = result * other
            else:
                result = result @ other
        return result

    def factor(self):
        if self.take("-"):
            return -self.factor()
        result = self.atom()
        while True:
            if self.tokens[0][0] == "top":
                self.tokens.pop(0)
                result = np.transpose(result)
            elif self.take("^"):
                result = result ** self.atom()
            else:
                return result

    def atom(self):
        kind, text = self.tokens.pop(0)
        if kind == "number":
            return float(text)
        if kind == "matrix":
            cells = [[Expression(c, self.names) for c in row] for row in matrix_rows(text)]
            values = np.array([[cell.value() for cell in row] for row in cells])
            self.used = self.used or any(cell.used for row in cells for cell in row)
            return values
        if kind == "name" and text in self.names:
            self.used = True
            return self.entry(np.asarray(self.names[text], dtype=float))
        if text in ("(", "{"):
            inside = self.sum()
            self.need(")" if text == "(" else "}")
            return inside
        if text == r"\frac":
            above = self.atom()
            return above / self.atom()
        if text in FUNCTIONS:
            return FUNCTIONS[text](self.factor())
        raise NotNumbers(text)

    def entry(self, array):
        """The array, or the entry that a subscript of digits names, counted from 1."""
        if self.tokens[0][0] != "index":
            return array
        digits = re.findall(r"\d", self.tokens.pop(0)[1])
        return array[tuple(int(d) - 1 for d in digits)]


def chains(formula):
    """The chains of equations in a formula, each as a list of its parts."""
    for part in re.split(r"\\q?quad|, (?![^(]*\))", re.sub(r"\\tag\{\d+\}", "", formula)):
        parts = [normalised(p) for p in re.split(r"=|\\approx", part)]
        if any(parts):
            yield parts


def has_numbers(latex):
    return bool(re.search(r"\d", re.sub(r"[_^](\d|\{[^{}]*\})", "", latex)))


def evaluated(latex, names):
    """Value of one part of a chain and whether it names anything of the code's.

    None if it is a formula of symbols without numbers.
    """
    try:
        expression = Expression(latex, names)
        return expression.value(), expression.used
    except (NotNumbers, ValueError, TypeError) as problem:
        if has_numbers(latex):
            message = f"cannot be checked: {latex} ({problem})"
            raise AssertionError(message) from None
        return None, False


def check_chain(parts, names):
    """Compare all parts of a chain with the one that is most exact; how many there were.

    Names are exact, expressions may hold rounded numbers, and rounded numbers come last: they must
    be right to the digit, expressions to two units of the last digit shown.
    """
    found = [(rounding(text), has_numbers(text), text, *evaluated(text, names)) for text in parts]
    found = [part for part in found if part[3] is not None]
    if not any(numbers for _, numbers, *_ in found):
        return 0
    chain = " = ".join(parts)
    assert any(used for *_, used in found), f"nothing of the code to compare {chain} with"
    exact = min(found, key=lambda part: (part[0] is not None, part[1]))[3]
    coarsest = max((np.max(half) for half, *_ in found if half is not None), default=0.0)
    for half, _, text, value, _ in found:
        allowed = 4 * coarsest if half is None else half
        same_size = np.size(exact) == np.size(value)
        wanted = np.reshape(exact, np.shape(value)) if same_size else exact
        error = np.abs(value - wanted)
        assert np.all(error <= allowed + 1e-9), f"{text} in {chain}: {exact}"
    return len(found)
