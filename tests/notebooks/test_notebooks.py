"""Every notebook runs in a fresh kernel, and was committed with outputs: `pytest --notebooks`."""

import os
import re
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
FIRST_CELL = """\
try:
    import minitransformer
except ModuleNotFoundError:  # on Colab, or in a fresh environment: from a copy of the repository
    %pip install -q -e "..[notebooks]"
    import minitransformer
"""
HEADINGS = (
    "The equation", "Shapes", "In code", "Backward, step by step", "Is it right?", "A picture",
    "Your turn", "Where this lives", "Next",
)  # fmt: skip
EVERYWHERE = ("Where this lives", "Next")
WHOLE_FORMAT = range(1, 8)  # the notebooks about one equation each have every heading
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|tmp|work|opt|usr|mnt|var|Users)/|[A-Z]:\\\\Users")
MAX_BYTES = 500_000  # per file
MAX_SECONDS = 180  # for a cell; after that it counts as hanging
MAX_TOTAL_SECONDS = 300  # for all notebooks, on two cores of the machine below
PRODUCTS_PER_SECOND = 2e11  # of that machine: operations of a float32 matrix product
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def printed(cell):
    """The texts among the outputs of a cell, without pictures."""
    for output in cell.outputs:
        yield output.get("text", "")
        yield from (v for kind, v in output.get("data", {}).items() if kind.startswith("text/"))


def test_no_two_notebooks_have_the_same_number():
    numbers = [int(path.name.split("_")[0]) for path in NOTEBOOKS]
    assert numbers, "there are no notebooks"
    assert len(set(numbers)) == len(numbers)


@each
def test_it_has_the_common_form(path):
    notebook, number = read(path), int(path.name.split("_")[0])
    nbformat.validate(notebook)
    text = prose(notebook)
    assert code(notebook)[0].source.startswith(FIRST_CELL.rstrip("\n")), (
        "the first cell must be the common one"
    )
    assert text.startswith("# "), "the first line must be the title"
    assert re.search(r"^\*\*Question\.\*\* ", text, re.MULTILINE), "it must ask a question"
    assert "Before this: " in text
    assert re.search(r"[Rr]eading time", text)
    titles = re.findall(r"^## ([^:\n]+)", text, re.MULTILINE)  # a title may continue after a colon
    expected = HEADINGS if number in WHOLE_FORMAT else EVERYWHERE
    assert [title for title in titles if title in expected] == list(expected)


@each
def test_what_was_committed_had_run_from_top_to_bottom(path):
    cells = code(read(path))
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), "run it again from the top and save it"
    assert any(cell.outputs for cell in cells), "it was saved without outputs"
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert "error" not in kinds, "an error was saved with it"
    for cell in cells:
        for text in (cell.source, *printed(cell)):
            assert not MACHINE_PATH.search(text), f"a path of one machine: {text[:200]}"
    assert path.stat().st_size < MAX_BYTES


@each
def test_every_relative_link_leads_to_a_file(path):
    text = re.sub(r"^```.*?^```$", "", prose(read(path)), flags=re.MULTILINE | re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    relative = [link for link in links if link and not link.startswith("https://")]
    assert relative
    for link in relative:
        target = (FOLDER / link).resolve()
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert target.exists(), f"{link} does not exist"


@each
def test_it_runs_in_a_fresh_kernel(path, times):
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook, timeout=MAX_SECONDS, kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
    )  # fmt: skip
    began = time.perf_counter()
    client.execute(env={**os.environ, **dict.fromkeys(ONE_THREAD, "1")})  # raises a cell's error
    times[path.name] = time.perf_counter() - began
    assert all(cell.execution_count for cell in code(notebook)), "a cell was not run"


def slowness():
    """How many times slower a matrix product is here than where the limit was set; from 1 to 2."""
    n = 2048
    a, seconds = np.ones((n, n), np.float32), []
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - began)
    return min(2.0, max(1.0, PRODUCTS_PER_SECOND * min(seconds) / (2 * n**3)))


def test_all_together_take_less_than_five_minutes(times):
    """On a slower machine the limit grows with the time of a matrix product."""
    assert times, "no notebook has been run"
    assert sum(times.values()) < MAX_TOTAL_SECONDS * slowness()
