"""Figures of attention weights, and of words coloured by their scores."""

import numpy as np
from rich.cells import cell_len

from minitransformer.plots.canvas import BLUE, GREY, HEAT, ORANGE, blank, literal, short


def attention(P, tokens, keys=None):
    """Attention weights as heat maps, one per head: how much each query (row) attends to each key.

    Parameters
    ----------
    P : (H, T, S) array
        Weights of one text, as in ``cache.blocks[0].attention.P[0]``.
    tokens : sequence of T str
        The queries.
    keys : sequence of S str, optional
        The keys, for cross-attention; by default the keys are `tokens`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If P is not (H, T, S) for the T tokens and S keys.
    """
    keys = tokens if keys is None else keys
    P, T, S = np.asarray(P), len(tokens), len(keys)
    if P.ndim != 3 or P.shape[1:] != (T, S) or P.size == 0:
        raise ValueError(f"P must be (H, {T}, {S}) for {T} tokens and {S} keys, got {P.shape}")
    H = len(P)
    columns = min(H, 2)
    rows = -(-H // columns)
    height, width = (max(2.6, 0.21 * n + 1.2) for n in (T, S))
    figure = blank(width=columns * width + 0.9, height=rows * height + 0.3)
    grid = np.ravel(figure.subplots(rows, columns, squeeze=False))
    down, across = ([short(token, 12) for token in side] for side in (tokens, keys))
    for head, axes in enumerate(grid):
        if head >= H:
            axes.set_visible(False)
            continue
        image = axes.imshow(P[head], cmap=HEAT, vmin=0, vmax=P.max())
        axes.set_title(f"head {head + 1}", fontsize="medium")
        lowest, leftmost = head + columns >= H, head % columns == 0
        axes.set_xticks(range(S), across if lowest else [""] * S, rotation=90, fontsize="small")
        axes.set_yticks(range(T), down if leftmost else [""] * T, fontsize="small")
    figure.supxlabel("key: the token attended to", fontsize="medium")
    figure.supylabel("query: the token that attends", fontsize="medium")
    figure.colorbar(image, ax=grid.tolist(), label="attention weight", shrink=0.7, aspect=30)
    return figure


def words(tokens, scores, title=""):
    """A text in which the background of every word shows its score.

    Parameters
    ----------
    tokens : sequence of T str
        The words.
    scores : (T,) array
        Scores above 0 are orange, those below 0 blue. The score of largest magnitude has the full
        colour.
    title : str
        Title of the figure.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no token, or if there is not exactly one finite score per token.
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
    """Lines of (column, token index), at most `width` characters wide, and their actual width."""
    lines, column = [[]], 0
    for index, token in enumerate(tokens):
        if column and column + cell_len(token) > width:
            lines.append([])
            column = 0
        lines[-1].append((column, index))
        column += cell_len(token) + 1
    used = max(start + cell_len(tokens[index]) for line in lines for start, index in line)
    return lines, max(used, 52)


def _word(axes, column, row, token, strength):
    """Draw one word in a box, whose colour depends on `strength`, from -1 to 1."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    full = np.array(to_rgb(ORANGE if strength > 0 else BLUE))
    background = 1 - 0.75 * abs(strength) * (1 - full)
    width = cell_len(
        token
    )  # a Chinese character is twice as wide as a letter, an accent has no width
    axes.add_patch(
        Rectangle((column - 0.35, row - 0.42), width + 0.7, 0.84, color=background, linewidth=0)
    )
    axes.text(
        column + width / 2,
        row,
        literal(token),
        ha="center",
        va="center",
        family="monospace",
        fontsize=10,
    )
