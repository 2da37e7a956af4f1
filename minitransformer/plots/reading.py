"""Figures of what a model looks at: attention, and words on grounds that show their score."""

import numpy as np

from minitransformer.plots.canvas import BLUE, GREY, HEAT, ORANGE, blank, literal, short


def attention(P, tokens, keys=None):
    """Attention weights as heat maps, one for each head: who (row) looks at whom (column).

    Parameters
    ----------
    P : (H, T, S) array
        Weights of one text, as in ``cache.blocks[0].attention.P[0]``.
    tokens : sequence of T str
        Those that look.
    keys : sequence of S str, optional
        Those that are looked at, in cross-attention; by default the same tokens.

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
    down, across = ([short(token, 12) for token in some] for some in (tokens, keys))
    for head, axes in enumerate(grid):
        if head >= H:
            axes.set_visible(False)
            continue
        image = axes.imshow(P[head], cmap=HEAT, vmin=0, vmax=P.max())
        axes.set_title(f"head {head + 1}", fontsize="medium")
        lowest, leftmost = head + columns >= H, head % columns == 0
        axes.set_xticks(range(S), across if lowest else [""] * S, rotation=90, fontsize="small")
        axes.set_yticks(range(T), down if leftmost else [""] * T, fontsize="small")
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
        column + len(token) / 2,
        row,
        literal(token),
        ha="center",
        va="center",
        family="monospace",
        fontsize=10,
    )
