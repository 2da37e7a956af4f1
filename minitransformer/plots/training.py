"""Figures of the course of training and its result: learning curves, and the confusion matrix."""

import numpy as np

from minitransformer.plots.canvas import BLUE, HEAT, ORANGE, blank, readable_on, short, whole_ticks


def curves(history):
    """Loss and accuracy on the training and validation data, per epoch.

    Parameters
    ----------
    history : History or dict of str to list of float
        The object that ``fit`` returned, or its attribute ``history``. It has ``loss`` (in nats)
        and, if they were measured, ``val_loss``, ``accuracy`` and ``val_accuracy``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If no epoch was recorded.
    """
    values = getattr(history, "history", history)
    if not values.get("loss"):
        raise ValueError("history must contain at least one epoch of 'loss'")
    panels = [("loss", "loss (nats)", 1)]
    if values.get("accuracy") or values.get("val_accuracy"):
        panels.append(("accuracy", "accuracy (%)", 100))
    figure = blank(width=4.2 * len(panels), height=3.4)
    grid = np.ravel(figure.subplots(1, len(panels)))
    for axes, (key, label, factor) in zip(grid, panels, strict=True):
        _curve(axes, values.get(key), factor, "training", color=BLUE, marker="o")
        _curve(
            axes,
            values.get(f"val_{key}"),
            factor,
            "validation",
            color=ORANGE,
            marker="s",
            linestyle="--",
        )
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        whole_ticks(axes.xaxis)
        axes.set_title(key, fontsize="medium")
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
    """How often texts of each true class were given each class: counts, and row percentages.

    Parameters
    ----------
    matrix : (C, C) int array
        Rows are true classes, columns predicted classes.
    class_names : sequence of C str
        Names of the classes, in the order of the matrix.

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
    fraction = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 1.5 + 0.75 * max(C, 2)
    figure = blank(width=side + 1.9, height=side + 0.2)
    axes = figure.subplots()
    image = axes.imshow(100 * fraction, cmap=HEAT, vmin=0, vmax=100)
    small = "small" if C <= 6 else "xx-small"
    for i, j in np.ndindex(C, C):
        colour = readable_on(image.cmap(image.norm(100 * fraction[i, j])))
        style = {"ha": "center", "va": "center", "fontsize": small, "color": colour}
        axes.text(j, i, f"{matrix[i, j]}\n{100 * fraction[i, j]:.1f} %", **style)
    names = [short(name, 14) for name in class_names]
    axes.set_xticks(range(C), names, rotation=45 if C > 3 else 0, ha="right" if C > 3 else "center")
    axes.set_yticks(range(C), names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    right, texts = np.trace(matrix), matrix.sum()
    axes.set_title(f"confusion matrix: {right} of {texts} texts right", fontsize="medium")
    figure.colorbar(image, ax=axes, label="fraction of the true class (%)")
    return figure
