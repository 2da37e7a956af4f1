"""HTML in texts: finding it, and removing it."""

import html
import re

# Only elements of HTML: <grin>, <unk>, <3 and "a < b > c" are the writers' own words
_ELEMENTS = (
    "a|abbr|article|aside|b|big|blockquote|body|br|center|cite|code|dd|del|details|div|dl|dt|em|"
    "figcaption|figure|font|footer|h[1-6]|head|header|hr|html|i|iframe|img|ins|li|link|meta|nav|"
    "ol|p|pre|section|small|span|strike|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|wbr"
)
_ATTRIBUTE = r"""\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s<>"']+)"""
_TAG = re.compile(rf"</?(?:{_ELEMENTS})(?:{_ATTRIBUTE})*\s*/?>", re.IGNORECASE)
# What opens and closes a part that is not text
_BLOCKS = (
    (re.compile(r"<script\b[^<>]*>", re.IGNORECASE), re.compile(r"</script\s*>", re.IGNORECASE)),
    (re.compile(r"<style\b[^<>]*>", re.IGNORECASE), re.compile(r"</style\s*>", re.IGNORECASE)),
    (re.compile(r"<!--"), re.compile(r"-->")),
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def has_html(text):
    """Whether a text contains HTML tags or entities."""
    return ("<" in text and _TAG.search(text) is not None) or (
        "&" in text and any(html.unescape(entity) != entity for entity in _ENTITY.findall(text))
    )


def without_html(text):
    """A text with its HTML tags and comments replaced by spaces, and its entities by characters.

    Parameters
    ----------
    text : str
        Any text. Without tags and entities, it is returned as it is.
    """
    if not ("<" in text or "&" in text):
        return text
    text = _ENTITY.sub(lambda match: html.unescape(match[0]), _without_tags(text))
    return _without_tags(text).strip()  # tags that were written as entities


def _without_tags(text):
    if "<" not in text:
        return text
    for opening, closing in _BLOCKS:
        text = _without_blocks(text, opening, closing)
    return _TAG.sub(" ", text)


def _without_blocks(text, opening, closing):
    """`text` without what is between the two; one expression for both would be quadratic."""
    kept, end = [], 0
    while (start := opening.search(text, end)) and (stop := closing.search(text, start.end())):
        kept.append(text[end : start.start()])
        end = stop.end()
    return " ".join([*kept, text[end:]])
