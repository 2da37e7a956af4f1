"""Scripts that matplotlib's font lacks: another installed font draws them, or you are warned."""

import unicodedata
import warnings
from functools import cache

# A font with a box for every character: it would hide that a script cannot be drawn.
NO_HELP = "Last Resort"
MAX_QUOTED = 12


@cache
def figure_class():
    """matplotlib's Figure, except that it looks for fonts just before it is drawn."""
    from matplotlib import figure

    class Figure(figure.Figure):
        """A figure whose texts may be in any script that an installed font has."""

        warned = False

        def draw(self, renderer):
            lacking = choose_fonts(self)
            if lacking and not self.warned:
                self.warned = True
                warnings.warn(_no_font(lacking), UserWarning, stacklevel=2)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
                super().draw(renderer)

    return Figure


def choose_fonts(figure):
    """Give each text of a figure the fonts that its characters need.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    str
        The characters that no installed font has, sorted.
    """
    from matplotlib.text import Text

    lacking = set()
    for text in figure.findobj(Text):
        needed = {c for c in text.get_text() if c.isprintable()} - _characters(_file_of(text))
        if needed:
            families, left = _families_with("".join(sorted(needed)))
            text.set_family(
                [*text.get_family(), *(f for f in families if f not in text.get_family())]
            )
            lacking |= set(left)
    return "".join(sorted(lacking))


def _file_of(text):
    """The file of the font that a text is drawn with."""
    from matplotlib.font_manager import findfont

    return str(findfont(text.get_fontproperties()))


@cache
def _characters(path):
    """The characters that a font has; none if it cannot be read."""
    from matplotlib.font_manager import get_font

    try:
        return frozenset(map(chr, get_font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _families_with(needed):
    """Names of installed fonts that together have most of `needed`, and the characters left."""
    from matplotlib.font_manager import fontManager

    families, left = [], set(needed)
    for font in sorted(fontManager.ttflist, key=_oddness):
        if not left:
            break
        if not font.name.startswith(NO_HELP) and left & _characters(font.fname):
            families.append(font.name)
            left -= _characters(font.fname)
    return families, "".join(sorted(left))


def _oddness(font):
    """Sorts upright sans-serif fonts of normal weight first."""
    weight = font.weight if isinstance(font.weight, int) else 400
    return abs(weight - 400), font.style != "normal", "sans" not in font.name.lower(), font.name


def _no_font(lacking):
    quoted = lacking[:MAX_QUOTED] + ("..." if len(lacking) > MAX_QUOTED else "")
    scripts = sorted({unicodedata.name(c, "unnamed").split()[0] for c in lacking})
    return (
        f"no installed font has the characters {quoted!r}, so the figure shows boxes instead: "
        f"install a font that has them, such as Noto Sans for {', '.join(scripts)}"
    )
