"""The ledger's classifiers, in all their variants."""

from minitransformer.layers import FlatParameters
from minitransformer.models import TransformerClassifier
from minitransformer.verification.parts import DROPOUT, masks, scatter_parameters


def _classifier(tied=False, dropout=0.0, **config):
    """A build of a small classifier on padded ids, some of them repeated."""

    def build(rng, **sizes):
        B, T = sizes.get("B", int(rng.integers(2, 4))), sizes.get("T", int(rng.integers(2, 5)))
        small = {"max_len": 4, "d_model": 4, "n_heads": 2, "d_ff": 3, "n_layers": 1}
        model = TransformerClassifier(
            5,
            2,
            seed=int(rng.integers(1 << 30)),
            dtype="float64",
            dropout=dropout,
            **{**small, **config},
        )
        if tied:
            model.blocks = [model.blocks[0], model.blocks[0]]
            model.flat = FlatParameters(model.parameters())
        mask = masks(rng, B, T)[:, 0, 0, :]
        if sizes.get("empty"):
            mask[0] = False
        arguments = {"options": {"mask": mask}, **(DROPOUT if dropout else {})}
        return scatter_parameters(model, rng), rng.integers(0, 5, (B, T)), arguments

    return build


def classifier_builds():
    """The build of each classifier of the ledger, by name."""
    variants = {
        f"{norm} norm, {pooling} pooling": {"norm": norm, "pooling": pooling}
        for norm in ("pre", "post")
        for pooling in ("mean", "max", "first")
    }
    variants |= {
        "pre norm, two blocks": {"norm": "pre", "n_layers": 2},
        "post norm, two blocks, dropout": {"norm": "post", "n_layers": 2, "dropout": 0.2},
        "pre norm, dropout": {"norm": "pre", "dropout": 0.2},
        "learned positions": {"positions": "learned"},
        "gelu_tanh": {"activation": "gelu_tanh"},
        "one block used twice": {"tied": True, "n_layers": 2, "dropout": 0.2},
        "tiled attention, dropout": {"attention": "tiled", "dropout": 0.2},
        "plain functions only": {"ops": "plain"},
        "relu": {"activation": "relu"},
    }
    return {f"classifier, {name}": _classifier(**config) for name, config in variants.items()}
