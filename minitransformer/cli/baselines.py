"""The baselines that a transformer has to beat: counting words, and counting words with pairs."""

from minitransformer.models.bag_of_words import BagOfWords

FEW = 1000
"""With fewer training texts than this, words that occur in one text only are counted too."""


def baseline_accuracies(texts):
    """Accuracy on the test texts of logistic regression on bags of words.

    Parameters
    ----------
    texts : Dataset

    Returns
    -------
    dict of str to float
        "bag of words" and "bag of word pairs".
    """
    train, validation, test = texts.train, texts.validation, texts.test
    found = {}
    for name, pairs in (("bag of words", False), ("bag of word pairs", True)):
        model = BagOfWords(texts.n_classes, pairs=pairs, min_count=1 if len(train) < FEW else 2)
        model.fit(
            train.texts, train.labels, validation_data=(validation.texts, validation.labels)
        )
        found[name] = float((model.predict(test.texts).argmax(axis=1) == test.labels).mean())
    return found
