"""Reading tables whose columns are separated by a character: commas, tabs, semicolons, pipes."""

import csv
import io
import re

MAX_FIELD = 1 << 24  # maximum characters in a field; the csv module allows 131,072 by default
NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "pipes", " ": "spaces"}

_QUOTED = re.compile(r'"(?:[^"]|"")*+"')
_QUOTED_BACKSLASH = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n')  # Excel writes it as the first line


class BadQuotes(ValueError):
    """A quotation mark that opens a field is not closed, or closed in the middle of it."""


def named(delimiter):
    """A delimiter in words: "semicolons" for ";"."""
    return NAMES.get(delimiter, repr(delimiter))


def plain_rows(content, delimiter):
    """Yield the line number and the fields of each line; quotation marks have no meaning.

    Parameters
    ----------
    content : str
        The text of the table.
    delimiter : str
        The character between two fields.

    Yields
    ------
    (int, list of str)
    """
    lines = content.split("\n") if "\n" in content else content.split("\r")
    for number, line in enumerate(lines, start=1):
        yield number, line.removesuffix("\r").split(delimiter)


def quoted_rows(content, delimiter, *, backslash=False, skip_spaces=False):
    """The rows of a table in which a field between quotation marks may have line ends.

    Parameters
    ----------
    content : str
        The text of the table.
    delimiter : str
        The character between two fields.
    backslash : bool
        Whether a quotation mark inside such a field follows a backslash. If not, it is doubled.
    skip_spaces : bool
        Whether there may be spaces between a delimiter and the quotation mark.

    Returns
    -------
    list of (int, list of str)
        The number of each row's first line, and its fields.

    Raises
    ------
    BadQuotes
        If the quotation marks do not fit; the message has the line of the one that opens.
    """
    dialect = {"doublequote": False, "escapechar": "\\"} if backslash else {}
    dialect["skipinitialspace"] = skip_spaces
    before = csv.field_size_limit(MAX_FIELD)
    rows, first = [], 1
    try:
        lines = io.StringIO(content, newline="")
        reader = csv.reader(lines, delimiter=delimiter, strict=True, **dialect)
        for fields in reader:
            rows.append((first, fields))
            first = reader.line_num + 1
    except csv.Error as error:
        raise _explained(error, content, delimiter, backslash, first) from None
    finally:
        csv.field_size_limit(before)
    return rows


def _explained(error, content, delimiter, backslash, first):
    """The BadQuotes for a csv.Error in the row that begins in line `first`."""
    if "larger" in str(error):
        return BadQuotes(f"line {first}: field larger than the allowed {MAX_FIELD:,} characters")
    lines = io.StringIO(content, newline="")
    skipped = sum(len(next(lines)) for _ in range(first - 1))
    pattern = _QUOTED_BACKSLASH if backslash else _QUOTED
    start, closed = _open_quote(content, skipped, delimiter, pattern)
    if start is None:
        return BadQuotes(f"line {first}: {error}")
    line = first + len(re.findall(r"\r\n|\r|\n", content[skipped:start]))
    what = "ends in the middle of a field" if closed else "is never closed"
    text = content[start : start + 30].splitlines()[0]
    return BadQuotes(f"line {line}: the quotation that begins with {text!r} {what}")


def _open_quote(content, start, delimiter, pattern):
    """Where the quotation at fault begins, and whether it is closed; (None, False) if unknown."""
    ends = re.compile(rf"[\r\n{re.escape(delimiter)}]")
    while start < len(content):
        if content[start] == '"':
            match = pattern.match(content, start)
            if match is None:
                return start, False
            if match.end() < len(content) and not ends.match(content, match.end()):
                return start, True
            start = match.end()
        end = ends.search(content, start)
        start = len(content) if end is None else end.end()
    return None, False


def without_separator_line(content):
    """The content with Excel's first line ``sep=;`` left blank, and the delimiter that it names."""
    match = _SEPARATOR.match(content)
    if match is None:
        return content, None
    return "\n" + content[match.end() :], match[1]


def guess_delimiter(content, candidates, has_columns, header):
    """The delimiter of a table, found by the columns that are asked for.

    Parameters
    ----------
    content : str
        The text of the table.
    candidates : str
        The delimiters to try; the most usual one comes first.
    has_columns : function of (list of str) to bool
        Whether a header, or the numbers of the columns, contain the columns that are asked for.
    header : bool
        Whether the first line is a header.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no header, and the rows fit several delimiters.
    """
    columns = {delimiter: _columns(content, delimiter, header) for delimiter in candidates}
    fitting = [d for d, names in columns.items() if names and has_columns(names)]
    if len(fitting) > 1 and not header:
        raise ValueError(
            f"the columns may be separated by {' or '.join(map(named, fitting))}: "
            "say by which, with --delimiter"
        )
    several = [d for d, names in columns.items() if len(names) > 1]
    return next(iter([*fitting, *several, candidates[0]]))


def _columns(content, delimiter, header):
    """Names of the columns if they are separated by `delimiter`; [] if its rows differ in length.

    Without a header, the names are numbers from 1 on.
    """
    if header:
        lines = io.StringIO(content, newline="")
        line = next(line for line in lines if line.strip()).rstrip("\r\n")
        return [name.strip() for name in _fields(line, delimiter)]
    try:
        rows = (plain_rows if delimiter == "\t" else quoted_rows)(content, delimiter)
    except BadQuotes:
        return []
    lengths = {len(fields) for _, fields in rows if any(map(str.strip, fields))}
    return numbered(lengths.pop()) if len(lengths) == 1 else []


def numbered(n):
    """The names of n columns without a header: "1", "2", ..."""
    return [str(i) for i in range(1, n + 1)]


def _fields(line, delimiter):
    """The fields of one line."""
    if delimiter != "\t":
        try:
            return next(csv.reader([line], delimiter=delimiter, strict=True))
        except csv.Error:
            pass
    return line.split(delimiter)


def well_quoted(rows):
    r"""Whether a table of tabs was written with quotation marks, by the fields of its lines.

    A field of such a table is quoted whole if there is a quotation mark in it, and the mark is
    doubled. In a plain table, a text that has or begins with a quotation mark is as common.

    Parameters
    ----------
    rows : iterable of (int, list of str)
        The result of :func:`plain_rows`.
    """
    marked = [field for _, fields in rows for field in fields if '"' in field]
    return all(map(_QUOTED.fullmatch, marked)) and any('""' in field[1:-1] for field in marked)


def row_inside(lines, delimiter, column, n_columns, labels):
    """The first of some lines that looks like a row of its own, or None.

    Parameters
    ----------
    lines : list of str
        Lines of a field that has line ends.
    delimiter : str
        The character between two fields.
    column : int
        The column with the labels.
    n_columns : int
        The number of columns.
    labels : set of str
        The labels of the table.
    """
    for line in lines:
        fields = line.split(delimiter)
        if len(fields) == n_columns and fields[column].strip().strip('"') in labels:
            return line
    return None
