"""The bundled film reviews: sentiment that depends on composition, not on counting words."""

from importlib.resources import files

from minitransformer.checks import check_count
from minitransformer.data.corpora.dataset import Dataset, Split
from minitransformer.data.reviews import lexicon
from minitransformer.data.reviews.constructions import HELD_OUT
from minitransformer.data.reviews.grammar import Draw, draw_group

CLASS_NAMES = ("negative", "positive")
UNSEEN, HANDWRITTEN = "unseen combinations", "handwritten"
SIZES = {"train": 8000, "validation": 1000, "test": 2000, UNSEEN: 1000}


def load_reviews(seed: int = 0) -> Dataset:
    """The bundled film reviews. docs/reviews.md describes their grammar.

    Parameters
    ----------
    seed : int
        At least 0; the same seed gives the same reviews on every machine.

    Returns
    -------
    dataset : Dataset
        8,000/1,000/2,000 reviews for train, validation and test, half of them positive. In `extra`
        there are two more parts. "unseen combinations" has 1,000 reviews, each with a pair of
        construction and word that does not occur in the other parts. "handwritten" has 100 reviews
        that do not come from the grammar. No text occurs twice.

    Raises
    ------
    TypeError, ValueError
        If `seed` is not an integer, or is negative.
    """
    check_count("seed", seed, 0)
    draw = Draw(seed)
    held_out = held_out_pairs(draw)
    written = handwritten()
    seen = {text.lower() for text in written.texts}
    parts = {name: _part(draw, name, held_out, seen) for name in SIZES}
    extra = {UNSEEN: parts.pop(UNSEEN), HANDWRITTEN: written}
    return Dataset("reviews", **parts, class_names=CLASS_NAMES, extra=extra)


def held_out_pairs(draw: Draw) -> frozenset[tuple[str, str]]:
    """Pairs of construction and polar word: each word is held out of exactly one construction.

    So the training part contains every construction with about nine words in ten, and every word in
    all constructions but one. The reviews with held-out pairs test whether a model has learned to
    combine the two.
    """
    pairs = set()
    for kind, (praise, blame) in lexicon.POLAR.items():
        # "turned out to be" and "could have been" have no templates for verbs.
        names = [name for name in HELD_OUT if kind != "verb" or "fulfilled" not in name]
        words = sorted(praise + blame, key=lambda word: (draw.fraction(), word))
        pairs |= {(names[i % len(names)], word) for i, word in enumerate(words)}
    return frozenset(pairs)


def _part(draw: Draw, name: str, held_out: frozenset, seen: set[str]) -> Split:
    """Reviews that are not in `seen`, half of each class; they are added to `seen`."""
    texts_of = ([], [])
    while sum(map(len, texts_of)) < SIZES[name]:
        group = draw_group(draw)
        if name == UNSEEN:
            group = [review for review in group if review.pairs & held_out]
        elif any(review.pairs & held_out for review in group):
            continue
        texts = {review.text.lower() for review in group}
        sizes = [len(texts_of[i]) + sum(review.praise == i for review in group) for i in (0, 1)]
        if len(texts) < len(group) or texts & seen or max(sizes) > SIZES[name] // 2:
            continue
        for review in group:
            texts_of[review.praise].append(review.text)
        seen |= texts
    reviews = [(text, label) for label in (0, 1) for text in texts_of[label]]
    reviews.sort(key=lambda review: (draw.fraction(), review))
    texts, labels = zip(*reviews, strict=True)
    return Split(list(texts), list(labels))


def handwritten() -> Split:
    """100 reviews written by hand, half of them positive, mostly with the grammar's words."""
    lines = files(__package__).joinpath("handwritten.tsv").read_text("utf-8").splitlines()
    labels, texts = zip(*(line.split("\t") for line in lines), strict=True)
    return Split(list(texts), [CLASS_NAMES.index(label) for label in labels])
