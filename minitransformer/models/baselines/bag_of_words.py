r"""Logistic regression on a bag of words: the baseline that a transformer has to beat.

.. math:: \mathrm{logits} = \sum_{v \in \mathrm{text}} W_v + b

The features of a text are its distinct words and, with `pairs`, its distinct pairs of adjacent
words. Looking up rows of W is an embedding, so the gradient of W is computed as in
:func:`~minitransformer.functional.embedding_backward`.

Source: Wang and Manning 2012, section 2 (binary features) and table 2 (results on IMDB).
"""

import numpy as np

from minitransformer import functional
from minitransformer.checks import check_count, check_number
from minitransformer.models.baselines.bags import Features
from minitransformer.training.optim.optimizers import Adam

L2_PATH = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
"""Penalties to choose from, strongest first. Each fit starts from the previous solution."""
MIN_STEPS = 90
"""Minimum number of steps per penalty: small training sets get more than `epochs` epochs."""
HELD_OUT = 0.1
"""Fraction of the training texts that is held out to choose the penalty if no others are given."""


class BagOfWords:
    """Logistic regression on the distinct words of a text.

    Parameters
    ----------
    n_classes : int
        C, at least 2.
    pairs : bool
        Whether pairs of adjacent words are features as well.
    max_features : int or None
        Maximum number of features. The features that occur in the most texts are kept.
    min_count : int
        Minimum number of training texts in which a feature occurs.
    l2 : float or None
        Penalty: l2 / 2 times the sum of the squares of W is added to the mean cross-entropy. None
        tries 1e-2, ..., 1e-4 and chooses the value with the lowest loss on the validation texts.
    epochs : int
        Number of passes over the training texts for each penalty. More are made if there are few
        texts.
    batch_size : int
        Number of texts per step.
    learning_rate : float
        Initial learning rate of Adam; it decreases linearly to 0.
    seed : int
        Seed of the order of the texts, and of the choice of validation texts if you give none.

    Attributes
    ----------
    W : (V, C) float32 array
        One row per feature, in the order of `features.names()`.
    b : (C,) float32 array
        The biases of the classes.
    features : Features or None
        The features that the model uses; None before :meth:`fit`.
    chosen_l2 : float or None
        The penalty of the trained model; None before :meth:`fit`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a number, or is out of range.
    """

    def __init__(
        self,
        n_classes,
        *,
        pairs=False,
        max_features=None,
        min_count=2,
        l2=None,
        epochs=3,
        batch_size=256,
        learning_rate=0.01,
        seed=0,
    ):
        self.pairs = pairs
        self.n_classes = check_count("n_classes", n_classes, 2)
        self.max_features = max_features
        if max_features is not None:
            self.max_features = check_count("max_features", max_features)
        self.min_count = check_count("min_count", min_count)
        self.epochs = check_count("epochs", epochs)
        self.batch_size = check_count("batch_size", batch_size)
        self.seed = check_count("seed", seed, 0)
        self.l2 = l2 if l2 is None else check_number("l2", l2, 0)
        self.learning_rate = check_number("learning_rate", learning_rate, above=0)
        self.features = self.chosen_l2 = None

    def fit(self, texts, labels, validation_data=None):
        """Learn from texts.

        Parameters
        ----------
        texts : list of n str, or of n lists of str
            Texts, or their tokens.
        labels : (n,) int array
            Class of each text, 0 to C - 1.
        validation_data : (texts, labels) or None
            The data on which to choose the penalty; used only if `l2` is None. Without validation
            data, a tenth of `texts` is held out.

        Returns
        -------
        model : BagOfWords
            This object.

        Raises
        ------
        TypeError, ValueError
            If texts or labels do not have this form, or all labels are the same.
        """
        labels = self._check_labels(texts, labels)
        if (labels == labels[0]).all():
            raise ValueError(f"all {len(labels)} labels are {labels[0]}: nothing to learn from")
        if self.l2 is None and validation_data is None:
            texts, labels, validation_data = self._hold_out(texts, labels)
        self.features, bags = Features.build(texts, self.pairs, self.min_count, self.max_features)
        V, C = len(self.features), self.n_classes
        values = np.zeros((V + 1) * C, dtype=np.float32)
        self.W, self.b = values[: V * C].reshape(V, C), values[V * C :]
        if self.l2 is not None:
            self._descend(values, bags, labels, self.l2)
            self.chosen_l2 = self.l2
        else:
            values[:] = self._best_on_path(values, bags, labels, validation_data)
        return self

    def predict(self, texts):
        """Probabilities, (n, C) float32; TypeError before :meth:`fit`."""
        return functional.softmax(self._logits(self._bags(texts)))

    def evaluate(self, texts, labels, *, return_dict=False):
        """Mean cross-entropy and accuracy, as a list or as a dict by name."""
        means = self._score(self._bags(texts), self._check_labels(texts, labels))
        return means if return_dict else list(means.values())

    def _bags(self, texts):
        if self.features is None:
            raise TypeError("this BagOfWords is not trained yet: call fit first")
        return self.features.bags(texts)

    def _check_labels(self, texts, labels):
        labels = np.asarray(labels)
        if len(texts) == 0 or labels.shape != (len(texts),):
            raise ValueError(
                f"texts and labels must have the same length, at least 1, "
                f"got {len(texts)} texts and labels of shape {labels.shape}"
            )
        functional.check_ids(labels, self.n_classes, "labels")
        return labels

    def _hold_out(self, texts, labels):
        order = np.random.default_rng([self.seed, 1]).permutation(len(texts))
        n = max(1, round(HELD_OUT * len(texts)))
        if n == len(texts):
            raise ValueError("one text is not enough to choose l2: give l2")
        held_out, rest = (([texts[i] for i in part], labels[part]) for part in np.split(order, [n]))
        return *rest, held_out

    def _best_on_path(self, values, bags, labels, validation_data):
        """Train with every penalty; return the values with the lowest validation loss."""
        bags_held_out = self.features.bags(validation_data[0])
        labels_held_out = self._check_labels(*validation_data)
        lowest = np.inf
        for l2 in L2_PATH:
            self._descend(values, bags, labels, l2)
            loss = self._score(bags_held_out, labels_held_out)["loss"]
            if loss < lowest:
                lowest, best, self.chosen_l2 = loss, values.copy(), l2
        return best

    def _score(self, bags, labels):
        logits = self._logits(bags)
        loss, _ = functional.cross_entropy(logits, labels)
        return {"loss": float(loss), "accuracy": float(np.mean(logits.argmax(axis=1) == labels))}

    def _logits(self, bags):
        """Sum of the rows of each text's features, plus b: (n, C)."""
        rows = functional.embedding(bags.ids, self.W)
        logits = np.tile(self.b, (len(bags.counts), 1))
        # for an empty segment, reduceat returns the next row, so only segments with rows are passed
        filled = bags.counts > 0
        starts = (np.cumsum(bags.counts) - bags.counts)[filled]
        if len(starts):
            logits[filled] += np.add.reduceat(rows, starts, axis=0)
        return logits

    def _descend(self, values, bags, labels, l2):
        """Minimise the mean cross-entropy plus the penalty with Adam, from the current values."""
        rng = np.random.default_rng(self.seed)
        grads, adam = np.zeros_like(values), Adam(self.learning_rate)
        dW, db = grads[: self.W.size].reshape(self.W.shape), grads[self.W.size :]
        epochs = max(self.epochs, -(-MIN_STEPS * self.batch_size // len(labels)))
        batches = [
            texts
            for _ in range(epochs)
            for texts in np.split(
                rng.permutation(len(labels)), range(self.batch_size, len(labels), self.batch_size)
            )
        ]
        for step, texts in enumerate(batches):
            batch = bags.take(texts)
            _, saved = functional.cross_entropy(self._logits(batch), labels[texts])
            dlogits = functional.cross_entropy_backward(np.float32(1), saved)
            # the gradient of a text's logits goes to every feature of the text
            dy = np.repeat(dlogits, batch.counts, axis=0)
            dW[:] = functional.embedding_backward(dy, batch.ids, len(self.W))
            dW += np.float32(l2) * self.W
            db[:] = dlogits.sum(axis=0)
            adam.step(values, grads, self.learning_rate * (1 - step / len(batches)))
