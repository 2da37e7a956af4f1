"""Who may import whom, read from the source: the design's dependency rule, held by a test."""

import ast
import pathlib
import subprocess
import sys

import pytest

import minitransformer

PACKAGE = pathlib.Path(minitransformer.__file__).parent
GROUND = {"backend", "checks"}
EQUATIONS = GROUND | {"functional"}
NETWORK = EQUATIONS | {"layers", "training", "data", "storage"}
LIBRARY = NETWORK | {
    "models", "fused", "inference", "gradcheck", "interpret", "plots", "exercises",
}  # fmt: skip

# What each part of the package may import besides itself.
ALLOWED = {
    "devices": set(),
    "backend": {"devices"},
    "checks": {"backend"},
    "functional": GROUND,
    "fused": EQUATIONS,
    "data": GROUND | {"storage"},  # storage downloads what data reads
    "storage": GROUND,
    "gradcheck": GROUND,
    "interpret": GROUND | {"layers"},
    "exercises": EQUATIONS | {"gradcheck", "storage"},  # storage reads notebooks
    "plots": {"checks"},
    "layers": EQUATIONS,
    "training": NETWORK - {"training"},
    "models": NETWORK | {"fused"},
    "inference": EQUATIONS | {"data", "models"},
    "verification": EQUATIONS | {"fused", "layers", "models", "gradcheck"},
    "runs": LIBRARY - {"gradcheck", "exercises"},
    "bench": LIBRARY | {"__init__"},
    "__init__": LIBRARY,
    "cli": LIBRARY | {"__init__", "bench", "runs", "verification"},
    "__main__": {"cli"},
}

FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "torch",
    "jax",
    "tensorflow",
    "autograd",
}
# The one folder that may import PyTorch, which is to be measured, and who may import it.
TORCH_SIDE, TORCH_WORKER = "minitransformer.bench.torch_side", "minitransformer.bench.worker"
MPI_SIDE = "minitransformer.training.parallel.mpi"  # the one file that may import mpi4py
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_ATTRIBUTES = {("np", "load"), ("numpy", "load"), ("xp", "load"), ("cupy", "load")}


class Source:
    """One file of the package with what it imports."""

    def __init__(self, path, package=PACKAGE):
        relative = path.relative_to(package.parent).with_suffix("")
        self.path, self.module = path, ".".join(relative.parts)
        self.part = relative.parts[1]
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.imports = set(_imports(self.tree, self.module))
        self.top_level = set(_imports(_without_functions(self.tree), self.module))


def _without_functions(tree):
    """The statements that run on import: those outside of functions."""
    kept = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    bodies = [n for c in tree.body if isinstance(c, ast.ClassDef) for n in c.body]
    outside = [n for n in bodies if not isinstance(n, ast.FunctionDef)]
    return ast.Module([*kept, *outside], type_ignores=[])


def _imports(tree, module):
    """Dotted names that a tree imports, also by ``importlib.import_module`` with a literal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = module.rsplit(".", node.level)[0] + "." if node.level else ""
            origin = (start + (node.module or "")).strip(".")
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            assert isinstance(node.args[0], ast.Constant), f"{module}: import of a computed name"
            yield node.args[0].value


def sources(package=PACKAGE):
    return [Source(path, package) for path in sorted(package.rglob("*.py"))]


SOURCES = sources()
FILES = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.module)


def parts_imported(source):
    """The parts of the package that a file imports."""
    found = set()
    for name in source.imports:
        words = name.split(".")
        if words[0] == "minitransformer":
            known = len(words) > 1 and words[1] in ALLOWED
            found.add(words[1] if known else "__init__")
    # `from minitransformer import gradcheck` mentions both; only the part counts.
    return found - {source.part} - ({"__init__"} if len(found) > 1 else set())


def _is_torch_side(module):
    return module == TORCH_SIDE or module.startswith(TORCH_SIDE + ".")


def broken_rules(source):
    """What a file does that it may not, in words."""
    words = [f"imports {part}" for part in parts_imported(source) - ALLOWED[source.part]]
    modules = {name.split(".")[0] for name in source.imports}
    measured = _is_torch_side(source.module)
    forbidden = FORBIDDEN_MODULES - ({"torch"} if measured else set())
    words += [f"imports {name}" for name in modules & forbidden]
    if not measured and (
        any(map(_is_torch_side, source.top_level))
        or (any(map(_is_torch_side, source.imports)) and source.module != TORCH_WORKER)
    ):
        words.append("imports torch_side, and with it PyTorch")
    if modules & {"cupy", "cupyx"} and source.part != "devices":
        words.append("imports cupy outside devices.py")
    if "mpi4py" in modules and source.module != MPI_SIDE:
        words.append("imports mpi4py outside processes.py")
    if "mpi4py" in {name.split(".")[0] for name in source.top_level}:
        words.append("imports mpi4py where there may be one process only")
    if "matplotlib" in modules and source.part != "plots":
        words.append("imports matplotlib outside plots.py")
    if "matplotlib" in {name.split(".")[0] for name in source.top_level}:
        words.append("imports matplotlib before anything is drawn")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id in FORBIDDEN_CALLS:
            words.append(f"uses {node.id}")
        if isinstance(node, ast.Attribute):
            owner = getattr(node.value, "id", "")
            if (owner, node.attr) in FORBIDDEN_ATTRIBUTES:
                words.append(f"uses {owner}.{node.attr}")
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            words.append("passes allow_pickle")
    return words


@FILES
def test_the_file_keeps_the_rules(source):
    assert source.part in ALLOWED, "a new part of the package needs a line in ALLOWED"
    assert broken_rules(source) == []


def _cycle(graph):
    """A cycle of a graph as a list of nodes, or None."""
    done = set()

    def visit(node, path):
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return None
        found = next(
            (cycle for other in sorted(graph[node]) if (cycle := visit(other, [*path, node]))), None
        )
        done.add(node)
        return found

    return next((cycle for node in sorted(graph) if (cycle := visit(node, []))), None)


def test_no_file_imports_itself_in_a_circle():
    """Packages' ``__init__`` files import their members; what stands inside does not go back."""
    modules = {source.module for source in SOURCES}
    graph = {source.module: source.imports & modules - {source.module} for source in SOURCES}
    graph = {name: {m for m in found if m != "minitransformer"} for name, found in graph.items()}
    assert _cycle(graph) is None


def test_no_part_imports_another_in_a_circle():
    graph = {part: set() for part in ALLOWED}
    for source in SOURCES:
        graph[source.part] |= parts_imported(source)
    assert _cycle(graph) is None


def test_importing_the_package_draws_nothing_and_needs_no_device():
    """Neither matplotlib nor CuPy nor PyTorch is loaded by ``import minitransformer``."""
    code = (
        "import sys, minitransformer.cli, minitransformer.bench.worker\n"
        "print({'matplotlib', 'cupy', 'torch'} & {m.split('.')[0] for m in sys.modules})"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("part", "code", "words"),
    [
        ("functional", "from minitransformer.layers import Linear", "imports layers"),
        ("functional", "from minitransformer import layers", "imports layers"),
        ("functional", "def f():\n    from ..models import x", "imports models"),
        ("layers", "import minitransformer.cli", "imports cli"),
        ("gradcheck", "from minitransformer.functional import PAIRS", "imports functional"),
        ("layers", "import cupy", "imports cupy outside"),
        ("layers", "import importlib\nimportlib.import_module('cupyx.x')", "imports cupy outside"),
        ("plots", "import matplotlib.pyplot", "before anything is drawn"),
        ("models", "def f():\n    import matplotlib", "outside plots.py"),
        ("storage", "def f():\n    import pickle", "imports pickle"),
        ("storage", "x = eval('1')", "uses eval"),
        ("storage", "import numpy as np\nnp.load('x')", "uses np.load"),
        ("data", "read(allow_pickle=True)", "passes allow_pickle"),
        ("layers", "import torch", "imports torch"),
        ("layers", "def f():\n    from mpi4py import MPI", "imports mpi4py outside"),
        ("training", "import mpi4py", "where there may be one"),
        ("bench", "def f():\n    import torch", "imports torch"),
        ("bench", "def f():\n    from minitransformer.bench import torch_side", "and with it"),
        ("bench", "def f():\n    import minitransformer.bench.torch_side.gpt", "and with it"),
        ("models", "from minitransformer import bench", "imports bench"),
    ],
)
def test_a_broken_rule_is_noticed(tmp_path, part, code, words):
    folder = tmp_path / "minitransformer" / part
    folder.mkdir(parents=True)
    (folder / "broken.py").write_text(code, encoding="utf-8")
    (source,) = sources(tmp_path / "minitransformer")
    assert any(words in rule for rule in broken_rules(source))


def test_a_circle_is_noticed():
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert _cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None
