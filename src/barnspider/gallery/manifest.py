"""gallery.toml -> which packed studies the gallery shows, and what each bears on.

    page = "../docs/reproduction.md"     # where tables go, between marks
    figures = "../docs/images/gallery"   # where figures go

    [[study]]
    name = "fashion-mnist-crop"          # what it is called in tables and files; each once
    file = "fashion-mnist-crop.xz"       # made by `barnspider pack`
    toml = "../studies/fashion-mnist-crop.toml"
    claims = ["optimum", "minority"]

All paths are relative to the manifest.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from barnspider.errors import InputError, listing

NAME = "gallery.toml"
Claim = Literal["optimum", "minority", "uninformed", "transfer", "preservation"]
Control = Literal["epochs", "width", "train_images", "network"]
Drawn = Literal["dose-curves", "tolls", "forest"]


class Entry(BaseModel):
    """One study of the gallery.

    Attributes
    ----------
    name : what it is called; `file` : the packed file; `study` : which of it, where there are several
    toml : the study file that trains it, which must be of the same recipe
    claims : on which of the paper's claims it bears
    control : the fields of the recipe, such as epochs, by one of which it differs from other studies of that control
    published : of Angelakis & Rass's findings: a study of theirs with or without flips
    same_recipe, noise : whether it is a negative control, and whether it shows the noise of training
    figures : what is drawn of it
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    file: str
    study: str | None = None
    toml: str = ""
    claims: list[Claim] = []
    control: list[Control] = []
    published: Literal["", "flips", "no flips"] = ""
    same_recipe: bool = False
    noise: bool = False
    figures: list[Drawn] = []


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    page: str
    figures: str
    study: list[Entry]


class Manifest(BaseModel):
    """What a gallery shows, and where: `folder` holds the packed files, `figures` the figures, `page` the tables."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    page: Path
    figures: Path
    entries: tuple[Entry, ...]


def read_manifest(folder: str | Path) -> Manifest:
    """Read a gallery's manifest.

    Raises
    ------
    InputError
        When it is not there, or a field is missing, unknown or wrong, or a name stands twice.
    """
    path = Path(folder) / NAME
    try:
        read = _Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror}; expected a gallery's manifest") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} is no TOML: {error}") from None
    except ValidationError as error:
        raise InputError(f"{str(path)!r} is no manifest: {'; '.join(map(_complaint, error.errors()))}") from None
    names = [entry.name for entry in read.study]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{str(path)!r} has two studies called {listing(twice)}; expected each name once")
    place = path.parent
    return Manifest(folder=place, page=place / read.page, figures=place / read.figures, entries=tuple(read.study))


def _complaint(error: Any) -> str:
    where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in error["loc"])
    return f"{where}={error['input']!r}: {error['msg']}" if error["type"] != "missing" else f"{where} is missing"
