"""The baselines to beat: logistic regression on bags of words, without and with word pairs."""

from minitransformer.data import tokenize
from minitransformer.models.baselines.bag_of_words import BagOfWords

FEW = 1000
"""With fewer training texts than this, words that occur in only one text are counted too."""


def baseline_accuracies(texts):
    """Test accuracy of logistic regression on bags of words.

    Parameters
    ----------
    texts : Dataset
        The data set; the regression is trained on its training part.

    Returns
    -------
    dict of str to float
        "bag of words" and "bag of word pairs".
    """
    # split into words once, for both baselines
    (train, y), validation, (test, test_y) = (
        ([tokenize(text) for text in part.texts], part.labels)
        for part in (texts.train, texts.validation, texts.test)
    )
    found = {}
    for name, pairs in (("bag of words", False), ("bag of word pairs", True)):
        model = BagOfWords(texts.n_classes, pairs=pairs, min_count=1 if len(train) < FEW else 2)
        model.fit(train, y, validation_data=validation)
        found[name] = float((model.predict(test).argmax(axis=1) == test_y).mean())
    return found
