"""A gallery's manifest -> its files: figures, and the page with its generated parts made anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from barnspider.errors import InputError
from barnspider.gallery import claims, noise, published, studies
from barnspider.gallery.found import Found, gather, relative
from barnspider.gallery.manifest import Drawn, Manifest
from barnspider.gallery.marked import renewed

if TYPE_CHECKING:
    import altair as alt

TOLD: dict[Drawn, str] = {
    "dose-curves": "The average and every class over the doses:",
    "tolls": "What the best average costs each class:",
    "forest": "What the best average does to each class:",
}


@dataclass(frozen=True)
class Section:
    """A generated part of the page: its name, what makes it, and which studies it is about."""

    name: str
    make: Callable[[Sequence[Found]], str]
    takes: Callable[[Found], bool]


SECTIONS = (
    Section("studies", studies.studies, lambda _: True),
    Section("optimum", claims.optimum, lambda f: "optimum" in f.entry.claims),
    Section("minority", claims.minority, lambda f: "minority" in f.entry.claims),
    Section("uninformed", claims.both, lambda f: "uninformed" in f.entry.claims),
    Section("transfer", claims.transfer, lambda f: "transfer" in f.entry.claims),
    Section("preservation", claims.preservation, lambda f: "preservation" in f.entry.claims),
    Section("controls", studies.controls, lambda f: bool(f.entry.control)),
    Section("angelakis-rass", published.angelakis_rass, lambda f: bool(f.entry.published)),
    Section("same-recipe", noise.same_recipe, lambda f: f.entry.same_recipe),
    Section("noise", noise.noise, lambda f: f.entry.noise),
)


def files(manifest: Manifest) -> dict[Path, bytes]:
    """Return every file that the gallery consists of, by its path: figures and the page.

    Raises
    ------
    InputError, StoreError
        When a packed file or the page cannot be read, or a part has no place in the page.
    """
    found = gather(manifest)
    try:
        page = manifest.page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"page={str(manifest.page)!r} cannot be read: {error}; expected Markdown with marks") from None
    made = parts(found, relative(manifest.figures, manifest.page.parent))
    pictures = {manifest.figures / name: data for f in found for name, data in _figures(f).items()}
    return {**pictures, manifest.page: renewed(page, made, repr(str(manifest.page))).encode()}


def parts(found: Sequence[Found], figures: str) -> dict[str, str]:
    """Return what stands between the page's marks, by the marks' names.

    Parameters
    ----------
    figures
        Where the figures lie, from the page. Each stands below the first table that its study is in.
    """
    made: dict[str, str] = {}
    drawn: set[str] = set()
    for section in SECTIONS:
        those = [f for f in found if section.takes(f)]
        blocks = [section.make(those)] if those else []
        if section.name != "studies":
            blocks += [line for f in those if f.entry.name not in drawn for line in _pictures(f, figures)]
            drawn |= {f.entry.name for f in those}
        made[section.name] = "\n\n".join(blocks)
    return made


def _pictures(f: Found, figures: str) -> list[str]:
    return [f"![{TOLD[kind]} {f.entry.name}]({figures}/{_file(f, kind)})" for kind in f.entry.figures]


def _file(f: Found, kind: Drawn) -> str:
    return f"{f.entry.name}-{kind}.svg"


def _figures(f: Found) -> dict[str, bytes]:
    """Return the figures of a study that the manifest asks for, as SVG, by their files' names."""
    from barnspider.figures import svg

    return {_file(f, kind): svg(_chart(f, kind)) for kind in f.entry.figures}


def _chart(f: Found, kind: Drawn) -> alt.LayerChart:
    from barnspider import figures

    if kind == "dose-curves":
        return figures.dose_curves(f.effects, arm=f.arm, axis=f.axis, width="column")
    return (
        figures.toll_plot(f.tolls, width="column")
        if kind == "tolls"
        else figures.forest(f.effects, arm=f.arm, width="column")
    )
