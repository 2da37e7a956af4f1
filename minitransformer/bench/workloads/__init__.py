"""The work that is measured: its sizes, and data of these sizes, the same for every side."""

from minitransformer.bench.workloads.case import SEED, Case
from minitransformer.bench.workloads.classifier import ClassifierCase, attention, classifier
from minitransformer.bench.workloads.generation import GenerationCase, generation
from minitransformer.bench.workloads.language_model import LanguageModelCase, language_model
from minitransformer.bench.workloads.recurrent import RecurrentCase, recurrent
from minitransformer.bench.workloads.translation import TranslationCase, translation

WORKLOADS = {
    "classifier": classifier,
    "attention": attention,
    "language-model": language_model,
    "generation": generation,
    "translation": translation,
    "recurrent": recurrent,
}
"""The workloads: functions of a dropout (None for the usual ones) that return the cases."""

KINDS = {
    case.kind: case
    for case in (
        ClassifierCase, LanguageModelCase, GenerationCase, TranslationCase, RecurrentCase,
    )
}  # fmt: skip


def read_case(settings):
    """The case whose :meth:`Case.as_dict` returned `settings`."""
    settings = dict(settings)
    return KINDS[settings.pop("kind")](**settings)


__all__ = ["KINDS", "SEED", "WORKLOADS", "Case", "read_case"]
