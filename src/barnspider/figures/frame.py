"""Where a chart stands and how it looks: colours, width, letters. On a page the style sheet decides; on paper we do."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from barnspider.errors import InputError
from barnspider.words import columns

INCH = 25.4  # millimetres
PIXELS = 96  # of CSS and SVG, in an inch
NARROWEST, WIDEST = 50.0, 500.0  # millimetres
PRESETS = {"column": 85.0, "page": 175.0}
"""Widths in millimetres: one column of a journal with two of them, and its whole page."""

_LETTER = 0.55  # mean width of a letter, as a share of its size


@dataclass(frozen=True)
class Palette:
    """Colours of a figure; harm and benefit differ in shape and dash as well, never in colour alone."""

    ink: str
    paper: str
    soft: str
    grid: str
    harm: str
    help: str
    same: str
    unclear: str
    chosen: str
    ramp: tuple[str, ...]  # nine steps from great harm to great benefit


# Vermilion against blue is told apart with every common kind of colour blindness (Okabe and Ito 2008).
LIGHT = Palette(
    ink="#1d2330", paper="#ffffff", soft="#5b6472", grid="#e3e6eb", harm="#c2410c", help="#0b6bb5", same="#46515f",
    unclear="#9aa3b0", chosen="#7a2f9b",
    ramp=("#f08a4b", "#f6ad7b", "#fbcfae", "#fde8d9", "#f1f3f6", "#dcebf8", "#b4d5f0", "#84bae4", "#559dd6"),
)  # fmt: skip
# In the report the page's style sheet decides, so that one drawing serves light, dark and print.
PAGE = Palette(
    ink="var(--ink)", paper="var(--card)", soft="var(--soft)", grid="var(--grid)", harm="var(--harm)",
    help="var(--help)", same="var(--same)", unclear="var(--unclear)", chosen="var(--chosen)",
    ramp=tuple(f"var(--ramp{i})" for i in range(9)),
)  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """Where a chart stands: its whole width (None: as the page lets it) and the size of its letters, in pixels."""

    width: int | None
    letters: float = 12

    @property
    def wide(self) -> int:
        """The width to reckon with."""
        return self.width or 620

    def beside(self, names: Iterable[str]) -> float:
        """Return about how much room the names at the left of a chart take, each no more than `names_limit`."""
        return min(self.names_limit, max(map(self.length, names), default=0.0)) + self.letters

    @property
    def names_limit(self) -> float:
        """How many pixels the name of a class may take beside a chart."""
        return 150 if self.width is None else min(self.sized(190), 0.36 * self.width)

    def tall(self, on_screen: float, share: float) -> float:
        """Return the height of a plot: as given or, on paper, a share of the width if that is less."""
        return on_screen if self.letters == ON_SCREEN.letters else round(min(on_screen, share * self.wide))

    def sized(self, pixels: float) -> float:
        """Return a length that goes with letters of 12 pixels, for letters of this size."""
        return pixels * self.letters / 12

    def area(self, pixels: float) -> float:
        """Return the same for the area of a mark."""
        return pixels * (self.letters / 12) ** 2

    def length(self, text: str) -> float:
        """Return about how long a text is."""
        return _LETTER * self.letters * columns(text)

    def lines(self, text: str, room: float) -> list[str]:
        """Return a text in lines that fit into so many pixels."""
        return textwrap.wrap(text, max(8, int(room / (_LETTER * self.letters)))) or [""]


IN_PAGE = Frame(None)
ON_SCREEN = Frame(640)


def on_paper(width: float | str) -> Frame:
    """Return the frame of a figure so many millimetres wide, or of a preset; its letters are 7.5 points high.

    Raises
    ------
    InputError
        When it is neither a number from 50 to 500 nor the name of a preset.

    Examples
    --------
    >>> on_paper("column").width, on_paper(85).letters
    (321, 10)
    """
    try:
        size = PRESETS[width] if width in PRESETS else float(width)  # pyright: ignore[reportArgumentType]
    except ValueError:
        size = float("nan")
    if not NARROWEST <= size <= WIDEST:
        known = ", ".join(f"{name} ({mm:g})" for name, mm in PRESETS.items())
        raise InputError(f"width={width!r}; expected millimetres from {NARROWEST:g} to {WIDEST:g}, or one of: {known}")
    return Frame(round(size / INCH * PIXELS), 10)
