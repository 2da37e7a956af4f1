"""The data of the live figure on the front page: `python -m docs.make_live_figure`.

Trains a small classifier on the bundled reviews, always from the same seed, and writes
docs/live_figure.json. For some sentences of the test part, the file says which tokens each token
attends to in each layer, and where the gradient of each token's last vector arrives on its way
back. This takes a minute or two on two cores.
"""

import json
from pathlib import Path

import numpy as np

from minitransformer import TransformerClassifier, data, functional
from minitransformer.data.reviews.reviews import CLASS_NAMES
from minitransformer.training import WarmupCosine, optimizers

FILE = Path(__file__).with_name("live_figure.json")
SENTENCES = (
    "Nobody could say that the twist never collapses.",
    "The finale is not dull, even though this western drags.",
    "This western drags, even though the finale is not dull.",
    "My classmates wrongly say that this prequel is not stupid.",
    "In other hands this picture would have been memorable.",
)
LAYERS, HEADS, WIDTH, EPOCHS = 3, 4, 64, 16


def build(vocabulary, **changes):
    """The untrained model."""
    settings = {"max_len": 64, "d_model": WIDTH, "n_heads": HEADS, "d_ff": 2 * WIDTH}
    settings |= {"n_layers": LAYERS, "dropout": 0.05, "activation": "gelu_tanh", "seed": 0}
    return TransformerClassifier(len(vocabulary), 2, **settings | changes)


def train(reviews, vocabulary):
    """The trained model."""
    model = build(vocabulary)
    model.compile(
        optimizers.AdamW(1.5e-3, weight_decay=0.1), "categorical_crossentropy", ["accuracy"],
        schedule=WarmupCosine(0.05), average=0.99,
    )  # fmt: skip
    texts = vocabulary.encode_all(reviews.train.texts)
    model.fit(texts, reviews.train.labels, epochs=EPOCHS, batch_size=32, verbose=2)
    return model


def score_gradient(logits):
    """The predicted class, and the gradient (1, 2) of its logit minus the other logit."""
    found = int(logits[0].argmax())
    dlogits = np.full_like(logits, -1.0)
    dlogits[0, found] = 1.0
    return found, dlogits


def gradients(model, cache, dlogits):
    """The gradients of a backward pass, for one token's last vector at a time.

    Parameters
    ----------
    model : TransformerClassifier
        A pre-norm model with mean pooling.
    cache : ClassifierCache
        The cache of a forward pass over one text of T tokens, without dropout.
    dlogits : (1, C) array
        The gradient to propagate back.

    Returns
    -------
    (T, N + 1, T, D) array
        Entry [t, n, s] is the gradient after layer n (0: the embedded tokens) at token s, if only
        the vector of token t after layer N is propagated back. The sum over t is the gradient of a
        backward pass of the whole model.
    """
    replica = model.replica()  # the model's own gradients do not change
    dpooled = replica.head.backward(dlogits, cache.head)
    dhidden = functional.mean_pool_backward(dpooled, cache.hidden.shape[1], cache.mask)
    dlast = replica.final_norm.backward(dhidden, cache.norm)
    found = []
    for t in range(dlast.shape[1]):
        dx = np.zeros_like(dlast)
        dx[:, t] = dlast[:, t]
        levels = [dx]
        for block, block_cache in zip(replica.blocks[::-1], cache.blocks[::-1], strict=True):
            dx = block.backward(dx, block_cache)
            levels.append(dx)
        found.append([level[0] for level in reversed(levels)])
    return np.array(found)


def describe(vocabulary, model, sentence):
    """One sentence's part of the file; attention and gradients are in thousandths of their sum."""
    ids = vocabulary.encode(sentence)
    logits, cache = model.forward(ids[None])
    found, dlogits = score_gradient(logits)
    reads = np.array([block.attention.P[0].mean(axis=0) for block in cache.blocks])
    back = np.linalg.norm(gradients(model, cache, dlogits), axis=-1)
    return {
        "sentence": sentence,
        "tokens": [vocabulary.tokens[i] for i in ids],
        "class": CLASS_NAMES[found],
        "probability": round(float(functional.softmax(logits)[0, found]), 3),
        "attention": thousandths(reads),
        "gradient": thousandths(back),
    }


def thousandths(lengths):
    """Fractions of the last axis's sum, as whole thousandths that add up to 1,000.

    The method is that of largest remainders.
    """
    exact = 1000 * lengths / lengths.sum(axis=-1, keepdims=True)
    whole = np.floor(exact).astype(int)
    places = (whole - exact).argsort(axis=-1, kind="stable").argsort(axis=-1, kind="stable")
    whole += places < 1000 - whole.sum(axis=-1, keepdims=True)
    return whole.tolist()


def main():
    """Write the file."""
    reviews = data.load_reviews()
    vocabulary = data.Vocabulary.build(reviews.train.texts)
    model = train(reviews, vocabulary)
    right = model.predict(vocabulary.encode_all(reviews.test.texts)).argmax(axis=1)
    figure = {
        "layers": LAYERS, "heads": HEADS,
        "accuracy": round(float((right == reviews.test.labels).mean()), 3),
        "sentences": [describe(vocabulary, model, sentence) for sentence in SENTENCES],
    }  # fmt: skip
    FILE.write_text(json.dumps(figure, separators=(",", ":")) + "\n", encoding="utf-8")
    for s in figure["sentences"]:
        print(f"{s['class']} ({s['probability']:.0%}): {s['sentence']}")
    print(f"test accuracy {figure['accuracy']}; {FILE.stat().st_size / 1000:.0f} kB in {FILE}")


if __name__ == "__main__":
    main()
