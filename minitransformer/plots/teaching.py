"""Figures for explanations: lines, matrices with their numbers, and paths of optimisers."""

from dataclasses import dataclass

import numpy as np

from minitransformer.plots.canvas import (
    BLUE,
    GREY,
    HEAT,
    ORANGE,
    blank,
    literal,
    readable_on,
    signed,
    whole_ticks,
)

DPI = 110  # low, because a notebook has many figures

# Colours after Okabe and Ito. Dashes and markers differ too, for printing in grey.
_STYLES = (
    {"color": BLUE, "linestyle": "-", "marker": "o"},
    {"color": ORANGE, "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    {"color": GREY, "linestyle": ":", "marker": "D"},
    {"color": "#CC79A7", "linestyle": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
    {"color": "#E69F00", "linestyle": (0, (8, 2)), "marker": "P"},
    {"color": "#000000", "linestyle": (0, (1, 1)), "marker": "x"},
)


@dataclass(frozen=True)
class Panel:
    """One set of axes of :func:`lines`.

    Parameters
    ----------
    x : (n,) array
        The x values of all series.
    series : dict of str to (n,) array
        The y values of at most seven series, by name. The names are shown in the legend. Names and
        labels may contain formulas between dollar signs.
    xlabel, ylabel : str
        Axis labels, with the unit if there is one.
    title : str
        Title of the panel.
    log : {"", "x", "y", "xy"}
        Which axes are logarithmic.
    """

    x: object
    series: dict
    xlabel: str
    ylabel: str
    title: str = ""
    log: str = ""


def lines(*panels):
    """Lines over a common x, in one or more panels side by side.

    Parameters
    ----------
    *panels : Panel
        The panels, from left to right.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no panel, a panel has no series or more than seven, or the shape of a series is
        not that of `x`.
    """
    if not panels:
        raise ValueError("lines needs at least one Panel")
    for panel in panels:
        _check_panel(panel)
    figure = blank(width=4.4 * len(panels) + (0.8 if len(panels) == 1 else 0), height=3.4, dpi=DPI)
    figure.get_layout_engine().set(w_pad=0.1)
    for axes, panel in zip(np.ravel(figure.subplots(1, len(panels))), panels, strict=True):
        _draw_panel(axes, panel)
    return figure


def _check_panel(panel):
    x = np.asarray(panel.x)
    if not 1 <= len(panel.series) <= len(_STYLES):
        raise ValueError(f"a Panel must have 1 to {len(_STYLES)} series, got {len(panel.series)}")
    for name, values in panel.series.items():
        if np.shape(values) != x.shape or x.ndim != 1:
            raise ValueError(
                f"series {name!r} must have the shape of x, {x.shape}, got {np.shape(values)}"
            )


def _draw_panel(axes, panel):
    for (name, values), style in zip(panel.series.items(), _STYLES, strict=False):
        style = style if len(values) <= 30 else {**style, "marker": ""}
        axes.plot(panel.x, values, label=name, markersize=4, linewidth=1.6, **style)
    if "x" in panel.log:
        axes.set_xscale("log", base=2)
    elif np.issubdtype(np.asarray(panel.x).dtype, np.integer):
        whole_ticks(axes.xaxis)
    if "y" in panel.log:
        axes.set_yscale("log")
    axes.set_xlabel(panel.xlabel)
    axes.set_ylabel(panel.ylabel)
    axes.set_title(panel.title, fontsize="medium")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if len(panel.series) > 1:
        axes.legend(frameon=False, fontsize="small")


def numbers(matrices, rows, columns, *, labels=None, xlabel="", ylabel="", form="{:.2f}"):
    """Matrices side by side with a number in every cell.

    Without negative numbers, a larger number is a darker blue. With negative and positive numbers,
    the colours are centred at 0: blue below, white at 0, orange above, as a bar at the side shows.

    Parameters
    ----------
    matrices : dict of str to (R, C) array
        Matrices of numbers or bools, by title. All share one scale, from the smallest entry to the
        largest. A NaN cell is white.
    rows, columns : sequences of R and C str
        Names of the rows and columns.
    labels : dict of str to (R, C) array of str, optional
        Texts to show instead of the numbers, by title of the matrix.
    xlabel, ylabel : str
        Labels of the columns and of the rows.
    form : str
        Format string of the numbers.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no matrix, or a matrix is not (R, C).
    """
    arrays = {title: np.asarray(matrix, dtype=float) for title, matrix in matrices.items()}
    R, C = len(rows), len(columns)
    if not arrays or not R or not C:
        raise ValueError("numbers needs at least one matrix with a row and a column")
    for title, matrix in arrays.items():
        if matrix.shape != (R, C):
            raise ValueError(f"{title!r} must be ({R}, {C}) like the names, got {matrix.shape}")
    everything = np.concatenate([matrix.ravel() for matrix in arrays.values()])
    low, high, both = _scale(everything)
    width = len(arrays) * (0.62 * C + 0.9) + 0.5 + 0.7 * both
    figure = blank(width=width, height=0.46 * R + 1.3, dpi=DPI)
    grid = np.ravel(figure.subplots(1, len(arrays), squeeze=False))
    colours = {"cmap": signed() if both else HEAT, "vmin": low, "vmax": high, "aspect": "auto"}
    for axes, (title, matrix) in zip(grid, arrays.items(), strict=True):
        image = axes.imshow(matrix, **colours)
        for i, j in np.ndindex(R, C):
            text = form.format(matrix[i, j]) if labels is None else labels[title][i][j]
            colour = readable_on(image.cmap(image.norm(matrix[i, j])))
            style = {"ha": "center", "va": "center", "fontsize": "small", "color": colour}
            axes.text(j, i, literal(text), **style)
        axes.set_title(title, fontsize="medium")
        axes.set_xticks(range(C), [literal(name) for name in columns], fontsize="small")
        axes.set_yticks(range(R), [literal(name) for name in rows], fontsize="small")
        axes.set_xlabel(xlabel)
    grid[0].set_ylabel(ylabel)
    if both:
        figure.colorbar(image, ax=list(grid)).ax.tick_params(labelsize="small")
    return figure


def _scale(values):
    """The ends of a colour scale, and whether it has both signs and is centred at 0."""
    low, high = np.nanmin(values), np.nanmax(values)
    if low < 0 < high:
        largest = max(-low, high)
        return -largest, largest, True
    return low, high + (high == low), False


def paths(f, tracks, xlim, ylim, *, minimum=None, xlabel="", ylabel="", levels=9):
    """Contour lines of a function of two variables, and paths on it, such as those of optimisers.

    Parameters
    ----------
    f : callable
        ``f(x, y)`` for arrays.
    tracks : dict of str to (n, 2) array
        The points of each path, by name. Each path gets a panel.
    xlim, ylim : (float, float)
        Limits of the axes.
    minimum : (float, float), optional
        A point to mark with a cross.
    xlabel, ylabel : str
        Axis labels.
    levels : int
        Number of contour lines. The values of f on them grow with the square of their index.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no path, or a path is not (n, 2) with at least one point.
    """
    tracks = {name: np.asarray(track, dtype=float) for name, track in tracks.items()}
    if not tracks:
        raise ValueError("paths needs at least one track")
    for name, track in tracks.items():
        if track.ndim != 2 or track.shape[1] != 2 or not len(track):
            raise ValueError(f"track {name!r} must be (n, 2) with n >= 1, got {track.shape}")
    x, y = np.meshgrid(np.linspace(*xlim, 200), np.linspace(*ylim, 200))
    z = f(x, y)
    heights = z.min() + (z.max() - z.min()) * np.linspace(0.02, 1, levels) ** 2
    columns = min(len(tracks), 3)
    rows = -(-len(tracks) // columns)
    figure = blank(width=2.9 * columns, height=2.2 * rows + 0.3, dpi=DPI)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in np.ravel(grid)[len(tracks) :]:
        axes.set_visible(False)
    for axes, (name, track) in zip(np.ravel(grid), tracks.items(), strict=False):
        axes.contour(x, y, z, levels=heights, colors=GREY, linewidths=0.6, alpha=0.6)
        axes.plot(*track.T, color=BLUE, linewidth=1.2, marker="o", markersize=2)
        axes.plot(*track[0], color=ORANGE, marker="s", markersize=6)
        if minimum is not None:
            axes.plot(*minimum, color="black", marker="x", markersize=8, markeredgewidth=2)
        axes.set_title(name, fontsize="medium")
        axes.set_xlim(xlim)
        axes.set_ylim(ylim)
    figure.supxlabel(xlabel, fontsize="medium")
    figure.supylabel(ylabel, fontsize="medium")
    return figure
