"""The class of a text."""

from minitransformer.runs import classifier_report as report, classify as texts
from minitransformer.runs.recipes.classification import IMDB, REVIEWS, TABLE, ClassificationRecipe
from minitransformer.runs.tasks.task import Prepared, Task
from minitransformer.data import UNLABELLED, Vocabulary, load_imdb, load_reviews, load_table
from minitransformer.models import TransformerClassifier


class Classification(Task):
    """An encoder reads a text and says its class."""

    name = "classification"
    recipes = {
        "reviews": {"default": REVIEWS}, "imdb": {"default": IMDB}, None: {"default": TABLE},
    }  # fmt: skip
    recipe_class = ClassificationRecipe
    published = ("imdb",)
    options = ("data", "text_column", "label_column", "windows")
    tokenizer_file = "vocab.txt"
    model_class = TransformerClassifier

    def source(self, options):
        if options["data"] is None and (options["text_column"] or options["label_column"]):
            raise ValueError(
                "--text-column and --label-column belong to --data FILE, which is missing"
            )
        return super().source(options)

    def checked(self, source):
        if source.file is not None and not (source.text_column and source.label_column):
            raise ValueError("a data file needs --text-column and --label-column")
        return super().checked(source)

    def load(self, source, recipe, data_dir=None):
        if source.file is not None:
            return load_table(source.file, source.text_column, source.label_column)
        return load_imdb(data_dir) if source.dataset == "imdb" else load_reviews()

    def class_names(self, dataset):
        return tuple(dataset.class_names)

    def build_tokenizer(self, dataset, recipe):
        return Vocabulary.build(dataset.train.texts, recipe.vocab_size, recipe.min_count)

    def load_tokenizer(self, path):
        return Vocabulary.load(path)

    def prepare(self, dataset, tokenizer, recipe):
        x, val_x = (
            texts.encode(tokenizer, part.texts, recipe)
            for part in (dataset.train, dataset.validation)
        )
        return Prepared(
            (x, dataset.train.labels),
            (val_x, dataset.validation.labels),
            f"{len(x):,} texts to train on, {len(val_x):,} to validate on, "
            f"{len(tokenizer):,} words",
        )

    def report(self, folder, model, dataset, began):
        report.report(folder, model, dataset, began)

    def evaluate(self, folder, model, dataset, windows=None):
        config, vocabulary = folder.config, folder.tokenizer
        windows = config.windows if windows is None else windows
        test = texts.score(model, vocabulary, dataset.test, config.recipe, windows)
        print(f"test loss: {test.loss:.4f}")
        print(f"test accuracy: {test.accuracy:.3f}")
        for name, part in dataset.extra.items():
            if len(part) and (part.labels != UNLABELLED).all():
                result = texts.score(model, vocabulary, part, config.recipe, windows)
                print(f"{name}: {result.accuracy:.3f}")
        print(f"\n{texts.confusion_table(test.confusion, dataset.class_names)}")
