"""Settings of Sphinx, which `python -m docs.build` starts after staging the pages."""

from pathlib import Path

from minitransformer import __version__

project = "minitransformer"
author = copyright = "The minitransformer developers"
version = release = __version__

extensions = [
    "myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon",
    "sphinx_copybutton", "docs.builder.katex", "docs.builder.docstrings", "docs.builder.search",
    "docs.builder.progress",
]  # fmt: skip
root_doc = "index"
exclude_patterns = ["downloads"]  # the notebooks as they are, beside their pages

# Notebooks are shown as committed; `python -m pytest --notebooks` runs them.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True  # ops=functional, not the path of that module
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "minitransformer"
html_math_renderer = "katex"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_domain_indices = False
html_css_files = ["katex/katex.min.css", "site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it would fetch pages, which browsers forbid for file://
html_search_scorer = str(Path(__file__).parent / "builder" / "scorer.js")
html_permalinks_icon = "#"
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
html_theme_options = {"navigation_with_keys": False}

# What a button copies: the code of an example, without prompts, output and line numbers.
copybutton_selector = "div:not(.output) > div.highlight > pre, .annotated pre, .listing pre"
copybutton_exclude = ".number"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
