"""A subject of the ledger: a pair, layer or model that can be checked at random sizes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minitransformer.gradcheck.layers import check_layer
from minitransformer.gradcheck.pairs import check
from minitransformer.gradcheck.row import Tolerance

# Stricter for central differences than the checker's defaults, because our functions are smooth.
PAIR = Tolerance(complex_step=1e-14, central=1e-10)
NETWORK = Tolerance(complex_step=1e-13, central=1e-10)
# entries checked by central differences per variable and shape, in addition to one direction
ENTRIES = 2


@dataclass(frozen=True)
class Subject:
    """Something whose gradients the ledger verifies.

    Attributes
    ----------
    name : str
        The first cell of the subject's row in the table.
    kind : {"pair", "layer", "model"}
        The kind of subject, for the table.
    trial : callable
        ``trial(rng, sizes)`` -> Report: one check. Sizes that are not in `sizes` are random.
    edges : tuple of dict
        Edge cases: sizes that are tried once each, in addition to the random ones.
    share : float
        The number of random shapes for this subject, as a fraction of the ledger's `shapes`. A
        model has more parameters than a pair, so it needs fewer shapes.
    """

    name: str
    kind: str
    trial: Callable
    edges: tuple = ()
    share: float = 1.0


def pair_subject(name, pair):
    """The subject for an entry of ``functional.PAIRS``."""

    def trial(rng, sizes):
        return check(
            pair.forward,
            pair.backward,
            pair.example(rng, **sizes),
            wrt=pair.wrt,
            saved=pair.saved,
            upstream=pair.upstream,
            analytic=pair.analytic,
            rng=rng,
            entries=ENTRIES,
            tolerance=PAIR,
            name=name,
        )

    return Subject(name, "pair", trial, pair.edges)


def layer_subject(
    name, build, *, kind="layer", share=0.1, edges=(), analytic=True, entries=ENTRIES
):
    """The subject for a layer or model.

    Parameters
    ----------
    name, kind, share, edges
        As in :class:`Subject`.
    build : callable
        ``build(rng, **sizes)`` -> layer, inputs, and a dict of further keyword arguments for
        :func:`~minitransformer.gradcheck.check_layer`.
    analytic : bool
        Whether the complex step can be used.
    entries : int
        As for :func:`~minitransformer.gradcheck.check_layer`.
    """

    def trial(rng, sizes):
        layer, inputs, arguments = build(rng, **sizes)
        return check_layer(
            layer,
            inputs,
            analytic=analytic,
            rng=rng,
            entries=entries,
            tolerance=NETWORK,
            name=name,
            **arguments,
        )

    return Subject(name, kind, trial, tuple(edges), share)
