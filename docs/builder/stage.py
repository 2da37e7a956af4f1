"""The tree of pages that Sphinx reads, with the repository's own paths, so that links still work.

docs/x.md and notebooks/y.ipynb have the same paths as in the repository. A link to a Python file
becomes a link to its page of annotated source, or of plain source, at the same path.
"""

import ast
import json
import os
import re
import shutil
from pathlib import PurePosixPath

from docs.builder import api
from docs.builder.annotate import Annotator, listing
from docs.builder.facts import Facts

DOWNLOADS = "downloads"  # not pages: conf.py excludes this folder
ANNOTATED = ("functional", "layers", "models")
LINK = re.compile(r"(?<!!)(\[[^\]]*\]\()([^)\s#]*)(#[^)\s]*)?(\))")
SIBLING = re.compile(r"\]\((\w+\.(?:md|ipynb))\)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
COPIED = ("*.md", "images/**/*", "derivations/**/*.md", "solutions/**/*.md", "howto/**/*.md")
INSTEAD = {
    "notebooks/README.md": "notebooks/index.md", "docs/index.md": "index.md",
    "README.md": "readme.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md",
}  # fmt: skip


class Stage:
    """Writes the tree.

    Parameters
    ----------
    root, target : Path
        The folder of the repository, and the folder to write to.
    """

    def __init__(self, root, target):
        self.root, self.target = root, target
        self.annotator = Annotator(Facts(root))
        self.sources = set()

    def write(self):
        """Write every page."""
        shutil.rmtree(self.target, ignore_errors=True)
        self._markdown()
        self._notebooks()
        self._annotated()
        self._api()
        for path in sorted(self.sources | self.annotator.linked):
            if path.endswith(".py") and not self._page(path).exists():
                self._put(path, listing(path, (self.root / path).read_text("utf-8")), ".rst")

    def _page(self, path):
        return (self.target / path).with_suffix(".rst")

    def _put(self, path, text, suffix=None):
        path = self.target / path
        path = path.with_suffix(suffix) if suffix else path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _markdown(self):
        """The pages of docs/, the README and the list of notebooks, with their links changed."""
        docs = self.root / "docs"
        files = {f for pattern in COPIED for f in docs.glob(pattern) if f.is_file()}
        files |= {self.root / path for path in INSTEAD}
        for file in sorted(files):
            path = file.relative_to(self.root).as_posix()
            place = INSTEAD.get(path, path)
            if file.suffix == ".md":
                self.write_page(place, self.with_links(file.read_text("utf-8"), path))
            else:
                (self.target / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, self.target / path)
        figure = (docs / "live_figure.html").read_text("utf-8")
        data = (docs / "live_figure.json").read_text("utf-8").replace("</", "<\\/")
        self._put("live_figure.html", figure.replace("{{data}}", data))

    def write_page(self, place, text):
        """Write a page, with a hidden list of the other pages if it is the first of a folder.

        The other pages follow each other in the order in which the first page links to them.

        The solutions are not listed: you reach them from their exercises, once you have tried.
        Neither are the pages for GitHub, such as the README.
        """
        alone = place in ("readme.md", "contributing.md", "changelog.md")
        if alone or (place.startswith("docs/solutions/") and not place.endswith("/index.md")):
            text = "---\norphan: true\n---\n" + text
        elif place.endswith("/index.md") and not place.startswith("docs/solutions/"):
            names = [PurePosixPath(name).stem for name in dict.fromkeys(SIBLING.findall(text))]
            text += "\n\n```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```\n"
        self._put(place, text)

    def with_links(self, text, path):
        """The `text` of the file at `path`, with its links changed to the pages of the site."""
        parts = FENCE.split(text)
        return "".join(
            part if i % 2 else LINK.sub(lambda m: self._link(m, path), part)
            for i, part in enumerate(parts)
        )

    def _link(self, found, path):
        words, link, anchor, end = found.groups()
        if re.match(r"\w+:", link):
            return found[0]
        target = os.path.normpath(PurePosixPath(path).parent / link) if link else path
        if target.endswith(".ipynb") and anchor:
            anchor = anchor.lower()  # Jupyter keeps the capitals of a heading in its anchor
        if not link:
            return f"{words}{anchor or ''}{end}"
        place = self._place(target)
        if place is None:
            return f"`{words[1:-2]}`" if "`" not in words else words[1:-2]
        start = PurePosixPath(INSTEAD.get(path, path)).parent
        return f"{words}{os.path.relpath(place, start)}{anchor or ''}{end}"

    def _place(self, target):
        """The path on the site of a file of the repository; None if the site does not have it."""
        if target.endswith(".py"):
            self.sources.add(target)
            return str(PurePosixPath(target).with_suffix(".rst"))
        if (self.root / target).is_dir():
            return self._place_of_folder(target)
        known = target.startswith(("docs/", "notebooks/")) and target.endswith((".md", ".ipynb"))
        return INSTEAD.get(target, target if known else None)

    def _place_of_folder(self, target):
        if target in ("notebooks", "docs"):
            return "notebooks/index.md" if target == "notebooks" else "index.md"
        return "minitransformer/index.rst" if target.startswith("minitransformer") else None

    def _notebooks(self):
        """The notebooks with their outputs; figures get a text for screen readers.

        Each page has a link to the notebook itself, which is copied to the site unchanged.
        """
        for file in sorted((self.root / "notebooks").glob("*.ipynb")):
            path = file.relative_to(self.root).as_posix()
            text = file.read_text("utf-8")
            self._put(f"{DOWNLOADS}/{file.name}", text)
            notebook = json.loads(text)
            notebook["cells"].insert(1, download_cell(file.name))
            heading = ""
            for cell in notebook["cells"]:
                text = "".join(cell["source"])
                if cell["cell_type"] == "markdown":
                    cell["source"] = self.with_links(text, path)
                    heading = (re.findall(r"^#+ (.+)$", text, re.MULTILINE) or [heading])[-1]
                elif cell.get("outputs"):
                    alt = f"Figure drawn by the cell above ({re.sub(r'[$`*]', '', heading)})"
                    cell.setdefault("metadata", {})["mystnb"] = {"image": {"alt": alt}}
            self._put(path, json.dumps(notebook))

    def _annotated(self):
        """One page per file of the annotated levels, and a list of these pages."""
        package = self.root / "minitransformer"
        words = ["Annotated source", "=" * 16, "", INTRODUCTION, ""]
        for folder in folders_below(package, ANNOTATED):
            files = sorted((package / folder).glob("*.py"))
            paths = [f.relative_to(self.root).as_posix() for f in files]
            for path in paths:
                self._put(path, self.annotator.page(path), ".rst")
            words += [f"{folder}/", "-" * (len(folder) + 1), ""]
            words += [self._listed(path) for path in paths]
            words += ["", ".. toctree::", "   :hidden:", ""]
            words += [f"   {folder}/{PurePosixPath(path).stem}" for path in paths] + [""]
        self._put("minitransformer/index.rst", "\n".join(words))

    def _listed(self, path):
        """A file's line in the list: a link to its page, and the first line of its docstring."""
        said = ast.get_docstring(ast.parse((self.root / path).read_text("utf-8"))) or ""
        page = "/" + path.removesuffix(".py")
        return f"* :doc:`{PurePosixPath(path).name} <{page}>`: " + said.partition("\n")[0]

    def _api(self):
        """The API reference, with one page per package."""
        for name in api.PACKAGES:
            self._put(f"api/{name}.rst", api.page(name))
        self._put("api/index.rst", api.index())


def download_cell(name):
    """A markdown cell with a link to the notebook of this name."""
    words = f"{{download}}`Download {name} </{DOWNLOADS}/{name}>`, to run it in Jupyter."
    return {"cell_type": "markdown", "id": "download", "metadata": {}, "source": words}


def folders_below(package, names):
    """The folders of the given names in a package, each followed by the folders inside it."""
    for name in names:
        yield name
        inside = sorted(f.parent for f in (package / name).glob("*/__init__.py"))
        yield from (folder.relative_to(package).as_posix() for folder in inside)


INTRODUCTION = """\
Every file of the three levels that compute: the equations (``functional``), the layers that own
parameters and call them (``layers``), and whole networks (``models``). Docstrings and comments are
on the left, and the lines they are about are on the right. Each equation is followed by links to
the lines that compute it, its derivation, its notebook and a test, and by the largest relative
error of its gradient. This error is measured with the complex step if the function is analytic, and
with central differences otherwise. ``python -m minitransformer gradcheck --json`` measured these
errors."""
