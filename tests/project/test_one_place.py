"""Things that are done in only one place: reading JSON, checking ids."""

import ast
import pathlib

import minitransformer

PACKAGE = pathlib.Path(minitransformer.__file__).parent
# Who may call json.loads: the reader, and files that read back what the package itself has written
READERS = {
    "storage/json_text.py",
    "storage/weights.py",
    "training/checkpoint.py",
    "bench/worker.py",
    "bench/worker_process.py",
}


def nodes(kind):
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, kind):
                yield path.relative_to(PACKAGE).as_posix(), node


def test_json_is_read_in_one_way():
    calls = {
        path
        for path, node in nodes(ast.Attribute)
        if getattr(node.value, "id", "") == "json" and node.attr in ("load", "loads")
    }
    assert calls == READERS


def test_ids_are_checked_in_one_way():
    places = [path for path, node in nodes(ast.FunctionDef) if node.name == "check_ids"]
    assert places == ["backend.py"]
