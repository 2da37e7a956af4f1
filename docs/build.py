"""Build the site: `python -m docs.build [folder]`, by default into build/site.

The result is a folder of static files: open them locally or host them anywhere. Every warning of
Sphinx is an error. A build takes two to five minutes, and shows how far it is.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build(folder):
    """Build the site into a folder; returns Sphinx's exit status, which is 0 for success.

    Raises
    ------
    SystemExit
        If the folder contains anything but an earlier site.
    """
    from sphinx.cmd.build import main as sphinx

    from docs.builder.stage import Stage

    if folder.exists() and any(folder.iterdir()):
        if not (folder / ".buildinfo").exists():
            raise SystemExit(f"folder must be empty or an earlier site, got {folder}")
        shutil.rmtree(folder)  # pages that no longer exist must not stay on the site
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "source"
        print("preparing the pages; the build takes two to five minutes...", flush=True)
        Stage(ROOT, source).write()
        arguments = ["-b", "html", "-W", "--keep-going", "-q", "-E", "-j", "2"]
        arguments += ["-c", ROOT / "docs", "-d", Path(work) / "trees"]
        return sphinx([str(a) for a in (*arguments, source, folder)])


def main(words=None):
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m docs.build", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "site")
    folder = parser.parse_args(words).folder
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    status = build(folder)
    if status == 0:
        print(f"open {folder / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
