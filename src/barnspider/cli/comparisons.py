"""Commands that compare arms: audit, gate, report, inequality."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from barnspider import Effects, Predictions
from barnspider.cli.options import (
    Against,
    All,
    AsJson,
    AsMarkdown,
    Comparison,
    Judged,
    MaxDrop,
    Top,
    say_who_has_no_partner,
)
from barnspider.cli.output import show, talk
from barnspider.errors import InputError
from barnspider.names import visible

Relative = Annotated[bool, typer.Option("--relative", help="Show changes against the average change instead.")]
Names = Annotated[
    list[str] | None, typer.Option("--class", metavar="NAME", help="Say what happens to this class; may be repeated.")
]


def audit(
    asked: Judged,
    relative: Relative = False,
    top: Top = None,
    everything: All = False,
    names: Names = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
) -> None:
    """Print what every arm does to every class, worst first. Every change comes with its interval."""
    one_of(**{"--json": as_json, "--markdown": as_markdown, "--class": names, "--relative": relative})
    one_of(**{"--json": as_json, "--class": names, "--top": top, "--all": everything})
    one_of(**{"--bands": asked.bands, "--relative": relative})
    effects, _ = asked.effects()
    rows = len(effects.classes) if everything else top
    if as_json:
        show(effects.to_json(), "")
    elif as_markdown:
        from barnspider.markdown import to_markdown

        show(None, to_markdown(effects, rows or 10))
    else:
        show(None, _sentences(effects, names) if names else effects.text(rows, relative=relative))


def _sentences(effects: Effects, names: list[str]) -> str:
    return "\n".join(f"{visible(arm)}: {effects.sentence(arm, name)}" for name in names for arm in effects.arms)


def gate(
    asked: Comparison,
    candidate: Annotated[
        str | None, typer.Argument(metavar="[CANDIDATE]", help="With two files: the one to judge.")
    ] = None,
    max_drop: MaxDrop = 0.02,
    as_json: AsJson = False,
) -> None:
    """Judge a change: pass, fail, or cannot tell. Exit 0, 1 or 3."""
    from barnspider.gate import Gate

    effects, predictions = asked.effects() if candidate is None else _two(asked, candidate)
    verdict = Gate(max_drop=max_drop).check(effects, predictions)
    show(verdict.to_json() if as_json else None, verdict)
    raise typer.Exit(verdict.exit_code)


def _two(asked: Comparison, candidate: str) -> tuple[Effects, Predictions]:
    """Compare two files of one arm each."""
    from barnspider.effects import estimate
    from barnspider.sources import read_two

    if asked.baseline is not None:
        raise InputError(f"baseline={asked.baseline!r} was given with two files; the first file is the baseline")
    predictions, first = read_two(
        asked.source, candidate, paired=asked.paired, samples=asked.samples, on=asked.on, classes=asked.names()
    )
    if asked.paired:
        say_who_has_no_partner(predictions, first)
    return estimate(predictions, baseline=first, level=asked.level, generalize_to=asked.to), predictions


def report(
    asked: Judged,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("report.html"),
    max_drop: Annotated[
        float | None, typer.Option("--max-drop", help="Also judge: the loss that no class may exceed.")
    ] = None,
) -> None:
    """Write one self-contained HTML page that shows who pays."""
    from barnspider.gate import Gate
    from barnspider.report import gather, write_report
    from barnspider.sources import provenance

    if out.exists() and Path(asked.source).exists() and out.samefile(asked.source):
        raise InputError(f"out={str(out)!r} is the source itself; choose another name for the page")
    effects, predictions = asked.effects()
    verdict = None if max_drop is None else Gate(max_drop=max_drop).check(effects, predictions)
    validation = asked.read("validation") if Path(asked.source).is_dir() and asked.split == "test" else None
    study = gather(predictions, effects, choose_on=validation)
    known = provenance(asked.source, study=asked.study)
    talk(f"{write_report(out, study, verdict=verdict, provenance=known)} written")


def inequality(asked: Against, as_json: AsJson = False) -> None:
    """Print how unequal the classes are in every arm. And whether an arm makes them more so."""
    from barnspider.as_json import plain
    from barnspider.inequality import inequality as measure

    predictions, base = asked.arms()
    found = measure(predictions, base, level=asked.level)
    show({"schema": "barnspider/inequality/1", **plain(found)} if as_json else None, found)


def one_of(**given: object) -> None:
    """Refuse two options that exclude one another."""
    both = [name for name, value in given.items() if value]
    if len(both) > 1:
        raise InputError(f"{both[0]} and {both[1]} were both given; expected one of them")
