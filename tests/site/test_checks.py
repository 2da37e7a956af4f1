"""The checks of the site, tested on small pages that are each broken in one way."""

import pytest

from tests.site import browser as browsers
from tests.site.browser import Browser
from tests.site.pages import Page, dead_links, read_all, unreached, unrendered
from tests.site.scripts import MOVING, PALE

SOUND = """<!doctype html><html lang="en"><head><title>Sound</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"></head><body>
<p id="here">Text, <code>cost = "$5"</code>. <a href="#here">Here</a>,
<a href="https://example.org/">elsewhere</a>.</p>{}</body></html>"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def write(tmp_path):
    """Write a page with something inserted into its body; return its path."""

    def put(inside=""):
        file = tmp_path / "page.html"
        file.write_text(SOUND.format(inside), encoding="utf-8")
        return file.resolve()

    return put


def test_a_sound_page_has_no_fault(write, browser):
    file = write('<p>5 < 6</p><img alt="" src="data:,"><br/><svg><path/></svg>')
    pages = read_all(file.parent)
    assert dead_links(pages, file.parent) == []
    assert unrendered(pages[file]) == []
    browser.look("phone")
    assert browser.faults(file.as_uri(), file.parent.as_uri()) == []


@pytest.mark.parametrize("raw", [
    "<p>As $x$ grows</p>", r"<p>\(x\)</p>", r"<p>\[x\]</p>", r"<p>a \frac{1}{2}</p>",
    '<p><span class="katex-error">x</span></p>', "<p>see :math:`x`</p>", "<h2>$d_k$</h2>",
])  # fmt: skip
def test_raw_maths_is_found(raw):
    assert len(unrendered(Page(SOUND.format(raw)))) == 1


@pytest.mark.parametrize(("link", "fault"), [
    ('<a href="gone.html">x</a>', "does not exist"),
    ('<a href="../outside.html">x</a>', "leads out of the site"),
    ('<a href="#nowhere">x</a>', "names an anchor that"),
    ('<a href="page.html#nowhere">x</a>', "names an anchor that"),
    ('<a href="/page.html">x</a>', "is not a relative path"),
    ('<img src="gone.png" alt="">', "does not exist"),
    ('<script src="https://example.org/x.js"></script>', "loaded from elsewhere"),
    ('<link rel="stylesheet" href="//example.org/x.css">', "loaded from elsewhere"),
])  # fmt: skip
def test_dead_links_are_found(write, link, fault):
    file = write(link)
    (found,) = dead_links(read_all(file.parent), file.parent)
    assert fault in found


def test_a_page_that_nothing_links_to_is_found(write):
    first = write('<a href="second.html">x</a>')
    for name in ("second", "third"):
        (first.parent / f"{name}.html").write_text(SOUND.format(""))
    assert unreached(read_all(first.parent), first) == ["third.html"]


@pytest.mark.parametrize(("inside", "fault"), [
    ("<script>console.error('oh')</script>", "console: "),
    ("<script>nothing.there()</script>", "console: "),
    ('<img alt="" src="gone.png">', "console: "),
    ('<p class="katex-html"><b class="katex-base">x = 1</b>'
     '<i class="katex-tag" style="position: absolute; left: 0">(7)</i></p>',
     "covers a part of its formula: (7)"),
    ('<div class="wide" style="width: 900px">x</div>', "wider than the window: div.wide"),
])  # fmt: skip
def test_what_the_browser_sees_is_found(write, browser, inside, fault):
    file = write(inside)
    browser.look("phone")
    (found,) = browser.faults(file.as_uri(), file.parent.as_uri())
    assert fault in found


def test_a_request_that_leaves_the_site_is_found(write, browser):
    file = write('<script>fetch("http://127.0.0.1:9/x").catch(() => 0)</script>')
    found = browser.faults(file.as_uri(), file.parent.as_uri())
    assert "asks for http://127.0.0.1:9/x" in found


def test_what_scrolls_by_itself_is_not_too_wide(write, browser):
    file = write('<div style="overflow-x: auto"><div style="width: 900px">x</div></div>')
    browser.look("phone")
    assert browser.faults(file.as_uri(), file.parent.as_uri()) == []


@pytest.mark.parametrize(("inside", "script", "fault"), [
    ('<b class="m" style="transition: color 1s">x</b>', MOVING, "b.m"),
    ("<style>@keyframes k { to { left: 0 } } i { animation: k 1s }</style><i>x</i>", MOVING, "i."),
    ('<p class="p" style="color: #999">x</p>', PALE, "p.p 2.85: x"),
    ('<p style="background: #333; color: #000">x</p>', PALE, "p. 1.66: x"),
])  # fmt: skip
def test_what_moves_and_what_is_pale_is_found(write, browser, inside, script, fault):
    browser.driver.get(write().as_uri())
    assert browser.ask(script) == []
    browser.driver.get(write(inside).as_uri())
    assert browser.ask(script) == [fault]


def test_without_chromium_the_test_fails_and_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(browsers.shutil, "which", lambda name: None)
    with pytest.raises(pytest.fail.Exception, match="need chromium: .*apt-get install chromium"):
        Browser(tmp_path)
