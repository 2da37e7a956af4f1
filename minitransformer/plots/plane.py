"""Figures of the plane: regions of a classifier, named points such as words, and arrows."""

import numpy as np

from minitransformer.plots.canvas import BLUE, GREY, HEAT, ORANGE, blank, literal

DPI = 110  # low, because a notebook has many figures

# Colours after Okabe and Ito. Markers differ too, so that figures can be printed in grey.
_GROUPS = (
    (BLUE, "o"), (ORANGE, "s"), ("#009E73", "^"), (GREY, "D"), ("#CC79A7", "v"), ("#E69F00", "P"),
    ("#000000", "x"),
)  # fmt: skip


def regions(predictors, x, labels, *, xlabel="", ylabel="", steps=120):
    """Probabilities of two-class classifiers over the plane, and the points to classify.

    Parameters
    ----------
    predictors : dict of str to callable
        For each title, a function ``predict(points)``: (n, 2) -> (n,) probabilities of class 1.
        Each predictor gets a panel, in which darker means more probable. A line marks the
        probability 1/2.
    x : (n, 2) array
        The points.
    labels : (n,) array of 0 and 1
        The classes of the points.
    xlabel, ylabel : str
        Axis labels.
    steps : int
        Number of grid points in each direction.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no predictor, or the shapes of `x` and `labels` are wrong.
    """
    x, labels = np.asarray(x, dtype=float), np.asarray(labels)
    if not predictors:
        raise ValueError("regions needs at least one predictor")
    if x.ndim != 2 or x.shape[1] != 2 or not len(x) or labels.shape != x.shape[:1]:
        raise ValueError(f"x must be (n, 2) and labels (n,), got {x.shape} and {labels.shape}")
    margin = 0.08 * np.ptp(x, axis=0)
    low, high = x.min(axis=0) - margin, x.max(axis=0) + margin
    across, up = np.meshgrid(*(np.linspace(a, b, steps) for a, b in zip(low, high, strict=True)))
    grid = np.stack([across.ravel(), up.ravel()], axis=1)
    figure = blank(width=3.5 * len(predictors) + 0.7, height=3.5, dpi=DPI)
    panels = figure.subplots(1, len(predictors), squeeze=False, sharey=True)[0]
    for axes, (title, predict) in zip(panels, predictors.items(), strict=True):
        p = np.asarray(predict(grid)).reshape(across.shape)
        shades = axes.contourf(across, up, p, levels=np.linspace(0, 1, 11), cmap=HEAT, alpha=0.7)
        if p.min() < 0.5 < p.max():
            axes.contour(across, up, p, levels=[0.5], colors="black", linewidths=1.2)
        for group, (colour, marker) in enumerate(((ORANGE, "s"), ("white", "o"))):
            axes.scatter(
                *x[labels == group].T, s=14, c=colour, marker=marker, edgecolors="black",
                linewidths=0.5, label=f"class {group}",
            )  # fmt: skip
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel(xlabel)
    panels[0].set_ylabel(ylabel)
    figure.colorbar(shades, ax=list(panels), label="probability of class 1")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def points(panels, groups, *, shown=(), xlabel="", ylabel=""):
    """Named points in the plane, such as word vectors, coloured by group.

    Parameters
    ----------
    panels : dict of str to (n, 2) array
        Coordinates by title of the panel. All panels show the same points.
    groups : dict of str to dict of str to int
        For each of at most seven groups, a dict that maps the names of its points to their rows.
    shown : collection of str
        The points whose names are shown. All other points are only marked.
    xlabel, ylabel : str
        Axis labels.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no panel or no group, more than seven groups, or an array is not (n, 2).
    """
    panels = {title: np.asarray(xy, dtype=float) for title, xy in panels.items()}
    if not panels or not 1 <= len(groups) <= len(_GROUPS):
        raise ValueError(f"points needs a panel, and 1 to {len(_GROUPS)} groups")
    for title, xy in panels.items():
        if xy.ndim != 2 or xy.shape[1] != 2:
            raise ValueError(f"{title!r} must be (n, 2), got {xy.shape}")
    figure = blank(width=4.6 * len(panels), height=4.4, dpi=DPI)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, xy) in zip(grid, panels.items(), strict=True):
        for (name, members), (colour, marker) in zip(groups.items(), _GROUPS, strict=False):
            rows = list(members.values())
            axes.scatter(*xy[rows].T, s=16, c=colour, marker=marker, label=name)
            for word, row in members.items():
                if word in shown:
                    axes.annotate(
                        literal(word), xy[row], xytext=(3, 3), textcoords="offset points",
                        fontsize="small", color=colour,
                    )  # fmt: skip
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel(xlabel)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(0.12)
        axes.locator_params(nbins=6)
    grid[0].set_ylabel(ylabel)
    handles = grid[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=min(len(groups), 4), frameon=False)
    return figure


def arrows(panels, *, radius=None, xlabel="", ylabel=""):
    """Arrows in the plane, such as vectors and their projections.

    Parameters
    ----------
    panels : dict of str to dict of str to ((n, 2) array, (n, 2) array)
        For each title, at most seven sets of arrows by name. A set is a pair: the points where its
        arrows begin, and the points where they end.
    radius : float, optional
        Radius of a circle around 0, drawn below the arrows.
    xlabel, ylabel : str
        Axis labels.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no panel, a panel has no set or more than seven, or an end is not (n, 2).
    """
    for title, sets in panels.items():
        for name, ends in sets.items():
            shapes = [np.shape(end) for end in ends]
            if len(shapes) != 2 or shapes[0] != shapes[1] or shapes[0][1:] != (2,):
                raise ValueError(f"{name!r} of {title!r} must be two arrays (n, 2)")
    if not panels or not all(1 <= len(sets) <= len(_GROUPS) for sets in panels.values()):
        raise ValueError(f"arrows needs a panel, each with 1 to {len(_GROUPS)} sets")
    figure = blank(width=4.2 * len(panels), height=4.3, dpi=DPI)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, sets) in zip(grid, panels.items(), strict=True):
        if radius is not None:
            angle = np.linspace(0, 2 * np.pi, 200)
            axes.plot(radius * np.cos(angle), radius * np.sin(angle), color=GREY, linewidth=0.8)
        for (name, ends), (colour, marker) in zip(sets.items(), _GROUPS, strict=False):
            tails, tips = (np.asarray(end, dtype=float) for end in ends)
            axes.quiver(
                *tails.T, *(tips - tails).T, color=colour, label=name, width=0.006,
                angles="xy", scale_units="xy", scale=1,
            )  # fmt: skip
            axes.plot(*tails.T, linestyle="", marker=marker, markersize=4, color=colour)
            axes.update_datalim(tips)  # quiver makes room only for the tails of arrows
        axes.set_aspect("equal", adjustable="datalim")
        axes.autoscale_view()
        axes.set_title(title, fontsize="medium")
        axes.set_xlabel(xlabel)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False,
            fontsize="small", columnspacing=1.2,
        )  # fmt: skip
    grid[0].set_ylabel(ylabel)
    return figure
