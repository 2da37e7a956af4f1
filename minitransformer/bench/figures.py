"""Figures of a benchmark: bars for a few cases, or lines if one size grows."""

from minitransformer.bench.growth import sweeps
from minitransformer.bench.measure import Result
from minitransformer.plots import BLUE, GREY, ORANGE, blank

GREEN, YELLOW = "#009E73", "#F0C000"
STYLES = {
    "ours": (BLUE, "o", "-"),
    "full": (GREEN, "^", ":"),
    "torch": (ORANGE, "s", "--"),
    "grouped": (YELLOW, "v", "-."),
    "compiled": (GREY, "D", "-."),
}


def draw(report):
    """The figure of a report: a `matplotlib.figure.Figure`."""
    return growth(report) if report.workload == "attention" else bars(report)


def bars(report):
    """Time and peak memory of every side in every case; shorter bars are better."""
    n_sides, n_rows = len(report.sides), len(report.rows)
    figure = blank(width=9, height=1.3 + 0.35 * n_sides * n_rows)
    for axes, (label, value) in zip(figure.subplots(1, 2, sharey=True), MEASURES, strict=True):
        for s, side in enumerate(report.sides):
            values = [value(row.results.get(side.key, Result())) or 0 for row in report.rows]
            places = [r + (s - (n_sides - 1) / 2) * 0.8 / n_sides for r in range(n_rows)]
            axes.barh(places, values, 0.7 / n_sides, color=STYLES[side.key][0], label=side.label)
            if label.startswith("time"):
                _whiskers(axes, report.rows, side, places)
        names = [f"{row.case.name}\ndropout {row.case.dropout:g}" for row in report.rows]
        axes.set_yticks(range(n_rows), names)
        axes.set_xlabel(label)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", alpha=0.3)
    axes.invert_yaxis()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=n_sides,
                  frameon=False)  # fmt: skip
    return figure


def _whiskers(axes, rows, side, places):
    """Draw lines from the lower to the upper quartile."""
    for row, place in zip(rows, places, strict=True):
        result = row.results.get(side.key, Result())
        if result.seconds:
            low, high = (1000 * t for t in result.quartiles)
            axes.plot([low, high], [place, place], color="black", linewidth=1)


def _milliseconds(result):
    return 1000 * result.median if result.seconds else None


def _megabytes(result):
    return result.peak_bytes / 1e6 if result.seconds and result.peak_bytes else None


MEASURES = (("time per step (ms)", _milliseconds), ("peak memory of the process (MB)", _megabytes))


def growth(report):
    """Time and peak memory against the length of the texts, and against their number, in log scale.

    A grey line that starts at our first point shows growth in proportion to the size.
    """
    figure = blank(width=9, height=7)
    grid = figure.subplots(2, 2, sharey="row", sharex="col")
    for column, sweep in zip(grid.T, sweeps(report), strict=True):
        for axes, (label, value) in zip(column, MEASURES, strict=True):
            _lines(axes, sweep, value, report.sides)
            axes.set_ylabel(label if axes in grid[:, 0] else "")
        axes.set_xticks(sweep.sizes, [f"{size:,}" for size in sweep.sizes])
        axes.set_xlabel(sweep.label)
    handles = grid[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _lines(axes, sweep, value, sides):
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    for side in sides:
        colour, marker, line = STYLES[side.key]
        if points := sweep.points(side.key, value):
            axes.plot(
                *zip(*points, strict=True),
                color=colour,
                marker=marker,
                linestyle=line,
                markersize=5,
                label=side.label,
            )
    if value is _milliseconds and (points := sweep.points(sides[0].key, value)):
        (x0, y0), (x1, _) = points[0], points[-1]
        axes.plot([x0, x1], [y0, y0 * x1 / x0], color=GREY, linewidth=1, label="in proportion")
