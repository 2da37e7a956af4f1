"""Code blocks of Markdown pages: found by language, and run."""

import re
import runpy

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    return [body for kind, body in BLOCK.findall(page.read_text("utf-8")) if kind == language]


def run_example(source, names, folder):
    """Run a code block of a page with `names` defined; returns all names afterwards."""
    path = folder / "example.py"
    path.write_text(source, encoding="utf-8")
    return runpy.run_path(str(path), init_globals=names)
