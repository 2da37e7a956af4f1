"""Sentences of one language into another."""

import numpy as np

from minitransformer import data
from minitransformer.runs.bleu import INSTALL, available, bleu
from minitransformer.runs.recipes.translation import MULTI30K, PARALLEL, TranslationRecipe
from minitransformer.runs.results import draw_curves, keep_results, say_what_next
from minitransformer.runs.tasks.encoder_decoder import EncoderDecoder, draw_cross_attention
from minitransformer.storage import write_text

JUDGED = "test_2016_flickr"
SHOWN = 20
EXAMPLE_LENGTH = 12
MAX_HELD_OUT, SHARE_HELD_OUT = 1000, 0.1
"""How much of one's own sentences validates, and how much judges."""


class Translation(EncoderDecoder):
    """Encoder and decoder translate: Multi30k, or one's own pair of files."""

    name = "translation"
    recipes = {"multi30k": {"default": MULTI30K}, None: {"default": PARALLEL}}
    recipe_class = TranslationRecipe
    published = ("multi30k",)
    options = ("data", "target")

    def source(self, options):
        if options["target"] is not None and options["data"] is None:
            raise ValueError("--target FILE belongs to --data FILE, which is missing")
        return super().source(options)

    def checked(self, source):
        if source.file is not None and source.target is None:
            raise ValueError("--data FILE, the sources, needs --target FILE, their translations")
        return super().checked(source)

    def load(self, source, recipe, data_dir=None):
        if not available():
            print(f"sacrebleu is not installed, so there will be no BLEU: {INSTALL}", flush=True)
        if source.file is None:
            return data.load_multi30k(data_dir)
        return split(data.read_parallel(source.file, source.target), source.name)

    def build_tokenizer(self, dataset, recipe):
        texts = [*dataset.train.source, *dataset.train.target]
        return data.ByteLevelBPE.train(texts, recipe.merges)

    def parts(self, dataset):
        return [(part.source, part.target) for part in (dataset.train, dataset.validation)]

    def report(self, folder, model, dataset, began):
        name, test = judged(dataset)
        draw_curves(folder)
        results, written = self._judge(folder, model, test)
        write_text(folder.path / "translations.txt", "".join(f"{text}\n" for text in written))
        lengths = np.array([len(text.split()) for text in test.source])
        chosen = int(np.abs(lengths - EXAMPLE_LENGTH).argmin())
        draw_cross_attention(folder, model, test.source[chosen], written[chosen])
        seconds = keep_results(folder, {"test": name, **results}, began)
        show(test, written)
        print()
        show_figures(name, results)
        print(f"total time: {seconds:.0f} s")
        say_what_next(folder, ("translate", test.source[chosen]), ("evaluate",))

    def evaluate(self, folder, model, dataset, windows=None):
        for name, test in dataset.tests.items():
            results, _ = self._judge(folder, model, test)
            show_figures(name, results)

    def _judge(self, folder, model, test):
        """Figures of merit by name, and the translations."""
        recipe = folder.config.recipe
        print(f"translating {len(test):,} sentences, beam {recipe.beams} ...", flush=True)
        written = self.write(
            model, folder.tokenizer, test.source, recipe.beams, recipe.length_penalty
        )
        if not available():
            return {"BLEU": f"not computed: {INSTALL}"}, written
        score, signature = bleu(written, test.target)
        return {"BLEU": score, "sacrebleu": signature}, written


def judged(dataset):
    """Name and sentences of the test that counts: that of 2016, or the first there is."""
    name = JUDGED if JUDGED in dataset.tests else next(iter(dataset.tests), None)
    if name is None:
        raise ValueError(f"the data set {dataset.name} has no test sentences")
    return name, dataset.tests[name]


def show(test, written):
    """Print some sentences, their translations by the model and by people."""
    places = np.unique(np.linspace(0, len(test) - 1, SHOWN).round().astype(int))
    for i in places:
        print(f"\nsource     {test.source[i]}")
        print(f"model      {written[i]}")
        print(f"reference  {test.target[i]}")


def show_figures(name, results):
    """Print the figures of merit on the test called `name`."""
    for key, value in results.items():
        value = f"{value:.2f}" if isinstance(value, float) else value
        print(f"{name} {key}: {value}")


def split(pairs, name):
    """One's own sentences in three parts, which do not depend on the run's seed.

    Copies of a sentence stay together, whatever their translations: none is in two parts.

    Parameters
    ----------
    pairs : Parallel
    name : str

    Returns
    -------
    ParallelDataset
        A tenth of the different sentences validates and a tenth is the test, at most 1,000 each.

    Raises
    ------
    ValueError
        If there are too few sentences for three parts.
    """
    copies = {}
    for i, source in enumerate(pairs.source):
        copies.setdefault(source, []).append(i)
    groups = list(copies.values())
    n = min(MAX_HELD_OUT, int(len(groups) * SHARE_HELD_OUT))
    if n == 0:
        raise ValueError(f"{name} has {len(groups)} different sentences, at least 10 are needed")
    order = np.random.default_rng(0).permutation(len(groups))
    test, validation, train = (
        _chosen(pairs, [i for group in part for i in groups[group]])
        for part in (order[:n], order[n : 2 * n], np.sort(order[2 * n :]))
    )
    return data.ParallelDataset(name, train, validation, {"test": test})


def _chosen(pairs, rows):
    return data.Parallel([pairs.source[i] for i in rows], [pairs.target[i] for i in rows])
