"""Reversing and copying strings of letters: a test of whether encoder and decoder work at all."""

from typing import NamedTuple

from minitransformer import data
from minitransformer.runs.progress import silent
from minitransformer.runs.recipes.translation import COPY, REVERSE, StringsRecipe
from minitransformer.runs.results import draw_curves, save_results, what_next
from minitransformer.runs.tasks.encoder_decoder import EncoderDecoder, draw_cross_attention

HELD_OUT, VALIDATION, SHOWN = 500, 100, 5
TRAINING_SEED, HELD_OUT_SEED = 0, 1


class Strings(NamedTuple):
    """Pairs (source, target) of strings. No string occurs in two of the three parts."""

    train: list
    validation: list
    held_out: list


class StringTask(EncoderDecoder):
    """The input is a string of letters, and there is exactly one right output string.

    Parameters
    ----------
    name : str
    draw : function
        Draws the pairs, such as :func:`~minitransformer.data.reverse_task`.
    recipe : StringsRecipe
    """

    recipe_class = StringsRecipe
    options = ()

    def __init__(self, name, draw, recipe):
        self.name, self.draw, self.recipes = name, draw, {name: {"default": recipe}}

    def load(self, source, recipe, data_dir=None, on_progress=silent):
        longest = {"max_length": recipe.longest}
        judged = self.draw(HELD_OUT_SEED, HELD_OUT + VALIDATION, held_out=True, **longest)
        train = self.draw(TRAINING_SEED, recipe.strings, **longest)
        return Strings(train, judged[HELD_OUT:], judged[:HELD_OUT])

    def build_tokenizer(self, strings, recipe):
        return data.CharacterTokenizer.build(source for source, _ in strings.train)

    def parts(self, strings):
        return [list(zip(*pairs, strict=True)) for pairs in (strings.train, strings.validation)]

    def report(self, folder, model, strings, began, on_progress=silent):
        written, results = self._judge(folder, model, strings, on_progress)
        draw_curves(folder)
        longest = max(range(SHOWN), key=lambda i: len(strings.held_out[i][0]))
        source = strings.held_out[longest][0]
        draw_cross_attention(folder, model, source, written[longest])
        seconds = save_results(folder, results, began)
        on_progress(f"total time: {seconds:.0f} s")
        on_progress(what_next(folder, ("translate", source), ("evaluate",)))
        on_progress(f"\n{_count(results)}")
        return results

    def evaluate(self, folder, model, strings, windows=None, on_progress=silent):
        _, results = self._judge(folder, model, strings, on_progress)
        on_progress(_count(results))
        return results

    def _judge(self, folder, model, strings, on_progress):
        """The model's output for each held-out source, and the number of outputs that are right."""
        sources, targets = zip(*strings.held_out, strict=True)
        written = self.write(model, folder.tokenizer, sources)
        on_progress("")
        for text, source, target in list(zip(written, sources, targets, strict=True))[:SHOWN]:
            wrong = "" if text == target else f"  (not {target})"
            on_progress(f"{source} -> {text}{wrong}")
        right = sum(text == target for text, target in zip(written, targets, strict=True))
        return written, {"held-out exact": right, "held-out": len(written)}


def _count(results):
    return f"held-out exact: {results['held-out exact']}/{results['held-out']}"


REVERSE_TASK = StringTask("reverse", data.reverse_task, REVERSE)
COPY_TASK = StringTask("copy", data.copy_task, COPY)
