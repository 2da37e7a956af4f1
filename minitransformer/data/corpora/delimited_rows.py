"""The cells of a table with delimiters, in the columns that are asked for."""

from minitransformer.data.corpora import delimited
from minitransformer.data.corpora.columns import find_groups, positions


def delimited_rows(path, content, candidates, wanted, options, on_note):
    """The cells of each row that is not blank.

    Parameters
    ----------
    path : Path
        For messages.
    content : str
        The text of the file.
    candidates : str
        The delimiters to try, the most usual one first.
    wanted : list of (str or sequence of str)
        Groups of columns; if there are two, the second is the column of the labels.
    options : TableOptions
    on_note : function of str
        Receives a line about each thing that was decided by the content.

    Returns
    -------
    list of (str, list of list of str)
        The place of each row, and for each group of `wanted` the stripped cells.

    Raises
    ------
    ValueError
        If the file is not well formed, or a column is missing.
    """
    content, named = delimited.without_separator_line(content)
    delimiter = options.delimiter or named
    try:
        if delimiter is None:
            delimiter = delimited.guess_delimiter(
                content,
                candidates,
                lambda columns: all(positions(columns, names) for names in wanted),
                options.header,
            )
            if delimiter != candidates[0]:
                words = delimited.named(delimiter)
                on_note(f"{path.name}: the columns are separated by {words}")
        rows = _split(path, content, delimiter, options.quoting, on_note)
    except delimited.BadQuotes as error:
        raise ValueError(_way_out(path, error, content, delimiter)) from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return _Table(path, rows, delimiter, options).cells(wanted, on_note)


def _split(path, content, delimiter, quoting, on_note):
    """The line number and the fields of each row that is not blank, also of the header."""
    if quoting == "none":
        rows = delimited.plain_rows(content, delimiter)
    elif quoting is None and delimiter == "\t":
        rows = _tab_rows(path, content, on_note)
    elif quoting is None:
        rows = _csv_rows(content, delimiter)
    else:
        rows = delimited.quoted_rows(content, delimiter, backslash=quoting == "backslash")
    return [(line, fields) for line, fields in rows if any(map(str.strip, fields))]


def _csv_rows(content, delimiter):
    """The rows of a CSV file, also with spaces before the quotation marks if there must be."""
    rows = delimited.quoted_rows(content, delimiter)
    if not _same_length(rows) and f'{delimiter} "' in content:
        try:
            spaced = delimited.quoted_rows(content, delimiter, skip_spaces=True)
        except delimited.BadQuotes:
            return rows
        if _same_length(spaced):
            return spaced
    return rows


def _tab_rows(path, content, on_note):
    """The rows of a table with tabs, in which quotation marks usually have no meaning."""
    plain = list(delimited.plain_rows(content, "\t"))
    if not delimited.well_quoted(plain) and _same_length(plain):
        return plain
    try:
        quoted = delimited.quoted_rows(content, "\t")
    except delimited.BadQuotes:
        return plain
    if not _same_length(quoted):
        return plain
    if quoted != plain:
        on_note(f"{path.name}: quotation marks enclose fields, as in CSV")
    return quoted


def _same_length(rows):
    return len({len(fields) for _, fields in rows if any(map(str.strip, fields))}) == 1


def _way_out(path, error, content, delimiter):
    backslash = " (or --quoting backslash)" if '\\"' in content else ""
    return (
        f"{path}, {error}; a quotation mark inside a quotation must be doubled{backslash}; if "
        f"quotation marks have no meaning here, use --quoting none; if the columns are not "
        f"separated by {delimited.named(delimiter)}, use --delimiter"
    )


class _Table:
    """The rows of a table, and its columns."""

    def __init__(self, path, rows, delimiter, options):
        self.path, self.rows, self.delimiter, self.options = path, rows, delimiter, options
        self.header = self._where(rows[0][0])
        if options.header:
            self.columns = [name.strip() for name in rows.pop(0)[1]]
        else:
            self.columns = delimited.numbered(len(_trimmed(rows[0][1], 0)))

    def _where(self, line):
        return f"{self.path}, line {line}"

    def cells(self, wanted, on_note):
        """The cells of each row; see :func:`delimited_rows`."""
        groups = find_groups(self.columns, wanted, self.header, self.options.header)
        self._check_lengths()
        if len(groups) > 1 and self.options.quoting is None:
            self._check_swallowed(groups[1][0])
        self._note_unnamed(on_note)
        return [
            (self._where(line), [[fields[i].strip() for i in group] for group in groups])
            for line, fields in self.rows
        ]

    def _check_lengths(self):
        """Refuse rows of another length than the header, but for empty fields at the end."""
        n = len(self.columns)
        named = len(_trimmed(self.columns, 0))
        for i, (line, fields) in enumerate(self.rows):
            if len(fields) > n:
                fields = _trimmed(fields, n)
            if named <= len(fields) < n:
                fields = fields + [""] * (n - len(fields))
            if len(fields) != n:
                first = "the header" if self.options.header else "the first row"
                raise ValueError(
                    f"{self._where(line)}: {len(fields)} fields, but {first} has {n}{self._hint()}"
                )
            self.rows[i] = line, fields

    def _hint(self):
        return (
            f"; a text that contains {delimited.named(self.delimiter)} must be quoted"
            if self.delimiter != "\t"
            else ""
        )

    def _check_swallowed(self, column):
        """Refuse a quoted field that contains whole rows: its quotation mark is a stray one."""
        labels = {fields[column].strip() for _, fields in self.rows}
        for line, fields in self.rows:
            if not any("\n" in field for field in fields):
                continue
            lines = self.delimiter.join(fields).split("\n")
            del lines[sum(field.count("\n") for field in fields[:column])]  # has the row's label
            inside = delimited.row_inside(lines, self.delimiter, column, len(self.columns), labels)
            if inside is not None:
                start = next(i for i, field in enumerate(fields) if "\n" in field)
                opened = line + sum(field.count("\n") for field in fields[:start])
                raise ValueError(
                    f"{self._where(opened)}: the quotation that begins here contains a whole row "
                    f"({inside[:40]!r}); if quotation marks have no meaning here, use --quoting "
                    "none; if that is part of the text, use --quoting double"
                )

    def _note_unnamed(self, on_note):
        """Say that there is text in columns without a name, which cannot be read."""
        unnamed = [i for i, name in enumerate(self.columns) if not name]
        if unnamed:
            rows = [line for line, row in self.rows if any(row[i].strip() for i in unnamed)]
            if rows:
                on_note(
                    f"{self.path.name}: text in columns without a name is not read: rows with such "
                    f"text: {len(rows):,}, the first in line {rows[0]}"
                )


def _trimmed(fields, least):
    """The fields without blank ones at the end, but at least `least`."""
    n = len(fields)
    while n > least and not fields[n - 1].strip():
        n -= 1
    return fields[:n]
