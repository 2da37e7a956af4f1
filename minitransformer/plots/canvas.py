"""Parts that the figures share: colours, an empty figure, and text for labels."""

from minitransformer.plots.glyphs import figure_class

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
HEAT = "Blues"


def blank(width, height, dpi=150):
    """An empty figure of `width` x `height` inches that belongs to no window."""
    return figure_class()(figsize=(width, height), layout="constrained", dpi=dpi)


def short(text, max_length):
    """`text` for matplotlib, truncated to `max_length` characters."""
    return literal(text if len(text) <= max_length else text[: max_length - 3] + "...")


def literal(text):
    """`text` for matplotlib, with dollar signs escaped so that they do not start a formula."""
    return text.replace("$", r"\$")


def signed():
    """The colours of signed numbers: blue below 0, white at 0, orange above it."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", [BLUE, "white", ORANGE])


def readable_on(colour):
    """Black or white, whichever has the higher contrast with an RGBA colour."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if (light + 0.05) ** 2 > 1.05 * 0.05 else "white"


def whole_ticks(axis):
    """Put ticks only at whole numbers: there is no layer, epoch or step 2.5."""
    axis.get_major_locator().set_params(integer=True, min_n_ticks=1)
