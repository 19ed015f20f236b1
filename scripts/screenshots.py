"""Pictures of a page's parts as PNG: `python scripts/screenshots.py report.html FOLDER`."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import Browser, Page

WIDTH = 1200
PARTS = {
    # name: (from the top of this element, to the bottom of that one, dark)
    "page": ("header", "#study-0 .columns > figure", False),
    "dark": ("#study-0 h2", "#study-0 .columns > figure", True),
    "classes": ("#study-0 figure:has(.forest)", "#study-0 figure:has(.forest)", False),
    "table": ("#study-0 .table", "#study-0 .table", False),
}
COLOURS = 64
"""Of a picture's palette: a page has few, and the files stay small."""


def main(page: Path, folder: Path) -> None:
    """Write a picture of each part."""
    folder.mkdir(parents=True, exist_ok=True)
    with Browser() as browser:
        for dark in (False, True):
            opened = browser.open(page, width=WIDTH, dark=dark)
            for name, (first, last, scheme) in PARTS.items():
                if scheme == dark:
                    picture(opened, first, last).save(folder / f"{name}.png", optimize=True)
                    print(folder / f"{name}.png")


def picture(page: Page, first: str, last: str) -> Image.Image:
    """Return what is seen between two elements, over the page's whole width."""
    top, bottom = (
        page.run(f"document.querySelector('{selector}').getBoundingClientRect().{edge} + scrollY")
        for selector, edge in ((first, "top"), (last, "bottom"))
    )
    clip = {"x": 0, "y": max(0, top - 16), "width": WIDTH, "height": bottom - top + 32, "scale": 1}
    seen = Image.open(BytesIO(page.capture(clip))).convert("RGB")
    return seen.quantize(COLOURS, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
