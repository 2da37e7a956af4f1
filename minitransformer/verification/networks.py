"""The ledger's networks without attention."""

from minitransformer.models import BagOfEmbeddings, RecurrentClassifier, TextCNN
from minitransformer.verification.parts import DROPOUT, masks, scatter_parameters

KINKED = ("TextCNN",)
"""Beginnings of the names of networks with a ReLU, which the complex step cannot check."""


def _texts(cls, **config):
    """A build of a small classifier of texts on padded ids, some of them repeated."""

    def build(rng, **sizes):
        B, T = sizes.get("B", int(rng.integers(2, 4))), sizes.get("T", int(rng.integers(2, 5)))
        small = {"max_len": 4, "d_model": 3, "dropout": 0.0}
        seed = int(rng.integers(1 << 30))
        model = cls(5, 2, seed=seed, dtype="float64", **{**small, **config})
        mask = masks(rng, B, T)[:, 0, 0, :]
        if sizes.get("empty"):
            mask[0] = False
        arguments = {"options": {"mask": mask}, **(DROPOUT if config.get("dropout") else {})}
        return scatter_parameters(model, rng), rng.integers(0, 5, (B, T)), arguments

    return build


def network_builds():
    """The build of each network of the ledger, by name."""
    recurrent = {
        "rnn, last state": {"cell": "rnn"},
        "lstm, mean": {"cell": "lstm", "pooling": "mean"},
        "gru, max, dropout": {"cell": "gru", "pooling": "max", "dropout": 0.3},
        "lstm, two layers, both directions": {
            "cell": "lstm", "n_layers": 2, "bidirectional": True, "dropout": 0.2,
        },
    }  # fmt: skip
    found = {
        f"RecurrentClassifier, {name}": _texts(RecurrentClassifier, d_state=2, **config)
        for name, config in recurrent.items()
    }
    return found | {
        "BagOfEmbeddings": _texts(BagOfEmbeddings),
        "BagOfEmbeddings, pairs, dropout": _texts(BagOfEmbeddings, n_pairs=3, dropout=0.3),
        "TextCNN": _texts(TextCNN, widths=(2, 3), n_filters=2),
        "TextCNN, one width, dropout": _texts(TextCNN, widths=(5,), n_filters=4, dropout=0.3),
    }
