"""The task of predicting the class of a text."""

from dataclasses import replace

import numpy as np

from minitransformer import data
from minitransformer.data import Vocabulary, load_imdb, load_reviews, load_table
from minitransformer.data.corpora.table_options import OLD
from minitransformer.runs import classifier_report, classify
from minitransformer.runs.class_scores import class_scores, confusion_table, score_table
from minitransformer.runs.progress import silent
from minitransformer.runs.recipes.classification import IMDB, REVIEWS, TABLE, ClassificationRecipe
from minitransformer.runs.tasks.task import Prepared, Task
from minitransformer.runs.unknown_words import unknown_words


class Classification(Task):
    """An encoder reads a text and predicts its class."""

    name = "classification"
    recipes = {
        "reviews": {"default": REVIEWS}, "imdb": {"default": IMDB}, None: {"default": TABLE},
    }  # fmt: skip
    recipe_class = ClassificationRecipe
    published = ("imdb",)
    options = (
        "data", "text_column", "label_column", "windows", "validation_data", "test_data", "table",
    )  # fmt: skip
    tokenizer_file = "vocab.txt"

    def checked(self, source):
        if source.file is not None and not (source.text_column and source.label_column):
            raise ValueError("a data file needs text_column and label_column")
        return super().checked(source)

    def load(self, source, recipe, data_dir=None, on_progress=silent):
        if source.file is not None:
            return load_table(
                source.file, source.text_column, source.label_column,
                validation_data=source.validation_file, test_data=source.test_file,
                options=source.table or OLD, on_note=on_progress,
            )  # fmt: skip
        return load_imdb(data_dir) if source.dataset == "imdb" else load_reviews()

    def parts_of(self, dataset):
        return {name: getattr(dataset, name).texts for name in ("train", "validation", "test")}

    def restored(self, dataset, record, on_progress=silent):
        parts = dataset.train, dataset.validation, dataset.test
        texts = [text for part in parts for text in part.texts]
        chosen = record.pick("test", texts, on_progress)
        labels = np.concatenate([part.labels for part in parts])[chosen]
        return replace(dataset, test=data.Split([texts[i] for i in chosen], labels))

    def load_file(self, folder, source, on_progress=silent):
        part = data.load_labelled(
            source.file, source.text_column, source.label_column, folder.config.class_names,
            options=source.table or OLD, on_note=on_progress,
        )  # fmt: skip
        return part, part.texts

    def class_names(self, dataset):
        return tuple(dataset.class_names)

    def build_tokenizer(self, dataset, recipe):
        return Vocabulary.build(dataset.train.texts, recipe.vocab_size, recipe.min_count)

    def load_tokenizer(self, path):
        return Vocabulary.load(path)

    def prepare(self, dataset, tokenizer, recipe):
        x, val_x = (
            classify.encode(tokenizer, part.texts, recipe)
            for part in (dataset.train, dataset.validation)
        )
        return Prepared(
            (x, dataset.train.labels),
            (val_x, dataset.validation.labels),
            f"{len(x):,} texts to train on, {len(val_x):,} to validate on"
            + unknown_words(tokenizer, val_x, "the validation texts")
            + classify.cut_texts(
                tokenizer,
                dataset.train.texts,
                x,
                recipe,
                "training texts",
                "a larger --max-len reads more of them",
            ),  # fmt: skip
        )

    def report(self, folder, model, dataset, began, on_progress=silent):
        return classifier_report.report(folder, model, dataset, began, on_progress)

    def evaluate_file(self, folder, model, part, seen, windows=None, on_progress=silent):
        windows = folder.config.windows if windows is None else windows
        found = classify.predictions(
            model, folder.tokenizer, part.texts, folder.config.recipe, windows
        )
        _remarks(folder, part, windows, on_progress)
        shown = whole = classify.Score.of(found, part.labels)
        more = {}
        if seen is not None and seen.all():
            on_progress("warning: the model has seen all of them: this is not what new texts get")
        elif seen is not None and seen.any():
            on_progress(
                f"the scores are for the {(~seen).sum():,} texts that the model has not seen"
            )
            shown = classify.Score.of(found.of(~seen), part.labels[~seen])
            more = {"loss on all texts": whole.loss, "accuracy on all texts": whole.accuracy}
        results = {"test loss": shown.loss, "test accuracy": shown.accuracy, **more}
        for name, value in results.items():
            on_progress(f"{name}: {value:.{4 if 'loss' in name else 3}f}")
        return results | _shown(shown.confusion, folder.config.class_names, on_progress)

    def evaluate(self, folder, model, dataset, windows=None, on_progress=silent):
        config = folder.config
        windows = config.windows if windows is None else windows
        test = classify.score(model, folder.tokenizer, dataset.test, config.recipe, windows)
        extra = classifier_report.extra_accuracies(folder, model, dataset, windows)
        _remarks(folder, dataset.test, windows, on_progress)
        on_progress(f"test loss: {test.loss:.4f}")
        on_progress(f"test accuracy: {test.accuracy:.3f}")
        for name, accuracy in extra.items():
            on_progress(f"{name}: {accuracy:.3f}")
        scores = _shown(test.confusion, dataset.class_names, on_progress)
        return {"test loss": test.loss, "test accuracy": test.accuracy, **extra, **scores}


def _remarks(folder, part, windows, on_progress):
    """Say how many words are unknown, and how many texts are cut."""
    tokenizer, recipe = folder.tokenizer, folder.config.recipe
    ids = classify.encode(tokenizer, part.texts, recipe)
    lines = unknown_words(tokenizer, ids, "these texts")
    if not windows:
        lines += classify.cut_texts(
            tokenizer, part.texts, ids, recipe, "texts", "--windows reads them whole"
        )
    for line in lines.split("\n")[1:]:
        on_progress(line)


def _shown(confusion, class_names, on_progress):
    """Show the scores of each class and the confusion matrix; return the former."""
    scores = class_scores(confusion, class_names)
    on_progress(f"\n{score_table(*scores)}\n\n{confusion_table(confusion, class_names)}")
    return classifier_report.saved(*scores)
