"""The grammar of the bundled film reviews.

A *statement* judges one aspect of the film with one polar word; a *construction* keeps or reverses
that judgement. Reviews are generated in *groups* of two or four reviews with the same words. Half
of each group is positive, so counting words does not separate the classes. docs/reviews.md has
examples.
"""

from bisect import bisect_right
from itertools import accumulate
from random import Random
from typing import NamedTuple

from minitransformer.data.reviews import constructions as c
from minitransformer.data.reviews import lexicon
from minitransformer.data.tokenizers.word_split import tokenize

MAX_TOKENS = 32
"""Maximum number of tokens in a review; a neutral sentence is added only if it fits."""


class Review(NamedTuple):
    """A judgement: its text, whether it is praise, and its pairs of construction and polar word."""

    text: str
    praise: bool
    pairs: frozenset[tuple[str, str]]

    def within(self, sentence: c.Sentence, template: str, people: str) -> "Review":
        """This judgement inside a `sentence`, which may reverse the judgement."""
        pairs = self.pairs | {(sentence.construction, word) for _, word in self.pairs}
        text = template.format(X=self.text, H=people)
        return Review(text, self.praise != sentence.turned, pairs)


Group = list[Review]


class Draw:
    """Random choices made with only `Random.random`, which is the same in every Python version."""

    def __init__(self, seed: int):
        self.fraction = Random(seed).random

    def chance(self, p: float) -> bool:
        return self.fraction() < p

    def one(self, items):
        return items[int(self.fraction() * len(items))]

    def weighted(self, items, weights):
        edges = list(accumulate(weights))
        return items[bisect_right(edges, self.fraction() * edges[-1], hi=len(items) - 1)]

    def subjects(self) -> tuple[str, str]:
        """Two different subjects to judge; the first may be the film itself."""
        first = self.one(lexicon.SUBJECTS)
        second = self.one([subject for subject in lexicon.SUBJECTS if subject != first])
        return (f"this {self.one(lexicon.GENRES)}" if self.chance(0.25) else first), second


def _state(clause: c.Clause, template, subject, kind, word, intensifier, praise) -> Review:
    # "not very dull" is not quite the opposite of "very dull": negations have no intensifier.
    predicate = word if clause.construction == "negation" else intensifier + word
    phrase = predicate if kind == "verb" else f"is {predicate}"
    text = template.format(S=subject, P=predicate, VP=phrase)
    return Review(text, praise != clause.turned, frozenset({(clause.construction, word)}))


def statements(draw: Draw, subject: str, upright=c.PLAIN, turned=c.NEGATED) -> Group:
    """A word of praise and a word of blame, each in an upright clause and in a turned clause.

    Their judgements are positive, negative, negative, positive: every word occurs in both classes.
    """
    clauses = (upright, turned)
    kinds = ("adjective", "adjective", "adjective", "noun", "verb")
    kind = draw.one([k for k in kinds if any(k in fit for fit in turned.templates.values())])
    templates = [
        draw.one([template for template, fit in clause.templates.items() if kind in fit])
        for clause in clauses
    ]
    strong = draw.chance(0.4) and kind == "adjective"
    intensifier = draw.one(lexicon.INTENSIFIERS) + " " if strong else ""
    words = zip(lexicon.POLAR[kind], (True, False), strict=True)
    return [
        _state(clause, template, subject, kind, word, intensifier, praise)
        for word, praise in [(draw.one(words), praise) for words, praise in words]
        for clause, template in zip(clauses, templates, strict=True)
    ]


def plain(draw: Draw) -> Group:
    """The plot is charming."""
    return statements(draw, draw.subjects()[0])[::2]


def negations(draw: Draw) -> Group:
    """The plot is charming. / The plot is not at all charming."""
    return statements(draw, draw.subjects()[0])


def expectations(draw: Draw) -> Group:
    """The plot turned out to be charming. / The plot could have been charming."""
    return statements(draw, draw.subjects()[0], c.FULFILLED, c.UNFULFILLED)


def _both_ways(draw: Draw, reviews: Group, upright: c.Sentence, turned: c.Sentence) -> Group:
    sentences = [(sentence, draw.one(sentence.templates)) for sentence in (upright, turned)]
    people = draw.one(lexicon.HOLDERS)
    return [review.within(*sentence, people) for review in reviews for sentence in sentences]


def denials(draw: Draw) -> Group:
    """I think that the plot is charming. / Nobody could say that the plot is charming."""
    upright = c.ASSERTED if draw.chance(0.5) else c.UNDENIED
    return _both_ways(draw, plain(draw), upright, c.DENIED)


def double_negations(draw: Draw) -> Group:
    """The plot is not charming. / Nobody could say that the plot is not charming."""
    negated = statements(draw, draw.subjects()[0], turned=c.SIMPLY_NEGATED)[1::2]
    return _both_ways(draw, negated, c.ASSERTED, c.DENIED_NEGATION)


def opinions(draw: Draw) -> Group:
    """Critics say that the plot is dull, and they are right. / ..., but they are wrong."""
    upright_or_negated = negations(draw)[int(draw.chance(0.2)) :: 2]
    return _both_ways(draw, upright_or_negated, c.SHARED, c.REJECTED)


def _join(template: str, x: Review, y: Review, construction="plain", people="") -> Review:
    pairs = x.pairs | y.pairs
    pairs |= {(construction, word) for _, word in pairs}
    return Review(template.format(X=x.text, Y=y.text, H=people), y.praise, pairs)


def agreements(draw: Draw) -> Group:
    """The plot is charming, and the score is not at all dull."""
    first, second = (statements(draw, subject) for subject in draw.subjects())
    template, step = draw.one(c.AGREED), draw.one((1, -1))
    return [_join(template, x, y) for x, y in zip(first, second[::step], strict=True)]


def oppositions(draw: Draw) -> Group:
    """The plot is fine, but the score is dull. / The score is dull, but the plot is fine."""
    construction = draw.one(list(c.OPPOSED))
    template = draw.one(c.OPPOSED[construction])
    people = draw.one(lexicon.HOLDERS)
    # A third of the clauses are negated.
    first, second = (statements(draw, s)[:: draw.one((1, 1, 2))] for s in draw.subjects())
    x = draw.one(first)
    y = draw.one([review for review in second if review.praise != x.praise])
    return [_join(template, *pair, construction, people) for pair in ((x, y), (y, x))]


GROUP_KINDS = (
    (plain, 2, 16),
    (negations, 4, 16),
    (agreements, 4, 5),
    (expectations, 4, 6),
    (denials, 4, 8),
    (double_negations, 4, 7),
    (opinions, 4, 10),
    (oppositions, 2, 32),
)
"""Kinds of groups: the drawing function, the number of reviews, their percentage of all reviews."""


def neutral_sentence(draw: Draw) -> str:
    """A sentence without a judgement."""
    return draw.one(c.NEUTRAL).format(
        time=draw.one(lexicon.TIMES),
        place=draw.one(lexicon.PLACES),
        companion=draw.one(lexicon.COMPANIONS),
        role=draw.one(lexicon.ROLES),
        deed=draw.one(lexicon.DEEDS),
        fact=draw.one(lexicon.FACTS),
        A=draw.one(lexicon.CHARACTER_ADJECTIVES),
    )


def _punctuated(text: str) -> str:
    return ". ".join(sentence[0].upper() + sentence[1:] for sentence in text.split(". ")) + "."


def draw_group(draw: Draw) -> Group:
    """A group of reviews, with or without a common neutral sentence before or after them."""
    makers, sizes, percentages = zip(*GROUP_KINDS, strict=True)
    weights = [percentage / size for percentage, size in zip(percentages, sizes, strict=True)]
    group = draw.weighted(makers, weights)(draw)
    neutral, order = neutral_sentence(draw), draw.one(("{0}. {1}", "{1}. {0}"))
    lengths = [len(tokenize(review.text)) for review in group]
    add_neutral = draw.chance(0.5) or min(lengths) < 8
    if add_neutral and max(lengths) + len(tokenize(neutral)) + 2 <= MAX_TOKENS:
        group = [review._replace(text=order.format(neutral, review.text)) for review in group]
    return [review._replace(text=_punctuated(review.text)) for review in group]
