"""A model as a table of its layers, with the shapes and the number of their parameters."""


def rows_of(model):
    """The layers that own parameters, in order.

    Returns
    -------
    list of (str, str, str, int)
        Dotted name, class, parameters with their shapes, and number of parameters.
    """
    groups = {}
    for name, parameter in model.parameters().items():
        layer, _, own = name.rpartition(".")
        groups.setdefault(layer, []).append((own, parameter))
    return [
        (
            layer or "(model)",
            type(find(model, layer)).__name__,
            ", ".join(f"{own} {tuple(p.shape)}" for own, p in members),
            sum(p.size for _, p in members),
        )
        for layer, members in groups.items()
    ]


def find(model, path):
    """The layer at a dotted name such as ``blocks.0.attention``; the model itself at ``""``."""
    for step in path.split(".") if path else ():
        model = model[int(step)] if step.isdigit() else getattr(model, step)
    return model


def table(model):
    """The summary as text.

    Parameters
    ----------
    model : Trainable
        The model to summarise.

    Returns
    -------
    str
    """
    rows = [(*texts, f"{count:,}") for *texts, count in rows_of(model)]
    rows.insert(0, ("layer", "type", "parameters", "count"))
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    lines = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}"
        for a, b, c, d in rows
    ]
    rule = "-" * len(lines[0])
    values = model.flat.values
    total = f"total: {values.size:,} parameters, {values.nbytes / 1e6:,.1f} MB of {values.dtype}"
    return "\n".join([type(model).__name__, rule, lines[0], rule, *lines[1:], rule, total])
