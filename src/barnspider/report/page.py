"""Put the page together: template, style, scripts, data, and a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from barnspider.effects import Effects
from barnspider.errors import InputError
from barnspider.examples import MOST_BYTES
from barnspider.files import write_whole
from barnspider.gate import Verdict
from barnspider.report.study import Study

SCRIPTS = (
    "data.js",
    "words.js",
    "charts.js",
    "table.js",
    "arrows.js",
    "flows.js",
    "detail.js",
    "preserved.js",
    "examples.js",
    "page.js",
)  # in this order, as one script


def write_report(
    path: str | Path,
    effects: Effects | Study | Mapping[str, Effects | Study],
    *,
    verdict: Verdict | None = None,
    title: str | None = None,
    story: Sequence[str] = (),
    provenance: Mapping[str, object] | None = None,
) -> Path:
    """Write one self-contained HTML page about one study, or about several, each under its name.

    Parameters
    ----------
    path
        Where to write; the page appears whole or not at all.
    effects
        One study, or name -> study. `gather` makes a Study of effects: best doses, tolls, curves, inequality as well.
    verdict
        What a gate said; shown at the top. The page opens on the arm that failed worst.
    title
        The page's heading; by default "Who pays on ...?" with the name of the images.
    story
        Plain sentences to show on top.
    provenance
        What was run: name -> anything that `str` turns into words.

    Raises
    ------
    InputError
        When there is no study, a study has no arm beside its baseline or no class, or example images are too large.
    StoreError
        When the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from barnspider import estimate, simulate
    >>> effects = estimate(simulate(classes=3, images=20, runs=2).predictions, baseline="baseline")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(f"{folder}/report.html", effects, story=["One class paid for all."]).name
    'report.html'
    """
    given = {"": effects} if isinstance(effects, Effects | Study) else effects
    studies = {name: Study(x) if isinstance(x, Effects) else x for name, x in given.items()}
    _check(studies)
    heading = title or _title(studies)
    text = render(studies, verdict=verdict, title=heading, story=story, provenance=provenance or {})
    # A lone surrogate is no text that a file can hold; the browser would show the same mark.
    data = text.encode("utf-8", errors="replace")
    return write_whole(Path(path), lambda file: file.write(data))


def render(
    studies: Mapping[str, Study],
    *,
    verdict: Verdict | None,
    title: str,
    story: Sequence[str],
    provenance: Mapping[str, object],
) -> str:
    """Return the page as text."""
    from barnspider.report import contents, words  # loads Altair, which `import barnspider` must not
    from barnspider.report.packing import sealed

    style, app, bundle = asset("style.css"), _app(), _bundle()
    data = [contents.study(name, x, place, verdict) for place, (name, x) in enumerate(studies.items())]
    return _template().render(
        title=title,
        policy=_policy(scripts=(bundle, app), styles=(style,)),
        style=_trusted(style),
        bundle=_trusted(sealed(bundle)),
        app=_trusted(app),
        notice=_trusted(asset("vega-license.txt")),
        data=_trusted(sealed({"studies": data})),
        studies=[contents.summary(x, known) for x, known in zip(studies.values(), data, strict=True)],
        speaks_for=words.speaks_for(x.effects for x in studies.values()),
        verdict=None if verdict is None else contents.judged(verdict),
        story=list(story),
        provenance=[(str(name), str(value)) for name, value in provenance.items()],
    )


@cache
def asset(name: str) -> str:
    """Return a file of this package as text with bare line feeds, as a browser hashes it."""
    return resources.files("barnspider.report").joinpath(name).read_text("utf-8").replace("\r\n", "\n")


def _check(studies: Mapping[str, Study]) -> None:
    if not studies:
        raise InputError("effects={} has no study; expected Effects, or a mapping: name -> Effects")
    for name, study in studies.items():
        if not study.effects.arms:
            raise InputError(
                f"effects{f'[{name!r}]' if name else ''} has no arm beside the baseline; nothing to report"
            )
        if not study.effects.classes:
            raise InputError(f"effects{f'[{name!r}]' if name else ''} has no class; nothing to report")
    size = sum(study.examples.bytes for study in studies.values() if study.examples is not None)
    if size > MOST_BYTES:
        raise InputError(
            f"examples take {size:,} bytes; expected at most {MOST_BYTES:,} for a page: give each study's a smaller"
            " most_bytes"
        )


def _title(studies: Mapping[str, Study]) -> str:
    on = list(dict.fromkeys(study.effects.on for study in studies.values() if study.effects.on))
    return "Who pays?" if not on else f"Who pays on {', '.join(on)}?"


def _app() -> str:
    """Return our scripts as one, in a scope of its own."""
    return '"use strict";\n(() => {\n' + "\n".join(asset(name) for name in SCRIPTS) + "\n})();\n"


@cache
def _bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that needs no network.

    The page carries it deflated, a third as large; the policy allows just this text to run, as if it stood there.
    """
    import vl_convert  # a large library; only a report needs it

    text = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("\r\n", "\n")
    return f"(() => {{\n{text}\n}})();\n"  # its hundreds of short names stay its own


def _policy(*, scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Return a Content-Security-Policy: these scripts, this style, and not one request."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, styles))}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _trusted(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)  # our own files, and data sealed as base64


@cache
def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(asset("page.html"))
