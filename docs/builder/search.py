"""The texts of the pages, from which the search shows where a word occurs.

A page that is opened from a disk cannot fetch another one, but it can load a script. So the text of
each page is a script, which docs/_static/search.js loads when it shows that page as a result.
"""

import json
from pathlib import Path

from docutils import nodes

FOLDER = "_static/texts"
# Formulas would be shown as TeX.
LEFT_OUT = (
    nodes.math, nodes.math_block, nodes.raw, nodes.image, nodes.Invisible,
    nodes.title,
)  # fmt: skip
BLOCKS = (nodes.paragraph, nodes.literal_block, nodes.term, nodes.entry, nodes.Part)


def text_of(doctree):
    """The text of a page on one line, without its titles, formulas and figures."""
    words = []

    def walk(node):
        if isinstance(node, nodes.Text):
            words.append(node.astext())
        elif isinstance(node, nodes.math):
            words.append("…")
        elif not isinstance(node, LEFT_OUT):
            for child in node.children:
                walk(child)
            if isinstance(node, BLOCKS):
                words.append(" ")

    walk(doctree)
    return " ".join("".join(words).split())


def write_texts(app, error):
    """Write the script of each page."""
    if error or app.builder.format != "html":
        return
    for name in app.env.found_docs:
        file = Path(app.outdir, FOLDER, f"{name}.js")
        file.parent.mkdir(parents=True, exist_ok=True)
        text = text_of(app.env.get_doctree(name))
        words = f"pageText({json.dumps(name)}, {json.dumps(text, ensure_ascii=False)});\n"
        file.write_text(words, encoding="utf-8")


def add_script(app, pagename, templatename, context, doctree):
    """Load docs/_static/search.js on the page of the search."""
    if pagename == "search":
        app.add_js_file("search.js")


def setup(app):
    """Sphinx's entry."""
    app.connect("build-finished", write_texts)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
