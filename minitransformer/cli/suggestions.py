"""What to suggest for an option or a command that does not exist."""

import difflib

from typer.core import TyperGroup

OPTIONS = {
    "lr": "learning-rate", "csv": "data", "tsv": "data", "json": "data", "file": "data",
    "input": "data", "train-file": "data", "val": "validation-data",
    "val-data": "validation-data", "dev-data": "validation-data",
    "label": "label-column", "labels": "label-column", "sep": "delimiter",
    "separator": "delimiter", "batch": "batch-size", "bs": "batch-size", "output": "out",
    "o": "out", "output-dir": "out", "save": "out", "name": "out", "max-length": "max-len",
    "max-seq-length": "max-len", "block-size": "max-len", "num-epochs": "epochs",
    "num-train-epochs": "epochs", "max-steps": "steps", "max-iters": "steps",
    "hidden-size": "d-model", "n-embd": "d-model", "num-heads": "n-heads", "n-head": "n-heads",
    "num-layers": "n-layers", "n-layer": "n-layers", "model": "recipe", "config": "recipe",
    "checkpoint": "resume", "continue": "resume", "gpu": "device", "cuda": "device",
    "num-beams": "beams", "num-workers": "workers", "max-tokens": "max-new-tokens",
    "length": "max-new-tokens", "test": "test-data",
}  # fmt: skip
"""Names that other programs use, and what the option is called here."""
COMMANDS = {
    "fit": "train", "test": "evaluate", "score": "evaluate", "validate": "evaluate",
    "classify": "predict", "infer": "predict", "inference": "predict", "label": "predict",
    "complete": "generate", "sample": "generate", "write": "generate", "check": "gradcheck",
    "benchmark": "bench", "profile": "bench", "exercise": "exercises", "submit": "grade",
    "version": "info", "devices": "info",
}  # fmt: skip
"""Names that other programs use, and what the command is called here."""


def near_options(given, known):
    """Up to three of the `known` options that may have been meant by `given`.

    Both have their dashes. ``--no-x`` is suggested only for names that begin with ``no``.
    """
    name = given.lstrip("-").replace("_", "-").lower()
    names = [option[2:] for option in known if option.startswith("--")]
    names = sorted(n for n in names if name.startswith("no") or not n.startswith("no-"))
    usual = [OPTIONS[name]] if OPTIONS.get(name) in names else []
    longer = [n for n in names if n.startswith(name)] if len(name) > 2 else []
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.78)
    found = usual or [n for n in names if n == name] or longer or near
    return [f"--{n}" for n in found[:3]]


class SuggestingGroup(TyperGroup):
    """The commands; an unknown one is answered with the usual name for it."""

    def resolve_command(self, ctx, args):
        if args and args[0] not in self.commands and args[0].lower() in COMMANDS:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {COMMANDS[args[0].lower()]!r}?")
        return super().resolve_command(ctx, args)
