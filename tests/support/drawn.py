"""What the tests of figures share: words, and a figure as numbers."""

import io

TOKENS = ["not", "at", "all", "dull", "$5", "$", "unforgettably"]


def pixels(figure):
    """The figure as a PNG: (height, width, 4), where 1 is white."""
    from matplotlib.image import imread

    file = io.BytesIO()
    figure.savefig(file, format="png")
    return imread(io.BytesIO(file.getvalue()))
