"""What the figures share: colours, an empty figure, and texts as labels."""

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
HEAT = "Blues"


def blank(width, height, dpi=150):
    """An empty figure of `width` x `height` inches that belongs to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=dpi)


def short(text, most):
    return literal(text if len(text) <= most else text[: most - 3] + "...")


def literal(text):
    """`text` for matplotlib, which would read a pair of dollar signs as a formula."""
    return text.replace("$", r"\$")
