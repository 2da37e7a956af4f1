"""What comes next in a text."""

import math

from minitransformer import data, inference, models
from minitransformer.runs.recipes.language_model import NANOGPT, OURS, TEXT, LanguageModelRecipe
from minitransformer.runs.results import draw_curves, keep_results, say_what_next
from minitransformer.runs.tasks.task import Prepared, Task
from minitransformer.storage import write_text

PROMPT, WRITTEN = 16, 400
"""Tokens of the held-out text that the sample begins with, and that it goes on with."""
TEMPERATURE = 0.8


class LanguageModel(Task):
    """A decoder gives the next token of a text: tiny Shakespeare, or one's own file."""

    name = "language-model"
    recipes = {"shakespeare": {"nanogpt": NANOGPT, "ours": OURS}, None: {"default": TEXT}}
    recipe_class = LanguageModelRecipe
    published = ("shakespeare",)

    @property
    def model_class(self):
        return models.GPT

    def load(self, source, recipe, data_dir=None):
        return data.load_shakespeare(source.file or data_dir)

    def build_tokenizer(self, text, recipe):
        if recipe.tokenizer == "characters":  # an alphabet gives nothing away
            return data.CharacterTokenizer.build([text.text], specials=False)
        if recipe.tokenizer == "words":
            return data.WordTokenizer.build([text.train])
        return data.ByteLevelBPE.train([text.train], recipe.merges, specials=False)

    def prepare(self, text, tokenizer, recipe):
        train, held_out = (tokenizer.encode(part) for part in (text.train, text.held_out))
        words = (
            f"{len(train):,} tokens to train on, {len(held_out):,} held out, "
            f"{len(tokenizer):,} different ones"
        )
        return Prepared((train,), None, words)

    def report(self, folder, model, text, began):
        loss, perplexity = held_out_loss(folder, model, text)
        draw_curves(folder)
        prompt, written = sample(folder, model, text)
        write_text(folder.path / "sample.txt", prompt + written)
        seconds = keep_results(
            folder, {"held-out loss": loss, "held-out perplexity": perplexity}, began
        )
        print(f"\nwritten by the model, to go on from {prompt!r}:\n\n{prompt}{written}\n")
        print(f"held-out loss: {loss:.4f}")
        print(f"held-out perplexity: {perplexity:.3f}")
        print(f"total time: {seconds:.0f} s")
        word = next(filter(str.isalpha, text.held_out.split()), prompt[:1])
        say_what_next(folder, ("generate", word), ("evaluate",))

    def evaluate(self, folder, model, text, windows=None):
        loss, perplexity = held_out_loss(folder, model, text)
        print(f"held-out loss: {loss:.4f}")
        print(f"held-out perplexity: {perplexity:.3f}")


def held_out_loss(folder, model, text):
    """Mean cross-entropy (nats a token) of the held-out text, and its exponential.

    The text is read in windows of `max_len` tokens that do not overlap, all of it.
    """
    found = model.evaluate(folder.tokenizer.encode(text.held_out))
    return math.log(found["perplexity"]), found["perplexity"]


def sample(folder, model, text):
    """The beginning of the held-out text, and how the model goes on from it."""
    tokenizer = folder.tokenizer
    prompt = tokenizer.encode(text.held_out)[:PROMPT]
    (ids,) = inference.generate(
        model, [prompt], max_new_tokens=WRITTEN, temperature=TEMPERATURE,
        seed=folder.config.seed, slide=True,
    )  # fmt: skip
    return tokenizer.decode(prompt), inference.continuation(tokenizer, prompt, ids)
