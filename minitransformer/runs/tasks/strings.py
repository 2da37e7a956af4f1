"""Reversing and copying strings of letters: whether encoder and decoder work at all."""

from typing import NamedTuple

from minitransformer import data
from minitransformer.runs.recipes.translation import COPY, REVERSE, StringsRecipe
from minitransformer.runs.results import draw_curves, keep_results, say_what_next
from minitransformer.runs.tasks.encoder_decoder import EncoderDecoder, draw_cross_attention

HELD_OUT, VALIDATION, SHOWN = 500, 100, 5
TRAINING_SEED, HELD_OUT_SEED = 0, 1


class Strings(NamedTuple):
    """Pairs (source, target) of strings; those for validation and judging occur nowhere else."""

    train: list
    validation: list
    held_out: list


class StringTask(EncoderDecoder):
    """A string of letters goes in, another one comes out, known exactly.

    Parameters
    ----------
    name : str
    draw : function
        Of the pairs, such as :func:`~minitransformer.data.reverse_task`.
    recipe : StringsRecipe
    """

    recipe_class = StringsRecipe
    options = ()

    def __init__(self, name, draw, recipe):
        self.name, self.draw, self.recipes = name, draw, {name: {"default": recipe}}

    def load(self, source, recipe, data_dir=None):
        longest = {"max_length": recipe.longest}
        judged = self.draw(HELD_OUT_SEED, HELD_OUT + VALIDATION, held_out=True, **longest)
        train = self.draw(TRAINING_SEED, recipe.strings, **longest)
        return Strings(train, judged[HELD_OUT:], judged[:HELD_OUT])

    def build_tokenizer(self, strings, recipe):
        return data.CharacterTokenizer.build(source for source, _ in strings.train)

    def parts(self, strings):
        return [list(zip(*pairs, strict=True)) for pairs in (strings.train, strings.validation)]

    def report(self, folder, model, strings, began):
        written = self._judge(folder, model, strings)
        right = sum(text == target for text, (_, target) in written)
        draw_curves(folder)
        source = max(strings.held_out[:SHOWN], key=lambda pair: len(pair[0]))[0]
        draw_cross_attention(folder, model, source, written[0][0])
        seconds = keep_results(folder, {"held-out exact": right, "held-out": len(written)}, began)
        print(f"total time: {seconds:.0f} s")
        say_what_next(folder, ("translate", source), ("evaluate",))
        print(f"\nheld-out exact: {right}/{len(written)}")

    def evaluate(self, folder, model, strings, windows=None):
        written = self._judge(folder, model, strings)
        print(f"held-out exact: {sum(a == b for a, (_, b) in written)}/{len(written)}")

    def _judge(self, folder, model, strings):
        """What the model writes for each held-out pair, and the pair; prints some of them."""
        sources = [source for source, _ in strings.held_out]
        texts = self.write(model, folder.tokenizer, sources)
        written = list(zip(texts, strings.held_out, strict=True))
        print()
        for text, (source, target) in written[:SHOWN]:
            print(f"{source} -> {text}" + ("" if text == target else f"  (not {target})"))
        return written


REVERSE_TASK = StringTask("reverse", data.reverse_task, REVERSE)
COPY_TASK = StringTask("copy", data.copy_task, COPY)
