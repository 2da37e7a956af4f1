"""The results of a benchmark as a table and as JSON."""

from dataclasses import asdict

from minitransformer.bench import growth

REFERENCE = "torch"
SIDE_WIDTH = 17
COLUMNS = {
    "time\n(ms)": 8, "quartiles\n(ms)": 13, "time\nratio": 5, "tokens\n/s": 7,
    "MB": 6, "MB\nratio": 5, "of\npeak": 4,
}  # fmt: skip
"""Headings and widths of the columns, which all fit into 80 columns."""


def table(report):
    """What `rich` prints as a table: for each case its name, and below it one line per side."""
    from rich.console import Group
    from rich.text import Text

    title = f"{report.workload}: {report.rows[0].case.work}" if report.rows else report.workload
    return Group(Text(title, style="bold"), *(_rows(report, row) for row in report.rows))


def _rows(report, row):
    from rich.table import Table

    shown = Table(
        box=None, pad_edge=False, title=f"\n{row.case.title}", title_justify="left",
        title_style="italic", show_header=row is report.rows[0],
    )  # fmt: skip
    shown.add_column("side", width=SIDE_WIDTH, vertical="bottom")
    for heading, width in COLUMNS.items():
        shown.add_column(heading, width=width, justify="right", vertical="bottom", no_wrap=True)
    for side in report.sides:
        if side.key in row.results:
            shown.add_row(side.label, *cells(row, side.key, report.peak))
    return shown


def cells(row, key, peak):
    """The cells of one side's line, in the order of COLUMNS, as text."""
    result = row.results[key]
    if result.error or result.left_out:
        return ["failed" if result.error else "left out", *[""] * (len(COLUMNS) - 1)]
    low, high = result.quartiles
    is_reference = key == REFERENCE
    return [
        _milliseconds(result.median),
        f"{_milliseconds(low)}-{_milliseconds(high)}",
        "" if is_reference else _number(row.ratio(key, REFERENCE), ".2f"),
        _number(row.speed(key), ",.0f"),
        _number(result.peak_bytes and result.peak_bytes / 1e6, ",.0f"),
        "" if is_reference else _number(row.memory_ratio(key, REFERENCE), ".2f"),
        _number(row.fraction_of_peak(key, peak), ".0%"),
    ]


def _milliseconds(seconds):
    """Milliseconds as text, with one decimal only below 1,000."""
    return f"{1000 * seconds:,.{1 if seconds < 1 else 0}f}"


def _number(value, spec):
    return "" if value is None else format(value, spec)


def lines(report):
    """The lines below the table: the machine, failures and notes."""
    machine = report.machine
    yield (
        f"{machine['system']}, {machine['threads']} of {machine['cores']} cores, "
        f"device {machine['device']}, Python {machine['Python']}"
    )
    yield f"processor: {machine['processor']}"
    for module in ("ours", "torch"):
        if module in machine:
            words = ", ".join(f"{name} {value}" for name, value in machine[module].items())
            yield f"{module}: {words}"
    if report.peak:
        each = ", ".join(f"{module} {peak / 1e9:,.0f}" for module, peak in report.peaks.items())
        yield f"fastest product, in billions of float32 operations per second: {each}"
    for row in report.rows:
        for side in report.sides:
            if side.key in row.results and (error := row.results[side.key].error) is not None:
                words = "did not work here" if side.optional else "failed"
                yield f"{row.case.title}: {words}: {error}"
    if report.workload == "attention":
        yield from growth.lines(report)
    yield from (f"note: {note}" for note in report.notes)


def as_dict(report):
    """All measurements, ready for JSON, in seconds, bytes and operations per second."""
    return {
        "workload": report.workload,
        "machine": report.machine,
        "peak_flops": report.peaks,
        "notes": report.notes,
        "rows": [
            {
                "case": row.case.as_dict(),
                "flops": row.case.flops(),
                "tokens": row.case.tokens(),
                "sides": {key: _side(row, key, report.peak) for key in row.results},
            }
            for row in report.rows
        ],
    }


def _side(row, key, peak):
    result = row.results[key]
    found = asdict(result)
    if result.seconds:
        found |= {
            "median_seconds": result.median,
            "quarter_points": list(result.quartiles),
            "ratio": row.ratio(key, REFERENCE),
            "tokens_per_second": row.speed(key),
            "memory_ratio": row.memory_ratio(key, REFERENCE),
            "share_of_peak": row.fraction_of_peak(key, peak),
        }
    return found
