"""Notebook 17: convolutions, pooling over windows, patches."""

import numpy as np

from minitransformer import functional
from minitransformer.exercises.catalogue.entries import backward
from minitransformer.exercises.catalogue.windows.cases import CONVOLVED, PATCHES, POOLED
from minitransformer.exercises.catalogue.windows.mistakes import (
    CONVOLUTION_MISTAKES,
    MAX_MISTAKES,
    by_shape,
    channels_first,
    places_in_text,
    spread,
    winners,
    without_adding,
)

CONVOLUTIONS = "17_convolutions"


EXERCISES = [
    backward(
        "conv1d_backward",
        ("dx", "dW", "db"),
        CONVOLUTIONS,
        (
            "A convolution is a linear layer on windows. Which tokens did place k of all windows "
            "read?",
            "With n windows, place k read x[:, k : k + (n - 1) * stride + 1 : stride]. dW[k] is "
            "that, transposed, times dy, summed over texts and windows.",
            "dx starts as zeros. For each k, add dy @ W[k].T to the same slice of dx. With padding "
            "'same', do it on x with zeros around it, and cut dx at the end.",
        ),
        variants=CONVOLVED,
        mistakes=CONVOLUTION_MISTAKES,
    ),
    backward(
        "conv2d_backward",
        ("dx", "dW", "db"),
        CONVOLUTIONS,
        (
            "It is conv1d_backward with windows that move along two axes.",
            "Place (k, l) of all windows read every stride-th row from k on, and every stride-th "
            "column from l on: one slice of x with two steps.",
            "For each (k, l): dW[k, l] is that slice times dy, summed over images and windows, and "
            "dy @ W[k, l].T is added to the same slice of dx.",
        ),
        variants=CONVOLVED,
        mistakes=CONVOLUTION_MISTAKES,
    ),
    backward(
        "max_pool1d_backward",
        ("dx",),
        CONVOLUTIONS,
        (
            "The winner of a window determined its result. It may win in several windows.",
            "For each place k of a window: where index == k, the gradient goes to token t * stride "
            "+ k.",
            "dx starts as zeros. For each k, add dy * (index == k) to dx[:, k : k + (n - 1) * "
            "stride + 1 : stride].",
        ),
        variants=POOLED,
        mistakes={
            "index is taken for a place in the text: it is a place in the window": places_in_text,
            "a second win overwrites the first: the gradients of all windows add up": (
                without_adding
            ),
            **MAX_MISTAKES,
        },
    ),
    backward(
        "max_pool2d_backward",
        ("dx",),
        CONVOLUTIONS,
        (
            "It is max_pool1d_backward with windows that move along two axes.",
            "index counts the places of a window row by row: place (k, l) is number k * L + l.",
            "For each (k, l), add dy * (index == k * L + l) to the rows from k on and the columns "
            "from l on, in steps of the stride.",
        ),
        variants=POOLED,
        mistakes=MAX_MISTAKES,
    ),
    backward(
        "avg_pool2d_backward",
        ("dx",),
        CONVOLUTIONS,
        (
            "Every entry of a window contributed equally to its mean.",
            "Each of the K * L entries of a window gets dy / (K * L).",
            "dx starts as zeros. For each place (k, l), add the share to the rows from k on and "
            "the columns from l on, in steps of the stride.",
        ),
        variants=POOLED,
        mistakes={
            "the mean's factor 1/(K L) is missing": lambda c: spread(c, 1.0),
            "divided by K: a window has K L entries": lambda c: spread(c, 1 / c.size[0]),
            "divided by L: a window has K L entries": lambda c: spread(c, 1 / c.size[1]),
            "divided by the number of windows: divide by the entries of one": lambda c: spread(
                c, 1 / np.prod(c.dy.shape[1:3])
            ),
            "the first entry of every window gets the gradient: share it out": lambda c: winners(
                c, np.zeros(c.dy.shape, int)
            ),
        },
    ),
    backward(
        "patchify_backward",
        ("dx",),
        CONVOLUTIONS,
        (
            "No number was changed, so every number of dy goes back to its pixel.",
            "Split the axes: (B, N, P) is (B, R/p, C/p, p, p, D). An image needs the order row of "
            "patches, row in the patch, column of patches, column in the patch, channel.",
            "dy.reshape(B, rows // p, columns // p, p, p, D).transpose(0, 1, 3, 2, 4, 5), then "
            "reshape to (B, rows, columns, D).",
        ),
        variants=PATCHES,
        mistakes={
            "a reshape alone: each patch becomes whole rows of the image": lambda c: c.dy.reshape(
                len(c.dy), c.rows, c.columns, -1
            ),
            "rows and columns are exchanged inside the patches": lambda c: by_shape(
                c, 1, 4, 2, 3, 5
            ),
            "the channels are taken for the first axis of a patch: they are the last": (
                channels_first
            ),
            "the patches are numbered column by column: they go row by row": lambda c: (
                functional.patchify_backward(
                    c.dy.reshape(len(c.dy), c.columns // c.size, c.rows // c.size, -1)
                    .swapaxes(1, 2)
                    .reshape(c.dy.shape),
                    c.size,
                    c.rows,
                    c.columns,
                )
            ),
        },
    ),
]
