"""Where the derivations are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "derivations"
PAGES = sorted(FOLDER.glob("*.md"))
BY_FUNCTION = [page for page in PAGES if page.stem != "index"]


def text_of(page):
    return page.read_text(encoding="utf-8")
