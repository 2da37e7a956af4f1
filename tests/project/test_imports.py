"""Who may import whom, and how large files and folders may be, checked by reading the source."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

import minitransformer

PACKAGE = pathlib.Path(minitransformer.__file__).parent
GROUND = {"backend", "checks"}
EQUATIONS = GROUND | {"functional"}
NETWORK = EQUATIONS | {"layers", "training", "data", "storage"}
LIBRARY = NETWORK | {
    "models", "fused", "inference", "gradcheck", "interpret", "plots", "exercises", "callbacks",
    "losses", "metrics", "optimizers",
}  # fmt: skip

# What each part of the package may import, apart from itself.
ALLOWED = {
    "devices": set(),
    "backend": {"devices"},
    "checks": {"backend"},
    "functional": GROUND,
    "fused": EQUATIONS,
    "data": GROUND | {"storage"},  # storage downloads the files that data reads
    "storage": GROUND,
    "gradcheck": GROUND,
    "interpret": GROUND | {"layers"},
    "exercises": EQUATIONS | {"gradcheck", "storage"},  # storage reads notebooks
    "plots": {"checks"},
    "layers": EQUATIONS,
    "training": NETWORK - {"training"},
    "callbacks": {"training"},  # these four offer parts of training under the names of Keras
    "losses": {"training"},
    "metrics": {"training"},
    "optimizers": {"training"},
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
# The only folder that may import PyTorch, to measure it, and the only file that may import it.
TORCH_SIDE, TORCH_WORKER = "minitransformer.bench.torch_side", "minitransformer.bench.worker"
MPI_SIDE = "minitransformer.training.parallel.mpi"  # the only file that may import mpi4py
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_ATTRIBUTES = {("np", "load"), ("numpy", "load"), ("xp", "load"), ("cupy", "load")}
MAX_LINES, MAX_FILES = 250, 25  # per file, and directly in a folder


class Source:
    """One file of the package, and what it imports."""

    def __init__(self, path, package=PACKAGE):
        relative = path.relative_to(package.parent).with_suffix("")
        self.path, self.module = path, ".".join(relative.parts)
        self.part = relative.parts[1]
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.imports = set(_imports(self.tree, self.module))
        self.top_level = set(_imports(_without_functions(self.tree), self.module))


def _without_functions(tree):
    """The statements that run on import: those outside functions."""
    outside = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    bodies = [n for c in tree.body if isinstance(c, ast.ClassDef) for n in c.body]
    in_classes = [n for n in bodies if not isinstance(n, ast.FunctionDef)]
    return ast.Module([*outside, *in_classes], type_ignores=[])


def _imports(tree, module):
    """Dotted names that a tree imports, including ``importlib.import_module`` with a literal."""
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
    # `from minitransformer import gradcheck` mentions both, but only the part counts.
    return found - {source.part} - ({"__init__"} if len(found) > 1 else set())


def _is_torch_side(module):
    return module == TORCH_SIDE or module.startswith(TORCH_SIDE + ".")


def broken_rules(source):
    """The rules that a file breaks, in words."""
    words = [f"imports {part}" for part in parts_imported(source) - ALLOWED[source.part]]
    modules = {name.split(".")[0] for name in source.imports}
    measured = _is_torch_side(source.module)
    forbidden = FORBIDDEN_MODULES - ({"torch"} if measured else set())
    words += [f"imports {name}" for name in modules & forbidden]
    if not measured and (
        any(map(_is_torch_side, source.top_level))
        or (any(map(_is_torch_side, source.imports)) and source.module != TORCH_WORKER)
    ):
        words.append("imports torch_side, and PyTorch with it")
    if modules & {"cupy", "cupyx"} and source.part != "devices":
        words.append("imports cupy outside devices.py")
    if "mpi4py" in modules and source.module != MPI_SIDE:
        words.append("imports mpi4py outside mpi.py")
    if "mpi4py" in {name.split(".")[0] for name in source.top_level}:
        words.append("imports mpi4py even if there is only one process")
    if "matplotlib" in modules and source.part != "plots":
        words.append("imports matplotlib outside plots/")
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


TESTS = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize(
    "path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS))
)
def test_no_test_imports_a_test(path):
    """What two tests share is in tests/support/."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^ *(?:from|import) tests\.(?:\w+\.)?test_\w+", text, re.MULTILINE) == []


ORACLES = {"torch", "transformers", "tokenizers", "pandas", "sklearn", "scipy", "cupy"}


def oracles_needed(tree):
    """The oracles without which a file of tests cannot be imported."""
    return ORACLES & {name.split(".")[0] for name in _imports(_without_functions(tree), "")}


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: path.stem)
def test_the_tests_run_without_the_oracles(path):
    """A test that needs PyTorch asks by ``pytest.importorskip``, so that it can be skipped."""
    assert oracles_needed(ast.parse(path.read_text(encoding="utf-8"))) == set()


def test_an_oracle_that_a_test_needs_is_noticed():
    asked = "torch = pytest.importorskip('torch')\ndef f():\n    import torch"
    assert oracles_needed(ast.parse(asked)) == set()
    assert oracles_needed(ast.parse("import numpy\nfrom torch.nn import functional")) == {"torch"}


def test_no_file_imports_itself_in_a_circle():
    """The ``__init__`` of a package imports its members; the members do not import it in turn."""
    modules = {source.module for source in SOURCES}
    graph = {source.module: source.imports & modules - {source.module} for source in SOURCES}
    graph = {name: {m for m in found if m != "minitransformer"} for name, found in graph.items()}
    assert _cycle(graph) is None


def test_no_part_imports_another_in_a_circle():
    graph = {part: set() for part in ALLOWED}
    for source in SOURCES:
        graph[source.part] |= parts_imported(source)
    assert _cycle(graph) is None


def _child(folder, module):
    """The file or folder directly in `folder` that a module belongs to; None if outside."""
    inside = module.removeprefix(folder + ".")
    return None if inside == module else inside.split(".")[0]


def imports_inside(folder, imports):
    """Which of the files and folders directly in a folder imports which other, as a graph.

    `imports` maps the name of each module to the names that it imports. The ``__init__`` of the
    folder itself is left out, because it offers what the others define.
    """
    graph = {}
    for module, names in imports.items():
        if (child := _child(folder, module)) not in (None, "__init__"):
            found = {_child(folder, name) for name in names}
            graph[child] = graph.get(child, set()) | found - {child}
    return {child: found & set(graph) for child, found in graph.items()}


FOLDERS = sorted({source.path.parent for source in SOURCES})
EACH_FOLDER = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@EACH_FOLDER
def test_no_room_imports_another_in_a_circle(folder):
    """Neither do the files and folders inside a part: ``training.optim``, ``data.corpora``, ..."""
    dotted = ".".join(folder.relative_to(PACKAGE.parent).parts)
    imports = {source.module: source.imports for source in SOURCES}
    assert _cycle(imports_inside(dotted, imports)) is None


@FILES
def test_the_file_is_short(source):
    assert too_long(source.path) is None


def too_long(path):
    """What is wrong with the length of a file, or None."""
    n_lines = len(path.read_text(encoding="utf-8").splitlines())
    return f"{n_lines} lines, more than {MAX_LINES}" if n_lines > MAX_LINES else None


@EACH_FOLDER
def test_the_folder_has_few_files(folder):
    assert too_full(folder) is None


def too_full(folder):
    """What is wrong with the number of files directly in a folder, or None."""
    n_files = len([path for path in folder.iterdir() if path.is_file()])
    return f"{n_files} files, more than {MAX_FILES}" if n_files > MAX_FILES else None


def test_importing_the_package_draws_nothing_and_needs_no_device():
    """``import minitransformer`` loads neither matplotlib nor CuPy nor PyTorch."""
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
        ("models", "def f():\n    import matplotlib", "outside plots/"),
        ("storage", "def f():\n    import pickle", "imports pickle"),
        ("storage", "x = eval('1')", "uses eval"),
        ("storage", "import numpy as np\nnp.load('x')", "uses np.load"),
        ("data", "read(allow_pickle=True)", "passes allow_pickle"),
        ("layers", "import torch", "imports torch"),
        ("layers", "def f():\n    from mpi4py import MPI", "imports mpi4py outside"),
        ("training", "import mpi4py", "even if there is only one process"),
        ("bench", "def f():\n    import torch", "imports torch"),
        ("bench", "def f():\n    from minitransformer.bench import torch_side", "PyTorch with it"),
        ("bench", "def f():\n    import minitransformer.bench.torch_side.gpt", "PyTorch with it"),
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


def test_a_circle_between_rooms_is_noticed():
    """Two folders import each other's files, although no file imports itself."""
    imports = {
        "m.data.__init__": {"m.data.texts.a", "m.data.tokens.a"},
        "m.data.texts.a": {"m.data.tokens.a"},
        "m.data.texts.b": {"m.storage.x"},
        "m.data.tokens.a": set(),
        "m.data.tokens.b": {"m.data.texts.b"},
        "m.storage.x": set(),
    }
    graph = imports_inside("m.data", imports)
    assert graph == {"texts": {"tokens"}, "tokens": {"texts"}}
    assert _cycle(graph) == ["texts", "tokens", "texts"]
    assert _cycle(imports_inside("m", imports)) is None
    assert _cycle(imports) is None


def test_a_long_file_and_a_full_folder_are_noticed(tmp_path):
    for i in range(MAX_FILES):
        (tmp_path / f"f{i}.py").write_text("x = 1\n" * MAX_LINES, encoding="utf-8")
    assert too_long(tmp_path / "f0.py") is None
    assert too_full(tmp_path) is None
    (tmp_path / "one_more.py").write_text("x = 1\n" * (MAX_LINES + 1), encoding="utf-8")
    assert too_long(tmp_path / "one_more.py") == "251 lines, more than 250"
    assert too_full(tmp_path) == "26 files, more than 25"
