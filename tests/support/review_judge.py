"""A second reading of the bundled reviews: separate rules find a review's class from its text.

It shares only the list of polar words with the grammar, so it disagrees if the grammar labels a
construction wrongly.
"""

import re

from minitransformer.data.reviews import lexicon

PRAISE, BLAME = (
    {text.split()[-1] for kind in lexicon.POLAR.values() for text in kind[side]} for side in (0, 1)
)
NEGATORS = {"not", "isn't", "never", "hardly", "nothing"}
NEUTRAL = re.compile(r"^(it tells of|it follows|it is about|i saw it|i watched it)\b")

# (pattern with the clause that counts as group 1, whether its judgement is reversed)
RULES = [
    (r"although [^,]+, (.+)", False),
    (r"(.+), even though .+", False),
    (r"unlike .+, who say that .+, i think that (.+)", False),
    (r".+ say that .+, but i think that (.+)", False),
    (r"(.+), but (?:they are wrong|i disagree|that is nonsense|it is not)", True),
    (r"(.+), and (?:they are right|i agree|that is true|it is)", False),
    (r".+ wrongly say that (.+)", True),
    (r".+ rightly say that (.+)", False),
    (r".+(?:, but|, yet|; however,) (.+)", False),
    (r".+, and (?:on top of that )?(.+)", False),
    (r"(?:nobody could say|i do not think|it is not true|i doubt|i cannot agree) that (.+)", True),
    (r"(?:there is no denying|nobody can deny|i do not doubt) that (.+)", False),
    (r"(?:i think|i must say|it is true|everyone can see|the trailer promised) that (.+)", False),
    (r"as the trailer promised, (.+)", False),
    (r".+ (?:say|think|wrote) that (.+)", False),
]
RULES = [(re.compile(pattern + "$"), turned) for pattern, turned in RULES]


def _judge(sentence):
    for pattern, turned in RULES:
        found = pattern.match(sentence)
        if found:
            return _judge(found[1]) != turned
    return _clause(sentence)


def _clause(words):
    words = words.split()
    polar = [word for word in words if word in PRAISE | BLAME]
    assert len(polar) == 1, f"one polar word expected in {words}"
    text = " ".join(words)
    turned = bool(NEGATORS & set(words)) or "far from" in text or "have been" in text
    return (polar[0] in PRAISE) != turned


def judge(text):
    """1 for a positive review, 0 for a negative one."""
    sentences = text.lower().rstrip(".").split(". ")
    polar = PRAISE | BLAME
    judging = [
        s for s in sentences if not NEUTRAL.match(s) and polar & set(re.findall(r"[\w']+", s))
    ]
    verdicts = {_judge(sentence) for sentence in judging}
    assert len(verdicts) == 1, f"no single verdict in {text!r}"
    return int(verdicts.pop())
