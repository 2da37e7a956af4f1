"""`gradcheck`: check every gradient and print the errors."""

import json
from typing import Annotated

import typer

from minitransformer.checks import check_count
from minitransformer.cli.options import FAILED
from minitransformer.gradcheck import ledger
from minitransformer.verification import subjects


def gradcheck(
    shapes: Annotated[
        int, typer.Option(help="Number of random shapes for each pair of functions.")
    ] = 200,
    only: Annotated[
        str | None,
        typer.Option(help="Check only names that contain this text.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random shapes and numbers.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
):
    """Check every derivative numerically: pairs, layers and whole models, by two methods.

    This takes two to twelve minutes; with --only, less. The exit status is 1 if any error exceeds
    its tolerance.
    """
    check_count("seed", seed, 0)
    result = ledger(subjects(only), shapes=shapes, seed=seed, progress=not as_json)
    if as_json:
        print(json.dumps(result.as_dict(), indent=2))
    else:
        for line in result.lines:
            if words := line.failure():
                print(f"\n{words}")
        print(result.summary())
    if not result.ok:
        raise typer.Exit(FAILED)
