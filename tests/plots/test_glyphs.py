"""Texts in scripts that matplotlib's own font lacks."""

import warnings

import numpy as np
import pytest

from minitransformer import plots
from minitransformer.plots import glyphs
from tests.support.drawn import pixels

GOOD = "你好"  # Chinese
OWN = "Tests of Glyphs"


@pytest.fixture(autouse=True)
def few_fonts(monkeypatch):
    """Only the fonts that come with matplotlib are installed."""
    from matplotlib.font_manager import fontManager

    bundled = [font for font in fontManager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(fontManager, "ttflist", bundled)
    glyphs._families_with.cache_clear()
    yield
    glyphs._families_with.cache_clear()


@pytest.fixture
def own_font(tmp_path):
    """One more font is installed, which has only the characters of GOOD."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    from matplotlib.font_manager import fontManager

    pen = TTGlyphPen(None)
    for n, corner in enumerate(((0, 0), (0, 700), (700, 700), (700, 0))):
        (pen.lineTo if n else pen.moveTo)(corner)
    pen.closePath()
    names = [".notdef", "one", "two"]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, GOOD), names[1:], strict=True)))
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": OWN, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "own.ttf")
    fontManager.addfont(tmp_path / "own.ttf")


def drawn(tokens):
    """The warnings of drawing some tokens, and the figure."""
    figure = plots.attention(np.ones((1, len(tokens), len(tokens))), tokens)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        pixels(figure)
        pixels(figure)
    return [str(w.message) for w in found], figure


def test_a_script_that_no_font_has_is_told_once():
    told, _ = drawn(["good", GOOD])
    assert len(told) == 1
    assert told[0].startswith(f"no installed font has the characters {GOOD!r}")
    assert "install a font" in told[0]


def test_an_installed_font_that_has_the_script_is_used(own_font):
    told, figure = drawn(["good", GOOD])
    assert told == []
    labels = figure.axes[0].get_yticklabels()
    assert OWN in labels[1].get_family()
    assert OWN not in labels[0].get_family()


def test_the_title_that_a_caller_adds_is_read_too():
    figure = plots.attention(np.ones((1, 1, 1)), ["good"])
    figure.suptitle(GOOD)
    with pytest.warns(UserWarning, match="no installed font"):
        pixels(figure)


def test_scripts_that_the_font_has_are_told_nothing_about():
    assert drawn(["naïve", "хорошо", "καλό", "$5", "a\nb"])[0] == []


def test_a_wide_character_has_the_room_of_two_letters():
    good, wide = plots.words(["good", GOOD], [1.0, -1.0]).axes[0].patches
    assert wide.get_width() == pytest.approx(good.get_width())
