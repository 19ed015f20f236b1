"""Many small pictures -> one encoded image: exactly as PNG, or much smaller, with losses, as WebP."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from barnspider.examples import COLUMNS, Kind

Pixels = NDArray[np.uint8]

LOSSY: Kind = "webp" if features.check("webp") else "png"
"""How pictures are encoded that must be small; a Pillow that was built without WebP takes PNG."""

QUALITY = 85
"""Of WebP, 0 to 100."""

BLOCK = 16
"""Pixels of WebP's blocks: a cell of whole blocks does not bleed into its neighbours."""


@dataclass
class Sheet:
    """Collects pictures of one size, equal ones once, and encodes them as cells of one image.

    Examples
    --------
    >>> sheet = Sheet()
    >>> [sheet.place(np.full((8, 8, 1), level, np.uint8)) for level in (0, 90, 0)]
    [0, 1, 0]
    >>> with Image.open(io.BytesIO(sheet.encoded("png"))) as image:
    ...     image.size, image.getpixel((8, 0))
    ((128, 8), 90)
    """

    _pictures: list[Pixels] = field(default_factory=list[Pixels])
    _known: dict[bytes, int] = field(default_factory=dict[bytes, int])

    def place(self, picture: Pixels) -> int:
        """Return the cell of a picture, UInt8[H, W, 1 or 3], which is added where it is new."""
        cell = self._known.setdefault(picture.tobytes(), len(self._pictures))
        if cell == len(self._pictures):
            self._pictures.append(picture)
        return cell

    def encoded(self, kind: Kind) -> bytes:
        """Return all pictures as one file, `COLUMNS` to a row; of none, nothing."""
        if not self._pictures:
            return b""
        pictures = np.stack(self._pictures)
        count, height, width, channels = pictures.shape
        high, wide = pitch((height, width), kind)
        rows = -(-count // COLUMNS)
        cells = np.zeros((rows * COLUMNS, high, wide, channels), np.uint8)
        cells[:count] = np.pad(pictures, ((0, 0), (0, high - height), (0, wide - width), (0, 0)), mode="edge")
        cells = cells.reshape(rows, COLUMNS, high, wide, channels).swapaxes(1, 2)
        return _file(cells.reshape(rows * high, COLUMNS * wide, channels), kind)


def pitch(size: tuple[int, int], kind: Kind) -> tuple[int, int]:
    """Return height and width of a cell for pictures of this height and width.

    Examples
    --------
    >>> pitch((28, 28), "png"), pitch((28, 28), "webp")
    ((28, 28), (32, 32))
    """
    height, width = size
    return size if kind == "png" else (-(-height // BLOCK) * BLOCK, -(-width // BLOCK) * BLOCK)


def fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return height and width, made smaller where the longer one has more than so many pixels.

    Examples
    --------
    >>> fitted((160, 120), 96), fitted((28, 20), 96)
    ((96, 72), (28, 20))
    """
    height, width = size
    share = min(1.0, longest / max(size))
    return max(1, round(height * share)), max(1, round(width * share))


def smaller(pictures: Pixels, longest: int) -> Pixels:
    """Return pictures, UInt8[n, H, W, C], whose longer side is at most so many pixels; small ones as they are.

    Examples
    --------
    >>> smaller(np.zeros((2, 40, 20, 3), np.uint8), 32).shape
    (2, 32, 16, 3)
    """
    count, height, width, channels = pictures.shape
    high, wide = fitted((height, width), longest)
    if (high, wide) == (height, width):
        return pictures
    made = np.zeros((count, high, wide, channels), np.uint8)
    for k, picture in enumerate(pictures):
        resized = _image(picture).resize((wide, high), Image.Resampling.LANCZOS)
        made[k] = np.asarray(resized).reshape(high, wide, channels)
    return made


def _image(picture: Pixels) -> Image.Image:
    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)


def _file(picture: Pixels, kind: Kind) -> bytes:
    file = io.BytesIO()
    if kind == "png":
        _image(picture).save(file, "png", optimize=True)
    else:
        _image(picture).save(file, "webp", quality=QUALITY, method=6)
    return file.getvalue()
