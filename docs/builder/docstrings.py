"""numpydoc docstrings as reStructuredText, with links to the files that they name."""

import inspect
import re
from pathlib import PurePosixPath

from docutils import nodes
from sphinx.ext.napoleon import Config, NumpyDocstring
from sphinx.util.docutils import ReferenceRole
from sphinx.util.osutil import relative_uri

CONFIG = Config(
    napoleon_use_param=False, napoleon_use_rtype=False, napoleon_use_ivar=True,
    napoleon_use_admonition_for_notes=False,
)  # fmt: skip
# Paragraphs after the last section that belong to the whole docstring.
CLOSING = re.compile(r"\n\n(?=(?:Source|Derivation|Notebook|Notebooks)s?: )")
CITED = re.compile(r"docs/derivations/(?P<page>\w+)\.md(?:, equations? \((?P<number>\d+)\))?")
OTHER = re.compile(r"(?<![\w/`<])((?:notebooks|docs|minitransformer)/[\w/.]+\.(?:ipynb|md|py))\b")


def parted(docstring):
    """The docstring without its closing paragraphs, and these paragraphs."""
    body, *closing = CLOSING.split(docstring)
    return body, "\n\n".join(closing)


def linked(text):
    """`text` with links to the files, and the equations of derivations, that it names."""

    def derivation(found):
        anchor = f"#equation-{found['number']}" if found["number"] else ""
        words = found["page"].replace("_", " ")
        if found["number"]:
            words += found[0].partition(".md")[2]
        return f":repo:`{words} <docs/derivations/{found['page']}.md{anchor}>`"

    text = CITED.sub(derivation, text)
    return OTHER.sub(lambda m: f":repo:`{PurePosixPath(m[1]).stem} <{m[1]}>`", text)


def as_rst(docstring):
    """A whole docstring, including its sections.

    >>> print(as_rst("One.\\n\\nReturns\\n-------\\ny : array"))
    One.
    <BLANKLINE>
    :Returns: **y** (*array*)
    <BLANKLINE>
    <BLANKLINE>
    <BLANKLINE>
    <BLANKLINE>
    """
    body, closing = parted(docstring)
    text = str(NumpyDocstring(body, CONFIG, what="function"))
    text = re.sub(r"^:(returns|raises)\b", lambda m: m[0].title(), text, flags=re.MULTILINE)
    return f"{text}\n{linked(closing)}\n\n"


class RepoRole(ReferenceRole):
    """:repo:`words <path#anchor>`: the page of a file of the repository.

    If the site has no such page, only the words appear.
    """

    def run(self):
        """The link, or the text alone."""
        path, _, anchor = self.target.partition("#")
        page = page_of(path)
        if page not in self.env.found_docs:
            return [nodes.Text(self.title)], []
        uri = relative_uri(self.env.docname + ".html", page + ".html")
        if page == self.env.docname:
            uri = ""
        uri += f"#{anchor}" if anchor else ""
        return [nodes.reference(self.rawtext, self.title, refuri=uri, internal=True)], []


def page_of(path):
    """Name of the page of a file of the repository.

    >>> page_of("docs/derivations/softmax.md"), page_of("minitransformer/backend.py")
    ('docs/derivations/softmax', 'minitransformer/backend')
    """
    return str(PurePosixPath(path).with_suffix(""))


def close_sections(app, what, name, obj, options, lines):
    """Move the closing paragraphs into a section of their own, before napoleon reads them."""
    body, closing = parted("\n".join(lines))
    if closing:
        lines[:] = f"{body}\n\nNotes\n-----\n{linked(closing)}\n".splitlines()


def skip_modules(app, what, name, obj, skip, options):
    """Leave out attributes that are modules: autodoc would print their path on this machine."""
    return True if inspect.ismodule(obj) else None


def name_modules(app, what, name, obj, options, signature, returns):
    """Write a default that is a module by its name, for the same reason.

    >>> name_modules(*[None] * 5, "(p, *, ops=<module 'a.functional' from '/a/__init__.py'>)", None)
    ('(p, *, ops=functional)', None)
    """
    if signature is None:
        return None
    return re.sub(r"<module '(?:\w+\.)*(\w+)' from '.*?'>", r"\1", signature), returns


def setup(app):
    """Sphinx's entry."""
    app.connect("autodoc-process-signature", name_modules)
    app.add_role("repo", RepoRole())
    app.connect("autodoc-skip-member", skip_modules)
    app.connect("autodoc-process-docstring", close_sections, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
