"""Parts that the figures share: colours, an empty figure, and text for labels."""

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
HEAT = "Blues"


def blank(width, height, dpi=150):
    """An empty figure of `width` x `height` inches that belongs to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=dpi)


def short(text, max_length):
    """`text` for matplotlib, truncated to `max_length` characters."""
    return literal(text if len(text) <= max_length else text[: max_length - 3] + "...")


def literal(text):
    """`text` for matplotlib, with dollar signs escaped so that they do not start a formula."""
    return text.replace("$", r"\$")
