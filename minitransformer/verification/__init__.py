"""The subjects of the ledger: every pair, every layer, and whole models in all their variants.

A build is a function ``build(rng, **sizes)`` that returns a small layer or model with random
parameters, its inputs, and the keyword arguments of :func:`~minitransformer.gradcheck.check_layer`.
Each letter in `sizes` fixes a size that is otherwise random, and ``empty=True`` leaves a row
without any token.
"""

import difflib

from minitransformer import fused
from minitransformer.functional import PAIRS
from minitransformer.gradcheck import layer_subject, pair_subject
from minitransformer.verification.classifiers import classifier_builds
from minitransformer.verification.generative_models import generative_builds
from minitransformer.verification.layers import layer_builds, layer_subjects
from minitransformer.verification.networks import KINKED, network_builds
from minitransformer.verification.parts import (
    MODEL_EDGES,
    MODEL_FRACTION,
    Twice,
    scatter_parameters,
)

__all__ = ["Twice", "layer_builds", "model_builds", "scatter_parameters", "subjects"]


def subjects(only=None):
    """All subjects of the ledger, or only those whose name contains `only`.

    Parameters
    ----------
    only : str, optional
        A part of a name. Case is ignored.

    Returns
    -------
    list of Subject

    Raises
    ------
    ValueError
        If no name contains `only`; the message suggests close matches.
    """
    pairs = PAIRS | {f"{name}, fused": pair for name, pair in fused.faster_pairs().items()}
    found = [pair_subject(name, pair) for name, pair in pairs.items()]
    found += layer_subjects() + _models()
    if only is None:
        return found
    chosen = [subject for subject in found if only.lower() in subject.name.lower()]
    if not chosen:
        names = [subject.name for subject in found]
        near = difflib.get_close_matches(only, names, n=3, cutoff=0.4) or names
        raise ValueError(f"no subject is called {only!r}; near names: {', '.join(near)}")
    return chosen


def model_builds():
    """The build of each model of the ledger, by name. The complex step cannot be used for relu."""
    return classifier_builds() | generative_builds() | network_builds()


def _has_kinks(name):
    return name.endswith(" relu") or name.startswith(KINKED)


def _models():
    return [
        layer_subject(
            name,
            build,
            kind="model",
            edges=MODEL_EDGES,
            share=MODEL_FRACTION / 3 if name.startswith("Transformer") else MODEL_FRACTION,
            **({"analytic": False} if _has_kinks(name) else {"entries": 1}),
        )
        for name, build in model_builds().items()
    ]
