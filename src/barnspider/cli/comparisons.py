"""Commands that compare arms: audit, gate, report, inequality."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from barnspider import Effects, Predictions, readings
from barnspider.cli.examples import Images, check_images, example_images
from barnspider.cli.judging import tried_for_page
from barnspider.cli.likeness import Alike, Superclasses, similarities, superclasses
from barnspider.cli.notes import adaptive_note, say_who_has_no_partner
from barnspider.cli.options import (
    MAX_DROP,
    Against,
    All,
    AsJson,
    AsMarkdown,
    Comparison,
    Data,
    Judged,
    MaxDrop,
    Top,
    Usual,
    axis_of,
    preserved_of,
)
from barnspider.cli.output import dump, show, talk
from barnspider.errors import InputError
from barnspider.names import visible
from barnspider.progress import Stages

if TYPE_CHECKING:
    from barnspider.gate import Verdict

Relative = Annotated[bool, typer.Option("--relative", help="Show changes against the average change instead.")]
Names = Annotated[
    list[str] | None, typer.Option("--class", metavar="NAME", help="Say what happens to this class; may be repeated.")
]

Behind = Annotated[
    bool,
    typer.Option("--relative", help="Judge changes against the average change: a pass says nothing of the average."),
]
Budgets = Annotated[
    Path | None,
    typer.Option("--budgets", metavar="FILE", help="A max-drop of its own for some classes: CSV with class, max_drop."),
]
Allow = Annotated[
    Path | None,
    typer.Option(
        "--allow", metavar="FILE", help="Classes that may lose more: CSV with class, reason, expires, perhaps arm."
    ),
]
Undecided = Annotated[
    Literal["pass", "fail"] | None,
    typer.Option("--inconclusive", help="Exit 0 or 1 instead of 3 where it cannot tell; the verdict stays the same."),
]
Junit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Also write JUnit XML.")]
Summary = Annotated[
    Path | None, typer.Option("--summary", metavar="FILE", help="Also append Markdown, as to $GITHUB_STEP_SUMMARY.")
]
JsonFile = Annotated[Path | None, typer.Option("--json-file", metavar="FILE", help="Also write the JSON to a file.")]


def audit(
    asked: Judged,
    relative: Relative = False,
    top: Top = None,
    everything: All = False,
    names: Names = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
) -> None:
    """Print what every arm does to every class, worst first (by shrunken effect). Changes come with their intervals."""
    one_of(**{"--json": as_json, "--markdown": as_markdown, "--class": names, "--relative": relative})
    one_of(**{"--json": as_json, "--class": names, "--top": top, "--all": everything})
    one_of(**{"--bands": asked.bands, "--relative": relative})
    effects, predictions = asked.effects()
    rows = len(effects.classes) if everything else top
    both = None if predictions.accepted is None or relative else readings(predictions, effects)
    found = both or effects
    if as_json:
        show(found.to_json(), "")
    elif as_markdown:
        from barnspider.markdown import to_markdown

        show(None, to_markdown(effects, rows or 10, both))
    elif names:
        show(None, "\n".join(f"{visible(arm)}: {found.sentence(arm, name)}" for name in names for arm in effects.arms))
    else:
        show(None, effects.text(rows, relative=relative) if both is None else both.text(rows))


def gate(
    asked: Comparison,
    max_drop: MaxDrop = 0.02,
    relative: Behind = False,
    budgets: Budgets = None,
    allow: Allow = None,
    inconclusive: Undecided = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    to_junit: Junit = None,
    to_summary: Summary = None,
    to_json: JsonFile = None,
) -> None:
    """Judge a change: pass, fail, or cannot tell. Exit 0, 1 or 3.

    SOURCE holds all arms; of several, the first holds the baseline, and each other a candidate.
    """
    from barnspider.gate import Gate, read_allowances, read_budgets

    one_of(**{"--json": as_json, "--markdown": as_markdown})
    written = {"--junit": to_junit, "--summary": to_summary, "--json-file": to_json}
    _refuse_to_overwrite([*asked.sources, budgets, allow, asked.label_sets, asked.by], written)
    _refuse_without_folder(written)
    with _left_out() as notes:
        effects, predictions = asked.effects() if len(asked.sources) == 1 else _files(asked)
    verdict = Gate(
        max_drop=max_drop,
        relative=relative,
        budgets={} if budgets is None else read_budgets(budgets, effects.classes),
        allowances=() if allow is None else read_allowances(allow, effects.classes),
        inconclusive=inconclusive,
        every_class=asked.samples == "common",
    ).check(effects, predictions)
    verdict = replace(verdict, notes=tuple(notes))
    _write(verdict, effects, to_junit, to_summary, to_json)
    if as_markdown:
        from barnspider.gate.comment import comment

        show(None, comment(verdict))
    else:
        show(verdict.to_json() if as_json else None, verdict)
    raise typer.Exit(verdict.exit_code)


def _refuse_to_overwrite(read: Sequence[str | Path | None], written: dict[str, Path | None]) -> None:
    """Refuse to write to a file that is read, or twice to one file."""
    sources = [Path(path) for path in read if path is not None and Path(path).exists()]
    others: dict[Path, str] = {}
    for option, path in written.items():
        if path is None:
            continue
        if path.exists() and any(path.samefile(source) for source in sources):
            raise InputError(f"{option}={str(path)!r} is a file that is read; choose another name")
        if (other := others.setdefault(path.resolve(), option)) != option:
            raise InputError(f"{other} and {option} both name {str(path)!r}; expected two files")


def _refuse_without_folder(written: dict[str, Path | None]) -> None:
    """Refuse to write into a folder that is not there: it may be a slip of the pen."""
    for option, path in written.items():
        if path is not None and not path.parent.is_dir():
            raise InputError(
                f"{option}={str(path)!r} cannot be written: there is no folder {str(path.parent)!r}; make it first"
            )


@contextmanager
def _left_out() -> Generator[list[str]]:
    """Keep what is said of samples that are left out; say it, and all other warnings, as before."""
    from barnspider.tables import SamplesLeftOut

    notes: list[str] = []
    with warnings.catch_warnings():
        say = warnings.showwarning

        def keep(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, SamplesLeftOut):
                notes.append(str(message))
            say(message, category, *rest)

        warnings.showwarning = keep
        yield notes


def _files(asked: Comparison) -> tuple[Effects, Predictions]:
    """Compare files of one arm each."""
    from barnspider.effects import estimate
    from barnspider.sources import read_beside

    if asked.baseline is not None:
        raise InputError(f"baseline={asked.baseline!r} was given with several files; the first file is the baseline")
    for source in asked.sources:
        asked.say_what_was_recognised(source)
    predictions, first = read_beside(asked.sources, label_sets=asked.label_sets, by=asked.by, **asked.of_files())
    if asked.paired:
        say_who_has_no_partner(predictions, first)
    return estimate(predictions, baseline=first, level=asked.level, generalize_to=asked.to), predictions


def _write(
    verdict: Verdict, effects: Effects, to_junit: Path | None, to_summary: Path | None, to_json: Path | None
) -> None:
    """Write the files that were asked for beside what is printed."""
    from barnspider.files import append, write_whole

    if to_junit is not None:
        from barnspider.gate.junit import junit

        text = junit(verdict, effects)
        write_whole(to_junit, lambda file: file.write(text.encode()))
    if to_json is not None:
        document = dump(verdict.to_json()) + "\n"
        write_whole(to_json, lambda file: file.write(document.encode(errors="backslashreplace")))
    if to_summary is not None:
        from barnspider.gate.comment import comment

        append(to_summary, comment(verdict))


def report(
    asked: Judged,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("report.html"),
    max_drop: Annotated[
        float | None,
        typer.Option(
            "--max-drop", parser=MAX_DROP.parser, metavar="FLOAT", help="Also judge: the loss that no class may exceed."
        ),
    ] = None,
    images: Images = True,
    data: Data = None,
    usual: Usual = None,
    groups: Superclasses = None,
    similarity: Alike = None,
) -> None:
    """Write one self-contained HTML page that shows who pays."""
    from barnspider.gate import Gate
    from barnspider.report import gather, write_report
    from barnspider.sources import provenance

    one_of(**{"--by": asked.by, "--groups": groups})
    one_of(**{"--by": asked.by, "--similarity": similarity})
    _refuse_to_overwrite([*asked.sources, asked.label_sets, asked.by, groups, similarity], {"--out": out})
    check_images(asked.source, data)
    with Stages("report") as stages:
        stages.begin("reading answers, and effects")
        effects, predictions = asked.effects()
        verdict = None if max_drop is None else Gate(max_drop=max_drop).check(effects, predictions)
        stages.begin("example images")
        examples = example_images(asked, predictions, effects, verdict) if images else None
        study = gather(
            predictions,
            effects,
            preservation=preserved_of(asked),
            choose_on=asked.validation(predictions),
            examples=examples,
            axis=axis_of(asked, usual, predictions),
            groups=superclasses(groups),
            similarity=similarities(similarity, predictions.classes),
            begin=stages.begin,
        )
        stages.begin("writing the page")
        known, study = provenance(asked.source, study=asked.study), replace(study, **tried_for_page(asked))
        note = adaptive_note(asked.source, asked.study)
        page = write_report(out, study, verdict=verdict, story=[note] if note else [], provenance=known)
    talk(f"{page} written")


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
