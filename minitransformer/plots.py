"""Figures of training and of what a model looks at.

Every function returns a `matplotlib.figure.Figure` and touches no global state: show it in a
notebook by naming it, or call ``figure.savefig("name.png")``. matplotlib is imported inside the
functions, so that nothing but drawing pays for it. The colours are told apart with every kind of
colour blindness (after Okabe and Ito), lines differ in style as well, and in heat maps darker is
more, so that all of it survives printing in grey.
"""

import numpy as np

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
HEAT = "Blues"


def curves(history):
    """Loss and accuracy of training and validation, epoch by epoch.

    Parameters
    ----------
    history : History or dict of str to list of float
        What ``fit`` returned, or its ``history``: ``loss`` (nats) and, where they were measured,
        ``val_loss``, ``accuracy`` and ``val_accuracy``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If no epoch has been recorded.
    """
    values = getattr(history, "history", history)
    if not values.get("loss"):
        raise ValueError("history must hold at least one epoch of 'loss' to draw")
    panels = [("loss", "loss (nats)", 1)]
    if values.get("accuracy") or values.get("val_accuracy"):
        panels.append(("accuracy", "accuracy (%)", 100))
    figure = blank(width=4.2 * len(panels), height=3.4)
    grid = np.ravel(figure.subplots(1, len(panels)))
    for axes, (key, label, factor) in zip(grid, panels, strict=True):
        _curve(axes, values.get(key), factor, "training", color=BLUE, marker="o")
        _curve(
            axes, values.get(f"val_{key}"), factor, "validation",
            color=ORANGE, marker="s", linestyle="--",
        )
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        if len(values["loss"]) == 1:
            axes.set_xlim(0.5, 1.5)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return figure


def _curve(axes, values, factor, label, **style):
    if values:
        epochs = np.arange(1, len(values) + 1)
        axes.plot(epochs, factor * np.asarray(values, float), label=label, markersize=4, **style)


def confusion(matrix, class_names):
    """How often each class was taken for each other: counts, and percentages of the true class.

    Parameters
    ----------
    matrix : (C, C) int array
        Row: true class; column: predicted class.
    class_names : sequence of C str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the matrix is not (C, C) for the C names.
    """
    matrix = np.asarray(matrix)
    C = len(class_names)
    if matrix.shape != (C, C):
        raise ValueError(f"matrix must be ({C}, {C}) for {C} class names, got {matrix.shape}")
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 1.5 + 0.75 * max(C, 2)
    figure = blank(width=side + 1.9, height=side + 0.2)
    axes = figure.subplots()
    image = axes.imshow(100 * share, cmap=HEAT, vmin=0, vmax=100)
    small = "small" if C <= 6 else "xx-small"
    for i, j in np.ndindex(C, C):
        colour = "white" if share[i, j] > 0.5 else "black"
        axes.text(
            j, i, f"{matrix[i, j]}\n{100 * share[i, j]:.1f} %",
            ha="center", va="center", color=colour, fontsize=small,
        )
    names = [_short(name, 14) for name in class_names]
    axes.set_xticks(range(C), names, rotation=45 if C > 3 else 0, ha="right" if C > 3 else "center")
    axes.set_yticks(range(C), names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.colorbar(image, ax=axes, label="share of the true class (%)")
    return figure


def attention(P, tokens):
    """Attention weights as heat maps, one for each head: who (row) looks at whom (column).

    Parameters
    ----------
    P : (H, T, T) array
        Weights of one text, as in ``cache.blocks[0].attention.P[0]``.
    tokens : sequence of T str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If P is not (H, T, T) for the T tokens.
    """
    P, T = np.asarray(P), len(tokens)
    if P.ndim != 3 or P.shape[1:] != (T, T) or P.size == 0:
        raise ValueError(f"P must be (H, {T}, {T}) for {T} tokens, got {P.shape}")
    H = len(P)
    columns = min(H, 2)
    rows = -(-H // columns)
    side = max(2.6, 0.21 * T + 1.2)
    figure = blank(width=columns * side + 0.9, height=rows * side + 0.3)
    grid = np.ravel(figure.subplots(rows, columns, squeeze=False))
    names, none = [_short(token, 12) for token in tokens], [""] * T
    for head, axes in enumerate(grid):
        if head >= H:
            axes.set_visible(False)
            continue
        image = axes.imshow(P[head], cmap=HEAT, vmin=0, vmax=P.max())
        axes.set_title(f"head {head + 1}", fontsize="medium")
        lowest, leftmost = head + columns >= H, head % columns == 0
        axes.set_xticks(range(T), names if lowest else none, rotation=90, fontsize="small")
        axes.set_yticks(range(T), names if leftmost else none, fontsize="small")
    figure.supxlabel("key: the token that is looked at", fontsize="medium")
    figure.supylabel("query: the token that looks", fontsize="medium")
    figure.colorbar(image, ax=grid.tolist(), label="attention weight", shrink=0.7, aspect=30)
    return figure


def words(tokens, scores, title=""):
    """A text with every word on a ground that shows its score.

    Parameters
    ----------
    tokens : sequence of T str
    scores : (T,) array
        Above 0 is orange, below 0 blue; the largest magnitude has the full colour.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no token, or not one finite score for each.
    """
    scores = np.asarray(scores, dtype=float)
    if not len(tokens) or scores.shape != (len(tokens),) or not np.isfinite(scores).all():
        raise ValueError(
            f"scores must be one finite number for each of the {len(tokens)} tokens (at least "
            f"one), got shape {scores.shape}"
        )
    lines, width = _lay_out(tokens)
    figure = blank(width=0.5 + 0.092 * width, height=0.9 + 0.34 * len(lines))
    axes = figure.subplots()
    strongest = np.abs(scores).max() or 1.0
    for row, line in enumerate(lines):
        for start, index in line:
            _word(axes, start, row, tokens[index], scores[index] / strongest)
    axes.set_xlim(-0.5, width + 0.5)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_axis_off()
    axes.set_title(title, loc="left", fontsize="medium")
    key = f"orange: for ({strongest:.2g} at full colour)    blue: against"
    figure.supxlabel(key, fontsize="small", color=GREY)
    return figure


def _lay_out(tokens, width=72):
    """Lines of (column, token number) at most `width` characters wide, and their real width."""
    lines, column = [[]], 0
    for index, token in enumerate(tokens):
        if column and column + len(token) > width:
            lines.append([])
            column = 0
        lines[-1].append((column, index))
        column += len(token) + 1
    used = max(start + len(tokens[index]) for line in lines for start, index in line)
    return lines, max(used, 52)


def _word(axes, column, row, token, share):
    """One word in a box whose colour has the strength |share| <= 1."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    full = np.array(to_rgb(ORANGE if share > 0 else BLUE))
    ground = 1 - 0.75 * abs(share) * (1 - full)
    axes.add_patch(
        Rectangle((column - 0.35, row - 0.42), len(token) + 0.7, 0.84, color=ground, linewidth=0)
    )
    axes.text(
        column + len(token) / 2, row, _literal(token),
        ha="center", va="center", family="monospace", fontsize=10,
    )


def blank(width, height):
    """An empty figure of `width` x `height` inches that belongs to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=150)


def _short(text, most):
    return _literal(text if len(text) <= most else text[: most - 3] + "...")


def _literal(text):
    """`text` for matplotlib, which would read a pair of dollar signs as a formula."""
    return text.replace("$", r"\$")
