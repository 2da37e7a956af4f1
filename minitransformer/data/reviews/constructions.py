"""The sentence frames of the bundled film reviews. docs/reviews.md explains the label of each.

A template that is listed twice is drawn twice as often.
"""

from typing import NamedTuple


class Clause(NamedTuple):
    """Ways to judge {S} with a word {P}; {VP} is the word with its verb: "is charming", "shines".

    `turned` says whether the clause means the opposite of its word. `templates` gives, for each
    template, the kinds of words that fit it.
    """

    construction: str
    turned: bool
    templates: dict[str, str]


PLAIN = Clause(
    "plain",
    False,
    {
        "{S} {VP}": "adjective noun verb",
        "{S} feels {P}": "adjective",
        "{S} remains {P}": "adjective noun",
    },
)
NEGATED = Clause(
    "negation",
    True,
    {
        "{S} is not {P}": "adjective noun",
        "{S} isn't {P}": "adjective noun",
        "{S} is not at all {P}": "adjective",
        "{S} is never {P}": "adjective noun",
        "{S} is hardly {P}": "adjective noun",
        "{S} is far from {P}": "adjective noun",
        "there is nothing {P} about {S}": "adjective",
        "{S} never {P}": "verb",
        "{S} hardly ever {P}": "verb",
    },
)
SIMPLY_NEGATED = Clause(
    "negation",
    True,
    {
        "{S} is not {P}": "adjective noun",
        "{S} isn't {P}": "adjective noun",
        "{S} never {P}": "verb",
    },
)
FULFILLED = Clause(
    "fulfilled",
    False,
    {
        "{S} turned out to be {P}": "adjective noun",
        "I expected {S} to be {P}, and it is": "adjective noun",
        "as the trailer promised, {S} is {P}": "adjective noun",
        "{S} had to be {P}, and it is": "adjective noun",
    },
)
UNFULFILLED = Clause(
    "unfulfilled",
    True,
    {
        "{S} could have been {P}": "adjective noun",
        "I expected {S} to be {P}, but it is not": "adjective noun",
        "in other hands {S} would have been {P}": "adjective noun",
        "the trailer promised that {S} would be {P}, but it is not": "adjective noun",
    },
)


class Sentence(NamedTuple):
    """Ways to put a clause {X} in a sentence that keeps or reverses the clause's judgement."""

    construction: str
    turned: bool
    templates: tuple[str, ...]


ASSERTED = Sentence(
    "plain",
    False,
    (
        "{X}",
        "{X}",
        "{X}",
        "I think that {X}",
        "I must say that {X}",
        "it is true that {X}",
        "everyone can see that {X}",
    ),
)
DENIED = Sentence(
    "denial",
    True,
    (
        "nobody could say that {X}",
        "I do not think that {X}",
        "it is not true that {X}",
        "I doubt that {X}",
        "I cannot agree that {X}",
    ),
)
DENIED_NEGATION = Sentence(
    "double negation",
    True,
    ("nobody could say that {X}", "it is not true that {X}", "I cannot agree that {X}"),
)
UNDENIED = Sentence(
    "double negation",
    False,
    ("there is no denying that {X}", "nobody can deny that {X}", "I do not doubt that {X}"),
)
# {H} stands for the people whose opinion is reported.
SHARED = Sentence(
    "shared opinion",
    False,
    (
        "{H} say that {X}, and they are right",
        "{H} think that {X}, and I agree",
        "{H} wrote that {X}, and that is true",
        "{H} rightly say that {X}",
    ),
)
REJECTED = Sentence(
    "rejected opinion",
    True,
    (
        "{H} say that {X}, but they are wrong",
        "{H} think that {X}, but I disagree",
        "{H} wrote that {X}, but that is nonsense",
        "{H} wrongly say that {X}",
    ),
)

# Two clauses that disagree: {Y} determines the label, {X} does not.
OPPOSED = {
    "contrast": (
        "{X}, but {Y}",
        "{X}, but {Y}",
        "{X}, yet {Y}",
        "{X}; however, {Y}",
    ),
    "concession": (
        "although {X}, {Y}",
        "although {X}, {Y}",
        "{Y}, even though {X}",
    ),
    "own opinion": (
        "{H} say that {X}, but I think that {Y}",
        "unlike {H}, who say that {X}, I think that {Y}",
    ),
}
# Two clauses that agree.
AGREED = ("{X}, and {Y}", "{X}. {Y}", "{X}, and on top of that {Y}")

# Sentences without a judgement; {A} is a polar word, but it describes a person in the story.
NEUTRAL = (
    "I saw it {time}",
    "I saw it {place}",
    "I saw it {time} {companion}",
    "I watched it {place} {companion}",
    "{fact}",
    "{fact}",
    "it tells of a {role} who {deed}",
    "it follows the {role} who {deed}",
    "it tells of the {A} {role} who {deed}",
    "it is about the {A} {role} who {deed}",
)

HELD_OUT = (
    "negation",
    "denial",
    "double negation",
    "shared opinion",
    "rejected opinion",
    "fulfilled",
    "unfulfilled",
    *OPPOSED,
)
"""The constructions from which words are held out: all but plain statements."""
