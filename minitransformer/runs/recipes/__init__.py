"""Recipes: the settings that suit a task and its data. The options of `train` change them."""

from dataclasses import fields

from minitransformer.runs.recipes.classification import ClassificationRecipe
from minitransformer.runs.recipes.language_model import LanguageModelRecipe
from minitransformer.runs.recipes.recipe import MODEL, TRAINING, VOCABULARY, Recipe, group
from minitransformer.runs.recipes.translation import StringsRecipe, TranslationRecipe

RECIPES = (ClassificationRecipe, LanguageModelRecipe, TranslationRecipe, StringsRecipe)


def settings(*recipes):
    """Name, type, group and help text of every setting, for the command line.

    Parameters
    ----------
    *recipes : subclasses of Recipe
        The recipes whose settings are listed; by default all. Each name appears once.

    Raises
    ------
    ValueError
        If two recipes use one name for settings of different types.
    """
    found = {}
    for recipe in recipes or RECIPES:
        for f in fields(recipe):
            kind, _, text = found.setdefault(f.name, (f.type, group(f), f.metadata["help"]))
            if (kind, text) != (f.type, f.metadata["help"]):
                raise ValueError(
                    f"{f.name} of {recipe.__name__} must be the same setting as in other recipes"
                )
    order = {name: place for place, name in enumerate((MODEL, VOCABULARY, TRAINING))}
    for name, (kind, shown, text) in sorted(found.items(), key=lambda item: order[item[1][1]]):
        yield name, kind, shown, text
