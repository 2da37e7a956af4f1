"""Translating sentences from one language into another."""

from dataclasses import replace

import numpy as np

from minitransformer import data
from minitransformer.runs.bleu import INSTALL, available, bleu
from minitransformer.runs.progress import silent
from minitransformer.runs.recipes.translation import MULTI30K, PARALLEL, TranslationRecipe
from minitransformer.runs.results import draw_curves, save_results, what_next
from minitransformer.runs.tasks.encoder_decoder import EncoderDecoder, draw_cross_attention
from minitransformer.storage import write_text

JUDGED, TEST = "test_2016_flickr", "test"
SHOWN = 20
EXAMPLE_LENGTH = 12
MAX_HELD_OUT, HELD_OUT_FRACTION = 1000, 0.1
"""Maximum number and fraction of your own sentences for validation, and the same for testing."""


class Translation(EncoderDecoder):
    """Encoder and decoder translate: Multi30k, or your own pair of files."""

    name = "translation"
    recipes = {"multi30k": {"default": MULTI30K}, None: {"default": PARALLEL}}
    recipe_class = TranslationRecipe
    published = ("multi30k",)
    options = ("data", "target")

    def source(self, options):
        if options["target"] is not None and options["data"] is None:
            raise ValueError("target, a file of translations, needs data, the file of sources")
        return super().source(options)

    def checked(self, source):
        if source.file is not None and source.target is None:
            raise ValueError(
                "data, a file of sources, needs target, the file of translations; cut -f1 and "
                "cut -f2 make them from a table with tabs"
            )
        return super().checked(source)

    def read(self, source, recipe, data_dir=None, on_progress=silent):
        if not available():
            on_progress(f"sacrebleu is not installed, so there will be no BLEU: {INSTALL}")
        return super().read(source, recipe, data_dir, on_progress)

    def load(self, source, recipe, data_dir=None, on_progress=silent):
        if source.file is None:
            return data.load_multi30k(data_dir)
        return split(data.read_parallel(source.file, source.target), source.name)

    def parts_of(self, dataset):
        parts = {"train": dataset.train, "validation": dataset.validation, **dataset.tests}
        return {name: part.source for name, part in parts.items()}

    def restored(self, dataset, record, on_progress=silent):
        if dataset.tests.keys() != {TEST}:
            return super().restored(dataset, record, on_progress)
        parts = dataset.train, dataset.validation, dataset.tests[TEST]
        whole = data.Parallel(
            [text for part in parts for text in part.source],
            [text for part in parts for text in part.target],
        )
        chosen = record.pick(TEST, whole.source, on_progress)
        return replace(dataset, tests={TEST: _chosen(whole, chosen)})

    def load_file(self, folder, source, on_progress=silent):
        part = data.read_parallel(source.file, source.target)
        return part, part.source

    def evaluate_file(self, folder, model, part, seen, windows=None, on_progress=silent):
        figures, written = self._judge(folder, model, part, on_progress)
        if available() and seen is not None and seen.any() and not seen.all():
            rest = np.flatnonzero(~seen)
            unseen = bleu([written[i] for i in rest], [part.target[i] for i in rest])[0]
            figures |= {"BLEU": unseen, "BLEU on all sentences": figures["BLEU"]}
            on_progress(f"BLEU is for the {len(rest):,} sentences that the model has not seen")
        for line in figure_lines(TEST, figures):
            on_progress(line)
        return {f"{TEST} {key}": value for key, value in figures.items()}

    def build_tokenizer(self, dataset, recipe):
        texts = [*dataset.train.source, *dataset.train.target]
        return data.ByteLevelBPE.train(texts, recipe.merges)

    def parts(self, dataset):
        return [(part.source, part.target) for part in (dataset.train, dataset.validation)]

    def report(self, folder, model, dataset, began, on_progress=silent):
        name, test = judged(dataset)
        draw_curves(folder)
        figures, written = self._judge(folder, model, test, on_progress)
        write_text(folder.path / "translations.txt", "".join(f"{text}\n" for text in written))
        lengths = np.array([len(text.split()) for text in test.source])
        chosen = int(np.abs(lengths - EXAMPLE_LENGTH).argmin())
        draw_cross_attention(folder, model, test.source[chosen], written[chosen])
        results = {"test": name, **figures}
        seconds = save_results(folder, results, began)
        for line in [*examples(test, written), "", *figure_lines(name, figures)]:
            on_progress(line)
        on_progress(f"total time: {seconds:.0f} s")
        on_progress(what_next(folder, ("translate", test.source[chosen]), ("evaluate",)))
        return results

    def evaluate(self, folder, model, dataset, windows=None, on_progress=silent):
        results = {}
        for name, test in dataset.tests.items():
            figures, _ = self._judge(folder, model, test, on_progress)
            for line in figure_lines(name, figures):
                on_progress(line)
            results |= {f"{name} {key}": value for key, value in figures.items()}
        return results

    def _judge(self, folder, model, test, on_progress):
        """The scores by name, and the translations."""
        recipe = folder.config.recipe
        on_progress(f"translating {len(test):,} sentences, beam {recipe.beams} ...")
        written = self.write(
            model, folder.tokenizer, test.source, recipe.beams, recipe.length_penalty
        )
        if not available():
            return {"BLEU": f"not computed: {INSTALL}"}, written
        score, signature = bleu(written, test.target)
        return {"BLEU": score, "sacrebleu": signature}, written


def judged(dataset):
    """Name and sentences of the test set for the scores: the one of 2016, or else the first."""
    name = JUDGED if JUDGED in dataset.tests else next(iter(dataset.tests), None)
    if name is None:
        raise ValueError(f"the data set {dataset.name} has no test sentences")
    return name, dataset.tests[name]


def examples(test, written):
    """Lines with some sentences, and with their translations by the model and by people."""
    places = np.unique(np.linspace(0, len(test) - 1, SHOWN).round().astype(int))
    for i in places:
        yield f"\nsource     {test.source[i]}"
        yield f"model      {written[i]}"
        yield f"reference  {test.target[i]}"


def figure_lines(name, figures):
    """Lines with the scores on the test set called `name`."""
    for key, value in figures.items():
        value = f"{value:.2f}" if isinstance(value, float) else value
        yield f"{name} {key}: {value}"


def split(pairs, name):
    """Split your own sentences into three parts, which do not depend on the run's seed.

    Copies of a sentence stay together, even if their translations differ, so no sentence is in two
    parts.

    Parameters
    ----------
    pairs : Parallel
    name : str

    Returns
    -------
    ParallelDataset
        A tenth of the distinct sentences, at most 1,000, is for validation, and as many for
        testing.

    Raises
    ------
    ValueError
        If there are too few sentences for three parts.
    """
    copies = {}
    for i, source in enumerate(pairs.source):
        copies.setdefault(source, []).append(i)
    groups = list(copies.values())
    n = min(MAX_HELD_OUT, int(len(groups) * HELD_OUT_FRACTION))
    if n == 0:
        raise ValueError(f"{name} must have at least 10 different sentences, got {len(groups)}")
    order = np.random.default_rng(0).permutation(len(groups))
    test, validation, train = (
        _chosen(pairs, [i for group in part for i in groups[group]])
        for part in (order[:n], order[n : 2 * n], np.sort(order[2 * n :]))
    )
    return data.ParallelDataset(name, train, validation, {TEST: test})


def _chosen(pairs, rows):
    return data.Parallel([pairs.source[i] for i in rows], [pairs.target[i] for i in rows])
