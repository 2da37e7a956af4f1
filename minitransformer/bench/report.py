"""The results of a benchmark as a table and as JSON."""

from dataclasses import asdict

from minitransformer.bench import growth

REFERENCE = "torch"
HEADINGS = (
    "time (ms)", "quartiles", "ratio", "tokens/s", "memory (MB)", "ratio", "of peak"
)  # fmt: skip


def table(report):
    """A rich table with one line per side of each case."""
    from rich.table import Table

    shown = Table(title=_title(report), title_justify="left")
    shown.add_column("work")
    shown.add_column("dropout", justify="right")
    shown.add_column("side")
    for heading in HEADINGS:
        shown.add_column(heading, justify="right")
    for row in report.rows:
        for i, side in enumerate(report.sides):
            first = [row.case.name, f"{row.case.dropout:g}"] if i == 0 else ["", ""]
            last = i == len(report.sides) - 1
            shown.add_row(*first, side.label, *cells(row, side.key, report.peak), end_section=last)
    return shown


def _title(report):
    return f"{report.workload}: {report.rows[0].case.work}" if report.rows else report.workload


def cells(row, key, peak):
    """The cells of one side's line, in the order of HEADINGS, as text."""
    result = row.results[key]
    if result.error or result.left_out:
        return ["failed" if result.error else "left out", *[""] * (len(HEADINGS) - 1)]
    low, high = result.quartiles
    is_reference = key == REFERENCE
    return [
        f"{1000 * result.median:,.1f}",
        f"{1000 * low:,.1f} to {1000 * high:,.1f}",
        "" if is_reference else _number(row.ratio(key, REFERENCE), ".2f"),
        _number(row.speed(key), ",.0f"),
        _number(result.peak_bytes and result.peak_bytes / 1e6, ",.0f"),
        "" if is_reference else _number(row.memory_ratio(key, REFERENCE), ".2f"),
        _number(row.fraction_of_peak(key, peak), ".0%"),
    ]


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
            if (error := row.results[side.key].error) is not None:
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
