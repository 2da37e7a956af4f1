"""The task of predicting the next token of a text."""

import math
from dataclasses import replace

from minitransformer import data, inference
from minitransformer.runs.progress import silent
from minitransformer.runs.recipes.language_model import NANOGPT, OURS, TEXT, LanguageModelRecipe
from minitransformer.runs.recipes.recipe import MEASURES
from minitransformer.runs.results import draw_curves, save_results, what_next
from minitransformer.runs.tasks.task import Prepared, Task
from minitransformer.runs.unknown_words import unknown_words
from minitransformer.storage import write_text

PROMPT, WRITTEN = 16, 400
"""Number of held-out tokens with which the sample begins, and of tokens that the model adds."""
TEMPERATURE = 0.8
VALIDATION = 20_000
"""Maximum number of characters to validate on."""
LONG_LINE = 20
"""Lines with fewer characters than this occur in many texts."""


class LanguageModel(Task):
    """A decoder predicts the next token of a text: tiny Shakespeare, or your own file."""

    name = "language-model"
    recipes = {"shakespeare": {"nanogpt": NANOGPT, "ours": OURS}, None: {"default": TEXT}}
    recipe_class = LanguageModelRecipe
    published = ("shakespeare",)
    options = ("data", "text_column", "table")

    def load(self, source, recipe, data_dir=None, on_progress=silent):
        if source.file is None:
            return data.load_shakespeare(data_dir)
        return data.load_text(
            source.file, source.text_column, options=source.table, on_note=on_progress
        )

    def parts_of(self, text):
        parts = {"train": text.train, "test": text.held_out}
        return {name: [part, *_lines_of(part)] for name, part in parts.items()}

    def load_file(self, folder, source, on_progress=silent):
        text = data.load_text(
            source.file, source.text_column, options=source.table, on_note=on_progress
        ).text
        return text, [line for line in _lines_of(text) if len(line) >= LONG_LINE]

    def evaluate_file(self, folder, model, text, seen, windows=None, on_progress=silent):
        return self._judge(folder, model, text, on_progress)

    def build_tokenizer(self, text, recipe):
        if recipe.tokenizer == "characters":  # an alphabet gives away no held-out text
            return data.CharacterTokenizer.build([text.text], specials=False)
        if recipe.tokenizer == "words":
            return data.WordTokenizer.build([text.train])
        return data.ByteLevelBPE.train([text.train], recipe.merges, specials=False)

    def prepare(self, text, tokenizer, recipe):
        train = tokenizer.encode(text.train)
        parts = [tokenizer.encode(part) for part in held_out_parts(text, recipe)]
        for ids in parts:
            if len(ids) < 2:
                raise ValueError(
                    f"the text must be longer: its last tenth, {len(text.held_out)} characters, is "
                    "held out, and has fewer than 2 tokens to validate on or to test on"
                )
        validation, test = parts
        summary = (
            f"{len(train):,} tokens to train on, {len(validation):,} to validate on, "
            f"{len(test):,} to test on"
            + unknown_words(tokenizer, [validation], "the held-out text")
        )
        return Prepared((train,), None if recipe.monitor == "off" else validation, summary)

    def report(self, folder, model, text, began, on_progress=silent):
        text = replace(text, held_out=held_out_parts(text, folder.config.recipe)[1])
        results = held_out_loss(folder, model, text.held_out)
        draw_curves(folder)
        prompt, written = sample(folder, model, text)
        write_text(folder.path / "sample.txt", prompt + written)
        seconds = save_results(folder, results, began)
        on_progress(f"\nwritten by the model after {prompt!r}:\n\n{prompt}{written}\n")
        for line in _lines(results):
            on_progress(line)
        on_progress(f"total time: {seconds:.0f} s")
        word = next(filter(str.isalpha, text.held_out.split()), prompt[:1])
        on_progress(what_next(folder, ("generate", word), ("evaluate",)))
        return results

    def evaluate(self, folder, model, text, windows=None, on_progress=silent):
        test = held_out_parts(text, folder.config.recipe)[1]
        return self._judge(folder, model, test, on_progress)

    def _judge(self, folder, model, held_out, on_progress):
        results = held_out_loss(folder, model, held_out)
        for line in _lines(results):
            on_progress(line)
        return results


def held_out_parts(text, recipe):
    """What is validated on and what is tested on, from the held-out end of a text.

    If validation decides which weights are kept, the two do not overlap. If it decides nothing, all
    of the held-out text is tested on.
    """
    cut = min(len(text.held_out) // 2, VALIDATION)
    tested = text.held_out[cut:] if recipe.monitor in MEASURES else text.held_out
    return text.held_out[:cut], tested


def _lines_of(text):
    """The lines of a text that are not blank."""
    return [line for line in map(str.strip, text.split("\n")) if line]


def _lines(results):
    yield f"held-out loss: {results['held-out loss']:.4f}"
    yield f"held-out perplexity: {results['held-out perplexity']:.3f}"


def held_out_loss(folder, model, held_out):
    """Mean cross-entropy (nats per token) of a text, and its exponential, by name.

    The whole text is read, in windows of `max_len` tokens that do not overlap.
    """
    scores = model.evaluate(folder.tokenizer.encode(held_out), return_dict=True)
    perplexity = scores["perplexity"]
    return {"held-out loss": math.log(perplexity), "held-out perplexity": perplexity}


def sample(folder, model, text):
    """The beginning of the held-out text, and the model's continuation of it."""
    tokenizer = folder.tokenizer
    prompt = tokenizer.encode(text.held_out)[:PROMPT]
    (ids,) = inference.generate(
        model, [prompt], max_new_tokens=WRITTEN, temperature=TEMPERATURE,
        seed=folder.config.seed, slide=True,
    )  # fmt: skip
    return tokenizer.decode(prompt), inference.continuation(tokenizer, prompt, ids)
