"""The end of a classifier's run: scores next to the baselines, figures, and what to run next."""

from minitransformer.data import UNLABELLED
from minitransformer.runs.baselines import baseline_accuracies
from minitransformer.runs.class_scores import MEASURES, class_scores, score_table
from minitransformer.runs.classify import Score, predictions, score
from minitransformer.runs.figures import draw
from minitransformer.runs.progress import silent
from minitransformer.runs.results import draw_curves, save_results, what_next


def report(folder, model, texts, began, on_progress=silent):
    """Judge the model on the test texts, draw the figures, and report the scores.

    Parameters
    ----------
    folder : RunFolder
    model : TransformerClassifier
        The trained model.
    texts : Dataset
    began : float
        ``time.perf_counter()`` when the run began.
    on_progress : function of str
        Receives the report, line by line.

    Returns
    -------
    dict of str to float
        The accuracies. In results.json, there are also the scores of each class.
    """
    config = folder.config
    found = predictions(model, folder.tokenizer, texts.test.texts, config.recipe, config.windows)
    test = Score.of(found, texts.test.labels)
    extra = extra_accuracies(folder, model, texts, config.windows)
    results = {"test accuracy": test.accuracy, **extra}
    draw_curves(folder)
    draw(folder, model, texts, found.p, test)
    on_progress("training the bag-of-words baselines ...")
    results |= baseline_accuracies(texts)
    scores = class_scores(test.confusion, texts.class_names)
    seconds = save_results(folder, results | saved(*scores), began)
    on_progress(f"\n{score_table(*scores)}\n")
    for name, accuracy in results.items():
        on_progress(f"{name}: {accuracy:.3f}")
    on_progress(f"total time: {seconds:.0f} s")
    on_progress(what_next(folder, ("predict", _example_text(texts)), ("evaluate",)))
    return results


def saved(classes, macro):
    """What results.json says about the classes: the macro means, and the scores of each class."""
    return {**{f"macro {name}": macro[name] for name in MEASURES}, "classes": classes}


def extra_accuracies(folder, model, texts, windows):
    """Accuracies, by name, on those extra parts of the data set whose labels are all known.

    Parameters
    ----------
    folder : RunFolder
    model : TransformerClassifier
    texts : Dataset
    windows : bool
        Whether to read all of a long text, in overlapping windows.
    """
    return {
        name: score(model, folder.tokenizer, part, folder.config.recipe, windows).accuracy
        for name, part in texts.extra.items()
        if len(part) and (part.labels != UNLABELLED).all()
    }


def _example_text(texts):
    """A short text to try."""
    if texts.name in ("reviews", "imdb"):
        return "The acting is not at all dull."
    return " ".join(min(texts.test.texts, key=len).split()[:12])
