"""How a table of texts is written: what its file name and its content do not say."""

from dataclasses import dataclass

from minitransformer.checks import check_choice, check_flag, check_instance

DELIMITERS = {
    "tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " ",
}  # fmt: skip
QUOTING, CLEAN = ("double", "backslash", "none"), ("html", "none")


@dataclass(frozen=True)
class TableOptions:
    r"""How to read a table. None means: decide by the file.

    Attributes
    ----------
    delimiter : str or None
        The character between two columns, or its name: tab, comma, semicolon, pipe or space.
    quoting : {"double", "backslash", "none"} or None
        What a quotation mark at the start of a field means: that the field ends at the next one,
        where a mark inside the field is doubled (``""``) or follows a backslash (``\"``); or
        nothing. Any value but None also means that line ends inside quotation marks are trusted.
    encoding : str or None
        The encoding; by default UTF-8, or what the file's byte-order mark says.
    header : bool
        Whether the first line has the names of the columns. If not, columns are numbered from 1.
    skip_empty : bool
        Whether to leave out rows without a text or a label, which are otherwise an error, and rows
        with a word for a missing value, such as nan or NULL.
    clean : {"html", "none"} or None
        Whether to remove HTML tags and entities. By default they are removed if there are any.
    """

    delimiter: str | None = None
    quoting: str | None = None
    encoding: str | None = None
    header: bool = True
    skip_empty: bool = False
    clean: str | None = None

    def __post_init__(self):
        if self.delimiter is not None:
            object.__setattr__(self, "delimiter", _delimiter(self.delimiter))
        if self.quoting is not None:
            check_choice("quoting", self.quoting, QUOTING)
        if self.clean is not None:
            check_choice("clean", self.clean, CLEAN)
        if self.encoding is not None:
            _check_encoding(check_instance("encoding", self.encoding, str))
        check_flag("header", self.header)
        check_flag("skip_empty", self.skip_empty)


DEFAULT = TableOptions()
OLD = TableOptions(quoting="double", clean="none")
"""How tables were read before these options existed."""


def _delimiter(given):
    found = DELIMITERS.get(check_instance("delimiter", given, str).lower(), given)
    if len(found) != 1 or found.isalnum() or found in '"\r\n\0':
        raise ValueError(
            "delimiter must be one character between columns, or its name "
            f"({', '.join(name for name in DELIMITERS if name.isalpha())}), got {given!r}"
        )
    return found


def _check_encoding(name):
    try:
        b" ".decode(name)
    except UnicodeError:
        pass  # one byte is not a text in every encoding
    except (LookupError, ValueError):
        raise ValueError(
            f"encoding must be a text encoding such as utf-8, cp1252 or utf-16, got {name!r}"
        ) from None
