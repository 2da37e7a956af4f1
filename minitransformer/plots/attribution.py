"""Figures of attribution: bars per token for several methods, and a matrix of ablated heads."""

import numpy as np

from minitransformer.plots.canvas import BLUE, ORANGE, blank, literal, readable_on, short, signed

DPI = 110


def bars(tokens, methods, *, xlabel="score"):
    """The scores of tokens by one or more methods, side by side, each method with its own scale.

    Parameters
    ----------
    tokens : sequence of T str
        The tokens, from top to bottom.
    methods : dict of str to (T,) array
        Scores by name of the method. Scores above 0 are orange, those below 0 blue and hatched.
    xlabel : str
        What the scores are, with the unit.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no token or no method, or a method does not have one finite score per token.
    """
    T = len(tokens)
    scores = {name: np.asarray(values, dtype=float) for name, values in methods.items()}
    if not T or not scores:
        raise ValueError("bars needs at least one token and one method")
    for name, values in scores.items():
        if values.shape != (T,) or not np.isfinite(values).all():
            raise ValueError(
                f"{name!r} must be one finite number for each of the {T} tokens, got shape "
                f"{values.shape}"
            )
    figure = blank(width=1.4 + 2.1 * len(scores), height=0.9 + 0.22 * T, dpi=DPI)
    grid = np.ravel(figure.subplots(1, len(scores), sharey=True))
    for axes, (name, values) in zip(grid, scores.items(), strict=True):
        for drawn, style in (
            (np.maximum(values, 0), {"color": ORANGE}),
            (np.minimum(values, 0), {"color": BLUE, "hatch": "///", "edgecolor": "white"}),
        ):
            axes.barh(range(T), drawn, height=0.75, linewidth=0, **style)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(name, fontsize="medium")
        axes.locator_params(axis="x", nbins=4)
        axes.tick_params(axis="x", labelsize="small")
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    grid[0].set_yticks(range(T), [short(token, 16) for token in tokens], fontsize="small")
    grid[0].set_ylim(T - 0.4, -0.6)
    figure.supxlabel(xlabel, fontsize="medium")
    return figure


def heads(changes, *, label, form="{:+.2f}"):
    """The change caused by leaving out a head: one row per layer, one column per head.

    Parameters
    ----------
    changes : dict of str to (H,) array
        For each layer, by name, one number per head, as returned by
        :func:`~minitransformer.interpret.head_ablation` for a score that is a number.
    label : str
        Label of the numbers, with the unit. Increases are orange, decreases blue.
    form : str
        Format string of the numbers.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no head, layers have different numbers of heads, or a number is not finite.
    """
    names = list(changes)
    shapes = {np.shape(values) for values in changes.values()}
    if len(shapes) != 1 or len(*shapes) != 1 or not sum(*shapes):
        raise ValueError(f"changes must be (H,) for each layer, got {sorted(shapes)}")
    matrix = np.array([changes[name] for name in names], dtype=float)
    if not np.isfinite(matrix).all():
        raise ValueError("changes must be finite")
    R, H = matrix.shape
    largest = np.abs(matrix).max() or 1.0
    figure = blank(width=max(3.4, 2.6 + 0.72 * H), height=1.4 + 0.5 * R, dpi=DPI)
    axes = figure.subplots()
    image = axes.imshow(matrix, cmap=signed(), vmin=-largest, vmax=largest, aspect="auto")
    for i, j in np.ndindex(R, H):
        colour = readable_on(image.cmap(image.norm(matrix[i, j])))
        style = {"ha": "center", "va": "center", "fontsize": "small", "color": colour}
        axes.text(j, i, form.format(matrix[i, j]), **style)
    axes.set_xticks(range(H), [f"head {h + 1}" for h in range(H)], fontsize="small")
    axes.set_yticks(range(R), [literal(name) for name in names], fontsize="small")
    axes.set_xlabel("left out")
    axes.set_title(label, fontsize="medium")
    figure.colorbar(image, ax=axes).ax.tick_params(labelsize="small")
    return figure
