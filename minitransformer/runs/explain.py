"""Explain a classifier's prediction by what each word contributes to it, and by attention."""

from dataclasses import dataclass

import numpy as np

from minitransformer import interpret
from minitransformer.data import pad, tokenize
from minitransformer.runs.classify import cleaned, encode, pieces_of, probabilities
from minitransformer.runs.figures import attention_figure, save_figure

TOP = 5
"""Number of words that :meth:`Prediction.strongest` returns."""
STEPS = (16, 64, 256)
"""Numbers of nodes for integrated gradients; the next is used if the sum is not complete."""
MAX_GAP = 0.01
"""A sum is complete if it misses at most this fraction of the contributions' magnitudes."""


@dataclass(frozen=True)
class Prediction:
    """A text's probabilities, and, if it was explained, two scores for each of its tokens.

    Attributes
    ----------
    text : str
    probabilities : (C,) array
    class_names : tuple of C str
    unknown : tuple of str
        The words of the text that the model does not know. It reads "<unk>" in their place.
    words : int
        Number of words of the text; punctuation does not count.
    tokens : tuple of T str
        What the model reads. Empty if the prediction is not explained, like the arrays below.
    attention : (T,) array
        The attention that each token receives; 0 if the model has none.
    contributions : (T,) array
        By integrated gradients: what each token adds to the lead of the predicted class, which is
        its logit minus the mean of the other logits. Positive numbers speak for the class.
    gap : float
        What the contributions add up to, minus what they should: the difference between the lead
        for this text and that for a text without words.
    cut : int
        Number of tokens in a long text that the model does not read.
    """

    text: str
    probabilities: np.ndarray
    class_names: tuple
    unknown: tuple = ()
    words: int = 0
    tokens: tuple = ()
    attention: np.ndarray = ()
    contributions: np.ndarray = ()
    gap: float = 0.0
    cut: int = 0

    @property
    def label(self):
        """The name of the most probable class."""
        return self.class_names[int(self.probabilities.argmax())]

    @property
    def complete(self):
        """Whether the contributions add up to what they should, nearly."""
        return abs(self.gap) <= MAX_GAP * np.abs(self.contributions).sum()

    def as_dict(self):
        """Plain values, for JSON."""
        p = [round(float(x), 6) for x in self.probabilities]
        words = zip(self.tokens, self.attention, self.contributions, strict=True)
        values = {
            "text": self.text,
            "label": self.label,
            "probability": max(p),
            "probabilities": dict(zip(self.class_names, p, strict=True)),
            "unknown": list(self.unknown),
            "cut": self.cut,
        }
        if not self.tokens:
            return values
        return values | {
            "words": [
                {"word": word, "attention": round(float(a), 6), "contribution": round(float(c), 6)}
                for word, a, c in words
            ],
            "gap": round(self.gap, 6),
        }

    def strongest(self, scores):
        """The words whose `scores`, (T,), have the largest magnitudes, each with its score."""
        order = np.argsort(-np.abs(scores), kind="stable")[:TOP]
        return [(self.tokens[i], float(scores[i])) for i in order]


def explain(folder, model, texts, windows=None, *, words=True):
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
    words : bool
        Whether to compute what each word contributes. That takes much longer than the prediction.

    Yields
    ------
    Prediction
        One per text, in the order of the texts.
    """
    vocabulary, recipe = folder.tokenizer, folder.config.recipe
    windows = folder.config.windows if windows is None else windows
    cleaner = [cleaned(folder.config.source, text) for text in texts]
    every = probabilities(model, vocabulary, cleaner, recipe, windows)
    model.to("numpy")  # the caches of single texts are read on the host
    for original, text, p in zip(texts, cleaner, every, strict=True):
        words_read = tokenize(text, vocabulary.version)
        read = [word for word in words_read if any(map(str.isalnum, word))]
        unknown = tuple(word for word in read if word not in vocabulary)
        cut = 0 if windows else max(0, len(words_read) - recipe.max_len)
        found = [original, p, folder.config.class_names, unknown, len(read)]
        if words:
            ids, places = pieces_of(vocabulary, text, recipe, windows)
            found.append(tuple(vocabulary.tokens[i] for i in ids))
            found += _scores(model, ids, places, int(p.argmax()))
        yield Prediction(*found, cut=cut)


def _scores(model, ids, places, label):
    """Attention (T,), contributions (T,) and gap, as means over the pieces that are read."""
    scores, visits, gaps = np.zeros((2, len(ids))), np.zeros(len(ids)), []
    for place in places:
        batch, _ = pad([ids[place]])
        _, cache = model.forward(batch)
        if getattr(cache, "blocks", ()):
            scores[0, place] += interpret.attention_received(model, cache)[0]
        contributions, gap = _contributions(model, cache, label)
        scores[1, place] += contributions
        gaps.append(gap)
        visits[place] += 1
    return *(scores / visits), float(np.mean(gaps))


def _contributions(model, cache, label):
    """Contributions (T,) to the lead of a class, and their gap, with as few nodes as suffice."""
    for steps in STEPS:
        tokens, gap = interpret.integrated_gradients(model, cache, [label], steps=steps)
        if abs(gap[0]) <= MAX_GAP * np.abs(tokens).sum():
            break
    return tokens[0], float(gap[0])


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
        If the model has no attention.
    """
    text = cleaned(folder.config.source, text)
    ids = encode(folder.tokenizer, [text], folder.config.recipe)[0]
    figure = attention_figure(folder, model, ids)
    if figure is None:
        raise ValueError("the model has no attention to draw")
    save_figure(figure, path)
