"""The site as a reader sees it: built by its command, with every page opened in Chromium."""

import functools
import http.server
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.site.browser import SIZES, Browser
from tests.site.pages import dead_links, read_all, unreached, unrendered
from tests.site.scripts import COPIED, FOUND, MOVING, PALE, PAPER, UNPRINTABLE

ROOT = Path(__file__).parents[2]
KINDS = (
    "index", "notebooks/index", "notebooks/06_attention", "docs/derivations/softmax",
    "docs/solutions/softmax", "minitransformer/index", "minitransformer/functional/softmax",
    "minitransformer/layers/encoder", "minitransformer/models/classifier", "docs/howto/own_data",
    "api/functional", "api/runs", "docs/using", "docs/results", "docs/performance", "docs/numerics",
    "docs/architecture", "docs/data", "docs/reliability", "tests/verification/test_ledger",
    "search",
)  # fmt: skip
TAB, ENTER = "\ue004", "\ue007"  # as WebDriver writes them
ANNOTATED = ("functional", "layers", "models")


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    """The folder of the site: the one that --built names, or a new build."""
    if named := request.config.getoption("--built"):
        return Path(named).resolve()
    folder = tmp_path_factory.mktemp("site").resolve() / "built"
    command = [sys.executable, "-m", "docs.build", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return read_all(site)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def screenshots(request, tmp_path_factory):
    """The folder for screenshots: the one that --screenshots names, or one of pytest's."""
    named = request.config.getoption("--screenshots")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def served(site):
    """Address of the site on a web server, in a subfolder, as on a server with many projects."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    handler = functools.partial(Quiet, directory=site.parent)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{site.name}/"
    server.shutdown()
    server.server_close()
    thread.join()


def report(faults):
    return "\n".join(faults[:40])


def test_every_part_of_the_site_is_there(site):
    assert [kind for kind in KINDS if not (site / f"{kind}.html").exists()] == []
    for folder in ANNOTATED:
        for file in (ROOT / "minitransformer" / folder).rglob("*.py"):
            page = file.relative_to(ROOT).with_suffix(".html")
            assert (site / page).exists(), file
    for file in [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "docs").glob("**/*.md")]:
        path = file.relative_to(ROOT).with_suffix(".html")
        is_there = (site / path).exists() or path.name == "index.html" or "_static" in path.parts
        assert is_there, file


def test_no_link_is_dead(site, pages):
    found = dead_links(pages, site)
    assert not found, report(found)


def test_no_page_names_a_place_of_the_machine_that_built_it(pages):
    assert [path.name for path in pages if str(ROOT) in path.read_text("utf-8")] == []


def test_every_page_is_reached_from_the_first(site, pages):
    assert unreached(pages, site / "index.html") == []


def test_every_formula_is_rendered(pages):
    found = [f"{path.name}: {text}" for path, page in pages.items() for text in unrendered(page)]
    assert not found, report(found)


def test_every_page_opens_from_the_disk_without_a_fault(site, pages, browser):
    """On a phone, the narrowest screen: no console error, no outside request, nothing cut off."""
    browser.look("phone")
    found = []
    for path in pages:
        faults = browser.faults(path.as_uri(), site.as_uri() + "/")
        found += [f"{path.relative_to(site)}: {fault}" for fault in faults]
    assert not found, report(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_kind_of_page_from_a_server(served, browser, screenshots, size, scheme):
    browser.look(size, scheme)
    found = []
    for kind in KINDS:
        faults = browser.faults(f"{served}{kind}.html", served)
        found += [f"{kind}: {fault}" for fault in faults]
        found += [f"{kind}: pale text: {text}" for text in browser.ask(PALE)]
        browser.picture(screenshots / f"{kind.replace('/', '-')}-{size}-{scheme}.png")
    assert not found, report(found)
    assert len(list(screenshots.glob(f"*-{size}-{scheme}.png"))) == len(KINDS)


def search(site, browser, query):
    """The addresses that the search finds, once it is done."""
    browser.look()
    address = (site / "search.html").as_uri() + f"?q={query}"
    assert browser.faults(address, site.as_uri() + "/") == []
    for _ in range(100):
        if "finished" in browser.ask("return document.querySelector('.search-summary').innerText"):
            break
        time.sleep(0.1)
    return browser.ask(FOUND)


def test_the_search_works_from_the_disk(site, browser):
    """Its index is a script, because a page opened from a disk cannot fetch anything."""
    assert any("softmax" in address for address in search(site, browser, "softmax_backward"))


@pytest.mark.parametrize("query", ["softmax", "attention", "layer+norm", "dropout", "embedding"])
def test_the_search_shows_what_explains_before_solutions_and_tests(site, browser, query):
    found = search(site, browser, query)
    last = ("docs/solutions/", "tests/")
    kinds = [address.startswith(last) for address in found]
    assert kinds == sorted(kinds), found
    notebook = next(i for i, address in enumerate(found) if address.startswith("notebooks/"))
    assert notebook < 5, found[:6]


def test_a_result_of_the_search_shows_where_the_word_is(site, browser):
    search(site, browser, "softmax")
    for _ in range(100):
        if shown := browser.ask("return [...document.querySelectorAll('p.context mark')]"):
            break
        time.sleep(0.1)
    assert {mark.text.lower().startswith("softmax") for mark in shown} == {True}


def test_nothing_covers_or_cuts_off_a_printed_page(site, browser):
    browser.look(medium="print")
    found = []
    for kind in KINDS:
        browser.driver.get((site / f"{kind}.html").as_uri())
        found += [f"{kind}: {fault}" for fault in browser.ask(UNPRINTABLE)]
    browser.look()
    assert not found, report(found)


@pytest.mark.parametrize(("scheme", "medium", "paper"), [
    ("light", "screen", "white"), ("dark", "screen", "dark"), ("dark", "print", "white"),
])  # fmt: skip
def test_figures_are_dark_on_dark_pages_and_white_on_paper(site, browser, scheme, medium, paper):
    browser.look(scheme=scheme, medium=medium)
    for page in ("notebooks/06_attention", "docs/using"):
        browser.driver.get((site / f"{page}.html").as_uri())
        assert set(browser.ask(PAPER)) == {paper}, page
    browser.look()


def test_examples_have_a_button_that_copies_them_and_output_has_none(site, browser):
    browser.look()
    browser.driver.get((site / "notebooks/06_attention.html").as_uri())
    buttons = "return document.querySelectorAll('{} .copybtn').length"
    cells = browser.ask("return document.querySelectorAll('.cell_input pre').length")
    assert browser.ask(buttons.format(".cell_input")) == cells > 5
    assert browser.ask(buttons.format(".cell_output")) == 0


@pytest.mark.parametrize(("page", "copied"), [
    ("docs/derivations/softmax", "import numpy as np\nfrom minitransformer.functional import"),
    ("minitransformer/functional/softmax", "import numpy as np\n\nfrom minitransformer.backend"),
], ids=["doctest", "source"])  # fmt: skip
def test_a_button_copies_code_without_prompts_output_and_line_numbers(site, browser, page, copied):
    browser.look()
    browser.driver.get((site / f"{page}.html").as_uri())
    text = browser.ask(COPIED)
    assert text.startswith(copied)
    assert not re.search(r"^(?:>>>|array|\d)", text, re.MULTILINE), text


def test_every_notebook_can_be_downloaded_as_it_is(site, pages):
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        path = site / "notebooks" / f"{notebook.stem}.html"
        (link,) = [link for _, link in pages[path].links if link.endswith(".ipynb")]
        assert (path.parent / link).read_bytes() == notebook.read_bytes()


def test_next_leads_through_the_derivations_in_the_order_of_the_notebooks(site):
    following = re.compile(r'<link rel="next" [^>]*href="([^"]+)"')
    notebook = re.compile(r"notebooks/(\d\d)_\w+\.html")
    path, order = site / "docs/derivations/index.html", []
    while len(order) < len(list((ROOT / "docs/derivations").glob("*.md"))) - 1:
        path = path.parent / following.search(path.read_text("utf-8"))[1]
        article = path.read_text("utf-8").partition("<article")[2]
        order.append(notebook.search(article)[1])
    assert order == sorted(order)


def test_the_notebooks_have_one_name(pages):
    found = [path.name for path, page in pages.items()
             if any(text.strip() == "Tutorial" for text in page.prose)]  # fmt: skip
    assert found == []


def test_nothing_moves_for_readers_who_ask_for_no_motion(site, browser):
    browser.look(motion="reduce")
    for kind in KINDS[:2]:
        browser.driver.get((site / f"{kind}.html").as_uri())
        assert browser.ask(MOVING) == []


def test_the_keyboard_reaches_the_text_past_the_list_of_pages(site, browser):
    browser.look(motion="reduce")  # otherwise the hidden link would slide in
    browser.driver.get((site / "minitransformer/functional/softmax.html").as_uri())
    first = browser.press(TAB)
    assert first.text == "Skip to content"
    assert first.is_displayed()
    browser.press(ENTER)
    inside = browser.press(TAB)
    assert inside.find_elements("xpath", "ancestor::article"), inside.get_attribute("outerHTML")
