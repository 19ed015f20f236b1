"""One encoded image -> a square of bytes. Every image is treated by the same rules, so that runs stay paired.

Turned as its EXIF says; of an animation the first picture; transparent parts black; palette and CMYK to RGB; 16 bits to
the upper 8; then the largest central square is resized by an antialiased bilinear filter: the short side becomes
`size`, the centre is kept. A JPEG file more than twice too large is halved while it is decoded, as often as that goes.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from barnspider.errors import DataError

POLICY = 1
"""Raised when the rules would give other bytes than before: part of every packed set's key."""

MOST_PIXELS = 100_000_000
"""A larger image is refused as a decompression bomb."""

_REFUSED = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning)


def decode(content: bytes, size: int) -> tuple[NDArray[np.uint8], bool]:
    """Return UInt8[size, size, 3], and whether the image has colour (a grey one has three equal channels).

    Raises
    ------
    DataError
        When it is truncated, too large, or of an unknown kind: says why.

    Examples
    --------
    >>> file = io.BytesIO()
    >>> Image.new("L", (40, 30), 7).save(file, "png")
    >>> pixels, colour = decode(file.getvalue(), 8)
    >>> pixels.shape, colour, int(pixels.max())
    ((8, 8, 3), False, 7)
    """
    if not content:
        raise DataError("it is empty, or damaged in its archive")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                _check_size(image)
                image.draft(None, (2 * size, 2 * size))
                upright = _eight_bits(ImageOps.exif_transpose(image))
                square = ImageOps.fit(upright, (size, size), Image.Resampling.BILINEAR)
    except _REFUSED as error:
        unknown = isinstance(error, UnidentifiedImageError)
        raise DataError("it is no image, or of an unknown kind" if unknown else str(error)) from error
    return np.asarray(square.convert("RGB")), square.mode != "L"


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise DataError(f"it has {image.width} x {image.height} pixels; expected at most {MOST_PIXELS:,}")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the image as "L" or "RGB"."""
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))
    if image.mode == "F":
        raise DataError("it holds fractions (mode F); expected 8 or 16 bits")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        black = Image.new("RGBA", clear.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, clear)
    return image.convert("RGB")
