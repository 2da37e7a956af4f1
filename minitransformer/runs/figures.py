"""The figures of a classifier's run, and how figures are written to files."""

import io

import numpy as np

from minitransformer import plots
from minitransformer.data import pad
from minitransformer.functional import softmax
from minitransformer.runs.classify import encode
from minitransformer.storage import atomic_write

EXAMPLE_LENGTH, MAX_TOKENS = 16, 32


def draw(folder, model, texts, p, test):
    """Write confusion.png and, for a transformer, attention.png.

    attention.png shows the attention weights for a correctly classified test text of about 16
    tokens.

    Parameters
    ----------
    folder : RunFolder
    model : TransformerClassifier
    texts : Dataset
    p : (n, C) array
        Probabilities of the test texts.
    test : Score
        The score on the test texts.
    """
    figure = plots.confusion(test.confusion, texts.class_names)
    save_figure(figure, folder.path / "confusion.png")
    ids = encode(folder.tokenizer, texts.test.texts, folder.config.recipe)
    lengths = np.array([len(row) for row in ids])
    wrong = p.argmax(axis=1) != texts.test.labels
    chosen = int(np.lexsort((np.abs(lengths - EXAMPLE_LENGTH), wrong))[0])
    figure = attention_figure(folder, model, ids[chosen])
    if figure is not None:
        save_figure(figure, folder.path / "attention.png")


def attention_figure(folder, model, ids):
    """Heat maps of the heads of the last block, for one text; None if the model has no attention.

    Parameters
    ----------
    folder : RunFolder
    model : TransformerClassifier
    ids : (T,) int array
        At most the first 32 tokens are shown.
    """
    batch, _ = pad([ids])
    logits, cache = model.forward(batch)
    if not getattr(cache, "blocks", ()):
        return None
    P = cache.blocks[-1].attention.P[0, :, :MAX_TOKENS, :MAX_TOKENS]
    figure = plots.attention(P, [folder.tokenizer.tokens[i] for i in ids[:MAX_TOKENS]])
    p = softmax(logits)[0]
    label = folder.config.class_names[int(p.argmax())]
    figure.suptitle(f"{label}, {p.max():.3f}: attention of block {len(cache.blocks)}")
    return figure


def check_drawing():
    """Raise ValueError if no figure can be drawn; call it before doing the work.

    For instance, matplotlib cannot be imported if ``MPLBACKEND`` names no backend.
    """
    try:
        plots.blank(1, 1)
    except (ImportError, ValueError) as error:
        raise ValueError(f"matplotlib cannot draw figures: {error}") from error


def check_place(path, suffix=".png"):
    """Raise ValueError if no file can be written to `path`; call it before doing the work."""
    if path.suffix.lower() != suffix:
        raise ValueError(f"the file name must end in {suffix}, got {path.name!r}")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} to")


def save_figure(figure, path):
    """Write a figure as PNG, atomically."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    atomic_write(path, file.getvalue())
