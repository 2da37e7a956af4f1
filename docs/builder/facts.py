"""What is known about a function or class: derivation, notebook, tests and measured errors."""

import ast
import json
import re
from functools import cached_property
from typing import NamedTuple

from docs.builder.api import offered
from minitransformer import functional, layers, models

# Classes whose lines in the ledger begin with a different name.
LEDGER_NAMES = {"TransformerClassifier": "classifier"}

# Files of tests that mention many functions but test none of them in particular.
GENERAL = re.compile(r"test_(exercises|grading|docs|plots|cli|derivation|mutants|bench|launches)")
# What a test is about: the functions and classes that it calls, as the tests write them.
CALLED = re.compile(r"(?<=\bF\.)\w+|\b[A-Z]\w+")


class Measured(NamedTuple):
    """Worst relative errors of a gradient over several shapes; None if not measured this way."""

    name: str
    complex_step: float | None
    central: float | None
    shapes: int

    @property
    def error(self):
        """The error by the complex step, which is more exact, or else by central differences."""
        return self.central if self.complex_step is None else self.complex_step


class Place(NamedTuple):
    """A line in a file of the repository."""

    path: str
    line: int
    name: str


class Facts:
    """What the repository says about names.

    Parameters
    ----------
    root : Path
        The folder of the repository.
    """

    def __init__(self, root):
        self.root = root

    @cached_property
    def ledger(self):
        """The lines of docs/ledger.json.

        `python -m minitransformer gradcheck --json > docs/ledger.json` writes them. That takes
        minutes, so a build does not repeat it.
        """
        return json.loads((self.root / "docs" / "ledger.json").read_text("utf-8"))["lines"]

    @cached_property
    def tests(self):
        """Every test function with the names that it calls, by the path of its file.

        The files are read only once, because the pages ask for hundreds of names.
        """
        found = {}
        files = sorted((self.root / "tests").rglob("test_*.py"))
        for file in (f for f in files if not GENERAL.match(f.name)):
            path, text = file.relative_to(self.root).as_posix(), file.read_text("utf-8")
            lines = text.splitlines()
            found[path] = [
                (Place(path, node.lineno, node.name),
                 set(CALLED.findall("\n".join(lines[node.lineno - 1 : node.end_lineno]))))
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            ]  # fmt: skip
        return found

    @cached_property
    def notebooks(self):
        """The markdown cells of every notebook, by its path."""
        texts = {}
        for path in sorted((self.root / "notebooks").glob("*.ipynb")):
            cells = json.loads(path.read_text("utf-8"))["cells"]
            prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
            texts[path.relative_to(self.root).as_posix()] = "\n".join(prose)
        return texts

    def pairs_of(self, name):
        """Keys of the `functional.PAIRS` whose forward or backward function has this name."""
        return [
            key for key, pair in functional.PAIRS.items()
            if name in (pair.forward.__name__, pair.backward.__name__)
        ]  # fmt: skip

    def measured(self, name):
        """The ledger's lines about a function or class, with the worst variant first.

        Returns
        -------
        list of Measured
        """
        pairs = self.pairs_of(name)
        prefix = LEDGER_NAMES.get(name, name)
        chosen = [
            Measured(
                line["name"], line["complex_step"], line["central_differences"], line["shapes"]
            )
            for line in self.ledger
            if line["name"] in pairs
            or (not pairs and line["name"].partition(",")[0] == prefix)
        ]  # fmt: skip
        return sorted(chosen, key=lambda m: m.error, reverse=True)

    def derivations(self, name, node):
        """Derivations of a function, or of the functions that a class calls."""
        if pairs := self.pairs_of(name):
            names = [functional.PAIRS[pairs[0]].forward.__name__]
        elif isinstance(node, ast.ClassDef):
            names = [n for n in called(node) if self.pairs_of(n) and not n.endswith("_backward")]
        else:
            names = []
        paths = [f"docs/derivations/{n}.md" for n in dict.fromkeys(names)]
        return [path for path in paths if (self.root / path).exists()]

    def notebook(self, path, docstring):
        """The notebook that the docstring names, else the first that links to the file, or None."""
        if found := re.search(r"notebooks/\w+\.ipynb", docstring or ""):
            return found[0] if (self.root / found[0]).exists() else None
        return next((book for book, text in self.notebooks.items() if f"../{path}" in text), None)

    def tests_of(self, name, at_most=2):
        """Where a name is tested: one test from each of the files that test it most.

        Files are ranked by how many of their tests are named after it, then by how many use it.

        Returns
        -------
        list of Place
        """
        found = []
        for tests in self.tests.values():
            places = [place for place, words in tests if name in words]
            if places:
                named = [place for place in places if name in place.name]
                found.append((len(named), len(places), (named or places)[0]))
        found.sort(key=lambda item: item[:2], reverse=True)
        places = [place for *_, place in found[:at_most]]
        return places + ([self.test_of_all_pairs] if self.pairs_of(name) else [])

    @cached_property
    def test_of_all_pairs(self):
        """The test that checks the gradients of every pair in the registry."""
        path, name = "tests/verification/test_ledger.py", "test_the_ledger_passes_everything"
        for place, _ in self.tests[path]:
            if place.name == name:
                return place
        raise LookupError(f"{path} has no {name}: name the test that checks every pair here")


def called(node):
    """Names of the functions that a class takes from its `ops`, in the order of its lines."""
    found = [
        (sub.lineno, sub.attr) for sub in ast.walk(node)
        if isinstance(sub, ast.Attribute) and ast.unparse(sub.value).endswith("ops")
    ]  # fmt: skip
    return [name for _, name in sorted(found)]


def public_name(name):
    """The dotted name of an entry of the API reference, or None."""
    for package in (functional, layers, models):
        if name in offered(package):
            return f"{package.__name__}.{name}"
    return None
