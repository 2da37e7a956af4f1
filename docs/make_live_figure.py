"""The data of the live figure on the front page: `python -m docs.make_live_figure`.

Trains a small classifier on the embedded reviews, always the same one, and writes
docs/live_figure.json: for a few sentences, who reads whom in each layer, and where the gradient of
each word's last vector arrives on its way back. About a minute on two cores.
"""

import json
from pathlib import Path

import numpy as np

from minitransformer import TransformerClassifier, data, functional
from minitransformer.interpret import lead
from minitransformer.training import optimizers
from minitransformer.training.schedules import WarmupCosine

FILE = Path(__file__).with_name("live_figure.json")
SENTENCES = (
    "The plot is not at all dull.",
    "Nobody could say that the plot is dull.",
    "The cast is charming, but the story never convinces.",
    "Although the narration feels pointless, the finale is a triumph.",
    "There is nothing silly about the set design.",
)
LAYERS, HEADS, WIDTH = 3, 4, 64


def train():
    """The vocabulary and the model."""
    reviews = data.load_reviews()
    vocabulary = data.Vocabulary.build(reviews.train.texts)
    model = TransformerClassifier(
        len(vocabulary), 2, max_len=64, d_model=WIDTH, n_heads=HEADS, d_ff=2 * WIDTH,
        n_layers=LAYERS, dropout=0.05, activation="gelu_tanh", seed=0,
    )  # fmt: skip
    model.compile(
        optimizers.AdamW(1.5e-3, weight_decay=0.1), "categorical_crossentropy", ["accuracy"],
        schedule=WarmupCosine(0.05), average=0.99,
    )  # fmt: skip
    texts = vocabulary.encode_all(reviews.train.texts)
    model.fit(texts, reviews.train.labels, epochs=10, batch_size=32, verbose=1)
    return vocabulary, model


def gradients(model, cache, dlogits):
    """Lengths of the gradient at each level, for the upstream gradient of one word at a time.

    Parameters
    ----------
    model : TransformerClassifier
    cache : ClassifierCache
        Of one text, T words.
    dlogits : (1, C) array
        Gradient of the score that is followed back.

    Returns
    -------
    (T, N + 1, T) array
        Entry [t, n, s]: after layer n (0: the embedded words), at word s, when only word t's last
        vector is followed back.
    """
    twin = model.replica()  # the model's own gradients stay untouched
    dpooled = twin.head.backward(dlogits, cache.head)
    dpool = functional.mean_pool_backward(dpooled, cache.hidden.shape[1])
    dhidden = twin.final_norm.backward(dpool, cache.norm)
    found = []
    for t in range(dhidden.shape[1]):
        dx = np.zeros_like(dhidden)
        dx[:, t] = dhidden[:, t]
        levels = [dx]
        for block, block_cache in zip(twin.blocks[::-1], cache.blocks[::-1], strict=True):
            dx = block.backward(dx, block_cache)
            levels.append(dx)
        found.append([np.linalg.norm(level[0], axis=-1) for level in levels[::-1]])
    return np.array(found)


def describe(vocabulary, model, sentence):
    """One sentence's part of the file; shares are in thousandths, of a row and of a level."""
    ids = np.array([vocabulary.encode(sentence)])
    logits, cache = model.forward(ids)
    class_ = int(logits[0].argmax())
    dlogits = np.full_like(logits, -1.0)
    dlogits[0, class_] = 1.0
    p = np.exp(-np.logaddexp(0, -float(lead(logits, [class_])[0])))
    reads = np.array([block.attention.P[0].mean(axis=0) for block in cache.blocks])
    back = gradients(model, cache, dlogits)
    back /= back.sum(axis=-1, keepdims=True)
    words = [vocabulary.decode([i]).strip() for i in ids[0]]
    return {
        "sentence": sentence, "words": words, "class": data.reviews.CLASS_NAMES[class_],
        "probability": round(p, 3), "attention": thousandths(reads), "gradient": thousandths(back),
    }  # fmt: skip


def thousandths(shares):
    """Whole numbers, so that the file stays small."""
    return np.rint(1000 * shares).astype(int).tolist()


def main():
    """Write the file."""
    vocabulary, model = train()
    figure = {
        "layers": LAYERS, "heads": HEADS,
        "sentences": [describe(vocabulary, model, sentence) for sentence in SENTENCES],
    }  # fmt: skip
    FILE.write_text(json.dumps(figure, separators=(",", ":")) + "\n", encoding="utf-8")
    for s in figure["sentences"]:
        print(f"{s['class']} ({s['probability']:.0%}): {s['sentence']}")
    print(f"{FILE.stat().st_size / 1000:.0f} kB in {FILE}")


if __name__ == "__main__":
    main()
