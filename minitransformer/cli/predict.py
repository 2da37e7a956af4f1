"""`predict`: the class of a text, and the words that attention and gradient point at."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from minitransformer import interpret
from minitransformer.backend import choose_device
from minitransformer.cli.standard_input import given_lines
from minitransformer.data import pad
from minitransformer.runs.classify import encode, pieces_of, probabilities
from minitransformer.runs.figures import attention_figure, check_place, save_figure
from minitransformer.runs.run_folder import RunFolder

TOP = 5


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
        """The words with the largest magnitudes, each with its score."""
        order = np.argsort(-np.abs(scores), kind="stable")[:TOP]
        return [(self.tokens[i], float(scores[i])) for i in order]


def predict(
    run: Annotated[Path, typer.Argument(help="Folder that train wrote.", show_default=False)],
    texts: Annotated[
        list[str] | None,
        typer.Argument(help="Texts in quotes; without any, one a line from standard input."),
    ] = None,
    windows: Annotated[
        bool | None,
        typer.Option(
            "--windows/--no-windows",
            help="Read long texts whole, in overlapping windows. By default as in training.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the attention on one text into this .png file.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="cpu, gpu, or auto: the GPU where one can be used.")
    ] = "cpu",
):
    """Classify texts, and show the words that attention and gradient point at."""
    folder = RunFolder.open(run, "classification")
    model = folder.load_model().to(choose_device(device))
    given = texts or given_lines("text")
    for number, text in enumerate(given, start=1):
        if not text.strip():
            raise ValueError(f"text {number} is empty: every text needs at least one word")
    if figure is not None and len(given) > 1:
        raise ValueError(f"--figure draws one text, and {len(given)} were given")
    if figure is not None:
        check_place(figure)
    windows = folder.config.windows if windows is None else windows
    for prediction in explain(folder, model, given, windows):
        if as_json:
            print(json.dumps(prediction.as_dict(), ensure_ascii=False))
        else:
            show(prediction)
    if figure is not None:
        draw(folder, model, given[0], figure)


def draw(folder, model, text, path):
    """Write a picture of the attention of the last block on `text`."""
    ids = encode(folder.tokenizer, [text], folder.config.recipe)[0]
    picture = attention_figure(folder, model, ids)
    if picture is None:
        raise ValueError("the model has no block (n_layers = 0), so there is no attention to draw")
    save_figure(picture, path)


def explain(folder, model, texts, windows):
    """A :class:`Prediction` for each text.

    Parameters
    ----------
    folder : RunFolder
    model : TransformerClassifier
    texts : list of str
    windows : bool
    """
    vocabulary, recipe = folder.tokenizer, folder.config.recipe
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


def show(prediction):
    """Print a prediction; on a terminal the words are coloured by their gradient."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, emoji=False)
    label, p = prediction.label, prediction.probabilities.max()
    body = coloured(prediction) if console.is_terminal else " ".join(prediction.text.split())
    console.print(f"{label}  {p:.3f}  ", end="", markup=False, style="bold")
    console.print(body, markup=False)
    received = prediction.strongest(prediction.attention)
    console.print("  attention:", *(f"{w} {a:.2f}" for w, a in received), sep="  ", markup=False)
    pushed = prediction.strongest(prediction.gradient)
    console.print("  gradient: ", *(f"{w} {g:+.2f}" for w, g in pushed), sep="  ", markup=False)


def coloured(prediction):
    """The tokens on grounds that show their gradient: orange speaks for the label, blue against."""
    from rich.text import Text

    strongest = np.abs(prediction.gradient).max() or 1.0
    text = Text()
    for token, share in zip(prediction.tokens, prediction.gradient / strongest, strict=True):
        full = (213, 94, 0) if share > 0 else (0, 114, 178)
        ground = (round(255 - abs(share) * 0.75 * (255 - channel)) for channel in full)
        text.append(f" {token} ", style="black on rgb({},{},{})".format(*ground))
    return text
