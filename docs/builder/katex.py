"""Maths rendered while the site is built, by KaTeX in an embedded JavaScript interpreter.

A page then needs no script to show an equation. An equation that KaTeX cannot read is a warning,
and the build treats warnings as errors.
"""

import re
from functools import cache
from pathlib import Path

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.util import logging

PROGRAM = Path(__file__).with_name("katex.min.js")
ENVIRONMENT = re.compile(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.DOTALL)
TAG = re.compile(r"\\tag\{([^}]*)\}")
logger = logging.getLogger(__name__)


@cache
def _interpreter():
    """The JavaScript interpreter of this process, with KaTeX loaded."""
    interpreter = MiniRacer()
    interpreter.eval(PROGRAM.read_text("utf-8"))
    return interpreter


@cache
def render(tex, display):
    """A formula as HTML, and as MathML for screen readers.

    Raises
    ------
    ValueError
        If KaTeX cannot read it. The message says where.
    """
    options = {"displayMode": display, "throwOnError": True, "strict": "ignore"}
    try:
        return _interpreter().call("katex.renderToString", tex, options)
    except JSEvalException as error:
        raise ValueError(str(error).splitlines()[0].partition("KaTeX parse error: ")[2]) from None


def several_rows(tex):
    r"""The formula, wrapped in ``aligned`` if it has rows or columns, with its tag outside.

    >>> several_rows(r"a &= b \\ c &= d \tag{1}")
    '\\begin{aligned}a &= b \\\\ c &= d\\end{aligned}\\tag{1}'
    """
    tag = TAG.search(tex)
    body = TAG.sub("", tex).strip()
    if re.search(r"&|\\\\|\\cr\b", ENVIRONMENT.sub("", body)):
        body = rf"\begin{{aligned}}{body}\end{{aligned}}"
    return body + (tag[0] if tag else "")


def render_page(app, doctree):
    """Render every formula of a page that has just been read.

    This is not done while pages are written. Forked processes write them, and a fork of a process
    with a running interpreter hangs.
    """
    for node in doctree.findall(nodes.Element):
        if isinstance(node, nodes.math | nodes.math_block):
            display = isinstance(node, nodes.math_block)
            tex = several_rows(node.astext()) if display else node.astext()
            try:
                node["html"] = render(tex, display)
            except ValueError as error:
                logger.warning("maths: %s in %s", error, tex, location=node)
                node["html"] = ""


def visit_inline(self, node):
    """``<span class="math">`` with the rendered formula."""
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(node["html"] + "</span>")
    raise nodes.SkipNode


def visit_block(self, node):
    """``<div class="math">``; a formula with the tag n has the anchor #equation-n."""
    tag = TAG.search(node.astext())
    names = {"ids": [f"equation-{tag[1]}"]} if tag else {}
    self.body.append(self.starttag(node, "div", "", CLASS="math notranslate nohighlight", **names))
    self.body.append(node["html"] + "</div>\n")
    raise nodes.SkipNode


def setup(app):
    """Sphinx's entry."""
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_block, None))
    app.connect("doctree-read", render_page, priority=100)  # before the titles are copied
    return {"parallel_read_safe": True, "parallel_write_safe": True}
