"""The README's picture of a page, as PNG: `python scripts/screenshots.py report.html FOLDER`."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import Browser

WIDTH = 1200
LAST = "#study-0 .over-doses"
"""The picture ends where this element does."""
COLOURS = 64
"""Of the picture's palette: a page has few, and the file stays small."""


def main(page: Path, folder: Path) -> None:
    """Write the picture."""
    folder.mkdir(parents=True, exist_ok=True)
    with Browser() as browser:
        opened = browser.open(page, width=WIDTH)
        bottom = opened.run(f"document.querySelector('{LAST}').getBoundingClientRect().bottom + scrollY")
        seen = opened.capture({"x": 0, "y": 0, "width": WIDTH, "height": bottom + 16, "scale": 1})
    small = Image.open(BytesIO(seen)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(folder / "page.png", optimize=True)
    print(folder / "page.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
