"""Explain a classifier's prediction by the words with the most attention and largest gradients."""

from dataclasses import dataclass

import numpy as np

from minitransformer import interpret
from minitransformer.data import pad
from minitransformer.runs.classify import encode, pieces_of, probabilities
from minitransformer.runs.figures import attention_figure, save_figure

TOP = 5
"""Number of words that :meth:`Prediction.strongest` returns."""


@dataclass(frozen=True)
class Prediction:
    """A text's probabilities (C,), its tokens, and two scores for each token (T,)."""

    text: str
    probabilities: np.ndarray
    class_names: tuple
    tokens: tuple
    attention: np.ndarray
    gradient: np.ndarray

    @property
    def label(self):
        """The name of the most probable class."""
        return self.class_names[int(self.probabilities.argmax())]

    def as_dict(self):
        """Plain values, for JSON."""
        p = [round(float(x), 6) for x in self.probabilities]
        words = zip(self.tokens, self.attention, self.gradient, strict=True)
        return {
            "text": self.text,
            "label": self.label,
            "probability": max(p),
            "probabilities": dict(zip(self.class_names, p, strict=True)),
            "words": [
                {"word": word, "attention": round(float(a), 6), "gradient": round(float(g), 6)}
                for word, a, g in words
            ],
        }

    def strongest(self, scores):
        """The words whose `scores`, (T,), have the largest magnitudes, each with its score."""
        order = np.argsort(-np.abs(scores), kind="stable")[:TOP]
        return [(self.tokens[i], float(scores[i])) for i in order]


def explain(folder, model, texts, windows=None):
    """A :class:`Prediction` for each text.

    Parameters
    ----------
    folder : RunFolder
        A run of the task classification.
    model : TransformerClassifier
        The result of ``folder.load_model()``, on any device. It is moved to the host.
    texts : list of str
    windows : bool, optional
        Whether to read all of a long text, in overlapping windows, and average over them. The
        default is the run's setting.

    Yields
    ------
    Prediction
        One per text, in the order of the texts.
    """
    vocabulary, recipe = folder.tokenizer, folder.config.recipe
    windows = folder.config.windows if windows is None else windows
    every = probabilities(model, vocabulary, texts, recipe, windows)
    model.to("numpy")  # the caches of single texts are read on the host
    for text, p in zip(texts, every, strict=True):
        ids, places = pieces_of(vocabulary, text, recipe, windows)
        scores, visits = np.zeros((2, len(ids))), np.zeros(len(ids))
        for place in places:
            batch, _ = pad([ids[place]])
            _, cache = model.forward(batch)
            if cache.blocks:
                scores[0, place] += interpret.attention_received(model, cache)[0]
            scores[1, place] += interpret.gradient_x_input(model, cache, [int(p.argmax())])[0]
            visits[place] += 1
        tokens = tuple(vocabulary.tokens[i] for i in ids)
        yield Prediction(text, p, folder.config.class_names, tokens, *(scores / visits))


def draw(folder, model, text, path):
    """Draw the attention weights of the last block for one text, as a PNG file.

    Parameters
    ----------
    folder : RunFolder
    model : TransformerClassifier
    text : str
    path : Path
        The file to write.

    Raises
    ------
    ValueError
        If the model has no block.
    """
    ids = encode(folder.tokenizer, [text], folder.config.recipe)[0]
    figure = attention_figure(folder, model, ids)
    if figure is None:
        raise ValueError("the model has no block (n_layers = 0), so there is no attention to draw")
    save_figure(figure, path)
