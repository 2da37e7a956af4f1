"""Annotated source: comments and docstrings on the left, the lines they are about on the right.

A page is reStructuredText whose columns are HTML, so maths and links work in both columns as they
do everywhere else on the site.
"""

import ast
import html
import re
from pathlib import PurePosixPath

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from docs.builder.docstrings import as_rst
from docs.builder.facts import public_name
from docs.builder.segments import assignments, left_sides, segments

MATHS = re.compile(r"^( *)\.\. math::(.*?)(?=\n *\n\1?(?! )\S|\Z)", re.MULTILINE | re.DOTALL)
PACKAGE = "minitransformer"


def raw(text):
    """HTML, unchanged, inside reStructuredText."""
    return "\n\n.. raw:: html\n\n" + "\n".join(f"   {line}" for line in text.splitlines()) + "\n\n"


def code_lines(source):
    """Each line as highlighted HTML, with an anchor for its number, such as #L12."""
    shown = highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    return [
        f'<span class="line" id="L{n}"><a class="number" href="#L{n}" tabindex="-1">{n}</a>'
        f"<span>{line}</span></span>"
        for n, line in enumerate(shown.splitlines(), 1)
    ]


def figure(value):
    """An error with two digits, or a dash if there is none."""
    return "–" if value is None else f"{value:.1e}"


def listing(path, source):
    """A page that shows only a file, so that there can be links to its lines."""
    lines = "\n".join(code_lines(source))
    code = raw(f'<div class="listing highlight"><pre>{lines}</pre></div>')
    return f":orphan:\n:hide-toc:\n\n{path}\n{'=' * len(path)}\n\n{code}"


class Annotator:
    """Pages of annotated source.

    Parameters
    ----------
    facts : Facts
        What is known about the repository.

    Attributes
    ----------
    linked : set of str
        Files of the repository that the pages link to.
    """

    def __init__(self, facts):
        self.facts = facts
        self.linked = set()

    def page(self, path):
        """The page of a file, as reStructuredText."""
        source = (self.facts.root / path).read_text("utf-8")
        intro, rows = segments(source)
        lines = code_lines(source)
        title = PurePosixPath(path).relative_to(PACKAGE).as_posix()
        package = path.split("/")[1].removesuffix(".py")
        head = (
            f":hide-toc:\n\n{title}\n{'=' * len(title)}\n\n"
            f".. currentmodule:: {PACKAGE}.{package}\n\n{as_rst(intro)}\n"
        )
        body = "".join(self._row(path, row, lines) for row in rows)
        return head + self._contents(rows) + raw('<div class="annotated">') + body + raw("</div>")

    def _contents(self, rows):
        """Links to what the file defines."""
        names = [row.name for row in rows if row.name and "." not in row.name]
        links = " ".join(f'<a href="#{n}"><code>{n}</code></a>' for n in names)
        return raw(f'<nav class="defined" aria-label="In this file">{links}</nav>') if links else ""

    def _row(self, path, row, lines):
        shown = "\n".join(lines[n - 1] for n in row.lines)
        code = f'<div class="code highlight"><pre>{shown}</pre></div>' if shown else ""
        anchor = f' id="{row.name}"' if row.name else ""
        return (
            raw(f'<div class="row"{anchor}><div class="said">')
            + self._said(path, row)
            + raw(f"</div>{code}</div>")
        )

    def _said(self, path, row):
        """The left column: comment, name, docstring and facts."""
        parts = []
        if row.comment:
            parts.append(raw(f'<p class="comment">{_inline(row.comment)}</p>'))
        if row.name:
            level = "h2" if "." not in row.name else "h3"
            name = html.escape(row.name)
            parts.append(raw(f'<{level} class="name"><code>{name}</code></{level}>'))
        if row.docstring:
            parts.append(as_rst(self._with_places(path, row)))
        if row.name and "." not in row.name and not row.name.startswith("_"):
            parts.append(self._facts(path, row))
        return "\n\n".join(parts)

    def _with_places(self, path, row):
        """The docstring, with links to the lines that compute it after each equation."""
        places = assignments(row.node)

        def with_links(found):
            tex = re.sub(r"^\s*:\w+:.*$", "", found[2], flags=re.MULTILINE)
            links = self._equation(path, row, tex, places)
            return f"{found[0]}\n\n{found[1]}.. rst-class:: places\n\n{found[1]}{links}"

        return MATHS.sub(with_links, row.docstring)

    def _equation(self, path, row, tex, places):
        """Links to the line, derivation, notebook and test of one equation, and its error."""
        names = [name for name in left_sides(tex) if name in places]
        parts = [f":repo:`{n}: line {places[n]} <{path}#L{places[n]}>`" for n in names]
        if not parts:
            line = places.get("return", row.node.lineno)
            parts.append(f":repo:`line {line} <{path}#L{line}>`")
        parts += [self._link("derivation", page) for page in self._derivations(row)[:1]]
        if notebook := self.facts.notebook(path, row.docstring):
            parts.append(self._link("notebook", notebook))
        for place in self.facts.tests_of(row.name, at_most=1)[-1:]:
            parts.append(self._link("test", f"{place.path}#L{place.line}"))
        measured = self.facts.measured(row.name)
        if measured:
            worst = measured[0]
            parts.append(f"gradient error {figure(worst.error)}")
        return " · ".join(parts)

    def _derivations(self, row):
        return self.facts.derivations(row.name, row.node)

    def _link(self, words, target):
        self.linked.add(target.partition("#")[0])
        return f":repo:`{words} <{target}>`"

    def _facts(self, path, row):
        """What is known about a function or class, as a list of definitions."""
        items = {}
        pages = self._derivations(row)
        items["Derivation"] = [self._link(PurePosixPath(p).stem, p) for p in pages]
        notebook = self.facts.notebook(path, row.docstring)
        items["Notebook"] = [self._link(PurePosixPath(notebook).stem, notebook)] if notebook else []
        items["Tests"] = [
            self._link(f"{PurePosixPath(place.path).stem}, line {place.line}",
                       f"{place.path}#L{place.line}")
            for place in self.facts.tests_of(row.name)
        ]  # fmt: skip
        items["Measured gradient error"] = [
            f"{m.name}: {figure(m.complex_step)} (complex step), {figure(m.central)} "
            f"(central differences), {m.shapes} shapes"
            for m in self.facts.measured(row.name)[:3]
        ]
        if dotted := public_name(row.name):
            role = "class" if isinstance(row.node, ast.ClassDef) else "func"
            items["Reference"] = [f":py:{role}:`{dotted}`"]
        lines = [f":{name}: {'; '.join(values)}" for name, values in items.items() if values]
        if not lines:
            return ""
        return ".. rst-class:: facts\n\n" + "\n".join(lines) + "\n"


def _inline(comment):
    """A comment as HTML, with names in backticks as code."""
    text = html.escape(" ".join(comment.splitlines()))
    return re.sub(r"`{1,2}([^`]+)`{1,2}", r"<code>\1</code>", text)
