"""The end of a classifier's run: scores beside the baselines, figures, and what to do next."""

from minitransformer.runs.baselines import baseline_accuracies
from minitransformer.runs.figures import draw
from minitransformer.runs.results import draw_curves, keep_results, say_what_next
from minitransformer.runs.classify import Score, probabilities, score
from minitransformer.data import UNLABELLED


def report(folder, model, texts, began):
    """Judge the model on the test texts, draw the figures, print the fixed lines.

    Parameters
    ----------
    folder : RunFolder
    model : TransformerClassifier
        Trained.
    texts : Dataset
    began : float
        ``time.perf_counter()`` when the command began.
    """
    config = folder.config
    p = probabilities(model, folder.tokenizer, texts.test.texts, config.recipe, config.windows)
    test = Score.of(p, texts.test.labels)
    results = {"test accuracy": test.accuracy, **_extra(folder, model, texts)}
    draw_curves(folder)
    draw(folder, model, texts, p, test)
    print("training the bag-of-words baselines ...", flush=True)
    results |= baseline_accuracies(texts)
    seconds = keep_results(folder, results, began)
    print()
    for name, accuracy in results.items():
        print(f"{name}: {accuracy:.3f}")
    print(f"total time: {seconds:.0f} s")
    say_what_next(folder, ("predict", _example_text(texts)), ("evaluate",))


def _extra(folder, model, texts):
    """Accuracies on the further parts of the data set whose classes are known."""
    config = folder.config
    return {
        name: score(model, folder.tokenizer, part, config.recipe, config.windows).accuracy
        for name, part in texts.extra.items()
        if len(part) and (part.labels != UNLABELLED).all()
    }


def _example_text(texts):
    """A short text to try."""
    own = "The acting is not at all dull."
    if texts.name in ("reviews", "imdb"):
        return own
    return " ".join(min(texts.test.texts, key=len).split()[:12])
