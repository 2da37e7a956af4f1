"""A model as a table of its layers: the shape of each output, and the number of parameters."""

import numpy as np

from minitransformer.training.example_kinds import SequencePairs, on_device_of

WIDTH = 80
SYMBOLS = {2: "T", 3: "S"}
"""Number of target and of source tokens in the pass that finds the shapes, and their symbols."""


def rows_of(model):
    """The layers that own parameters, in order.

    Returns
    -------
    list of (str, str, str, int)
        Dotted name, class, shape of the output, and number of parameters.
    """
    counts = {}
    for name, parameter in model.parameters().items():
        layer = name.rpartition(".")[0]
        counts[layer] = counts.get(layer, 0) + parameter.size
    shapes = output_shapes(model, [layer for layer in counts if layer])
    return [
        (layer or "(model)", type(find(model, layer)).__name__, shapes.get(layer, ""), count)
        for layer, count in counts.items()
    ]


def find(model, path):
    """The layer at a dotted name such as ``blocks.0.attention``; the model itself at ``""``."""
    for step in path.split(".") if path else ():
        model = model[int(step)] if step.isdigit() else getattr(model, step)
    return model


def output_shapes(model, paths):
    """The shapes of the outputs of the layers at `paths`, from a pass over very few tokens.

    Returns
    -------
    dict of str to str
        Such as ``(B, T, 64)``; a layer that the pass does not call is missing.
    """
    twin, shapes = model.replica(), {}
    for path in paths:
        layer = find(twin, path)
        vars(layer)["forward"] = _recording(layer.forward, path, shapes)
    tokens, source_tokens = (min(n, model.max_len) for n in SYMBOLS)
    ids, source = on_device_of(
        model, np.zeros((1, tokens), np.int64), np.zeros((1, source_tokens), np.int64)
    )
    twin.forward(*((source, ids) if isinstance(model.learns_from, SequencePairs) else (ids,)))
    return shapes


def _recording(forward, path, shapes):
    """`forward`, which also enters the shape of its first output into `shapes`."""

    def recorded(*args, **kwargs):
        result = forward(*args, **kwargs)
        _, *middle, last = result[0].shape
        axes = ["B", *(SYMBOLS.get(n, str(n)) for n in middle), str(last)]
        shapes.setdefault(path, f"({', '.join(axes)})")
        return result

    return recorded


def table(model):
    """The summary as text, at most 80 columns wide unless the names of the layers are very long.

    Parameters
    ----------
    model : Trainable
        The model to summarise.

    Returns
    -------
    str
    """
    rows = [(*texts, f"{count:,}") for *texts, count in rows_of(model)]
    rows.insert(0, ("layer", "type", "output", "count"))
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    room = WIDTH - (widths[0] + widths[2] + widths[3] + 6)
    widths[1] = min(widths[1], max(room, len("type")))
    lines = [
        f"{a:<{widths[0]}}  {_cut(b, widths[1]):<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}"
        for a, b, c, d in rows
    ]
    rule = "-" * len(lines[0])
    values = model.flat.values
    total = f"total: {values.size:,} parameters, {values.nbytes / 1e6:,.1f} MB of {values.dtype}"
    return "\n".join([type(model).__name__, rule, lines[0], rule, *lines[1:], rule, total])


def _cut(text, width):
    return text if len(text) <= width else text[: width - 2] + ".."
