"""The options for how a table is written, which `train` and `evaluate` have."""

from typing import Annotated

import typer

TABLE = "How a table is written"


def _option(text, *names):
    return typer.Option(*names, help=text, rich_help_panel=TABLE)


Delimiter = Annotated[
    str | None,
    _option("What separates the columns: one character, or tab, comma, semicolon, pipe."),
]
Quoting = Annotated[
    str | None,
    _option(
        'double: a quotation mark inside a quotation is ""; backslash: it is \\"; none: quotation '
        "marks have no meaning. By default none if tabs separate the columns, otherwise double."
    ),
]
Encoding = Annotated[
    str | None,
    _option("Encoding, such as cp1252 (Windows) or utf-16; by default utf-8."),
]
Header = Annotated[
    bool | None,
    _option(
        "Whether line 1 has the names of the columns; if not, columns are numbered from 1.",
        "--header/--no-header",
    ),
]
SkipEmpty = Annotated[
    bool | None,
    _option(
        "Leave out rows without a text or a label, also if they have nan, NULL or the like.",
        "--skip-empty",
    ),
]
Clean = Annotated[
    str | None,
    _option("html: remove tags and entities; none: keep them. By default html if there are any."),
]


def given_options(**options):
    """The options that were given, as fields of TableOptions; None if there are none."""
    return {name: value for name, value in options.items() if value is not None} or None
