"""A folder of images by class -> uint8 arrays of one size.

Two layouts: `<class>/<image>`, or `train|val|validation|test/<class>/<image>`. A `val` folder without a `test` folder
holds the test images (as in ImageNet's layout), for validation images are then split from train.

Every image is treated by the same rules, so that runs stay paired: turned as its EXIF says; transparent parts black;
palette and CMYK to RGB; 16 bits to the upper 8; grey is repeated in three channels when any image has colour; then the
largest central square is resized to `size` by an antialiased bilinear filter.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from barnspider.errors import DataError, listing

MOST_PIXELS = 100_000_000
"""A larger image is refused as a decompression bomb."""

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""Endings that count as images, in small letters; other files are passed over."""

_PARTS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}


@dataclass(frozen=True, eq=False)
class Part:
    """Images of one subfolder: UInt8[N, H, W, C], Int64[N], Str[N] (paths relative to the root)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    sample: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Pictures:
    """What a folder holds: class names in alphabetical order, and "train" with or without the other two parts."""

    classes: tuple[str, ...]
    parts: dict[str, Part]


def read_folder(root: Path, size: int) -> Pictures:
    """Read all images under `root`.

    Raises
    ------
    DataError
        When there are no classes, a part lacks or adds classes, or an image is truncated, too large or of an unknown
        kind: names the file.
    """
    parts = _parts(root)
    classes = _classes(root, parts)
    files = {name: _images(folder, classes) for name, folder in parts.items()}
    decoded = {name: [_decode(path, size) for path, _ in found] for name, found in files.items()}
    grey = all(image.mode == "L" for images in decoded.values() for image in images)
    return Pictures(
        classes,
        {
            name: Part(
                _stack(decoded[name], grey=grey),
                np.array([label for _, label in found], dtype=np.int64),
                np.array([path.relative_to(root).as_posix() for path, _ in found], dtype=np.str_),
            )
            for name, found in files.items()
        },
    )


def _parts(root: Path) -> dict[str, Path]:
    folders = {_PARTS[f.name]: f for f in _folders(root) if f.name in _PARTS}
    if not folders:
        return {"train": root}
    if "train" not in folders:
        raise DataError(f"{str(root)!r} has {listing(folders)} but no train; expected train/<class>/<image>")
    if "validation" in folders and "test" not in folders:
        folders["test"] = folders.pop("validation")
    return folders


def _classes(root: Path, parts: dict[str, Path]) -> tuple[str, ...]:
    found = {name: tuple(f.name for f in _folders(folder)) for name, folder in parts.items()}
    classes = found["train"]
    if len(classes) < 2:
        raise DataError(f"{str(parts['train'])!r} has {len(classes)} folders; expected one for each class, two or more")
    for name, other in found.items():
        if other != classes:
            raise DataError(
                f"{str(root)!r}: {name} and train differ in classes: {listing(sorted({*other} ^ {*classes}))}"
            )
    return classes


def _folders(folder: Path) -> list[Path]:
    return sorted((f for f in folder.iterdir() if f.is_dir() and not f.name.startswith(".")), key=lambda f: f.name)


def _images(folder: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
    found = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in ENDINGS and path.is_file()
    ]
    if not found:
        raise DataError(f"{str(folder)!r} holds no images; expected <class>/<image> with endings {listing(ENDINGS)}")
    return found


def _decode(path: Path, size: int) -> Image.Image:
    """Return one image as "L" or "RGB", size by size."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _check_size(path, image)
                upright = ImageOps.exif_transpose(image)
                return ImageOps.fit(_eight_bits(path, upright), (size, size), Image.Resampling.BILINEAR)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{str(path)!r} cannot be read as an image: {error}; repair or remove it") from error


def _check_size(path: Path, image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise DataError(f"{str(path)!r} has {image.width} x {image.height} pixels; expected at most {MOST_PIXELS:,}")


def _eight_bits(path: Path, image: Image.Image) -> Image.Image:
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))
    if image.mode == "F":
        raise DataError(f"{str(path)!r} holds fractions (mode F); expected 8 or 16 bits; convert or remove it")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        black = Image.new("RGBA", clear.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, clear)
    return image.convert("RGB")


def _stack(images: Sequence[Image.Image], *, grey: bool) -> NDArray[np.uint8]:
    if grey:
        return np.stack([np.asarray(image) for image in images])[..., None]
    return np.stack([np.asarray(image.convert("RGB")) for image in images])
