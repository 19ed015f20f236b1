"""The command that judges what was tried: judge. From answers alone: whoever has them can make the table again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barnspider import Predictions
from barnspider.cli.options import Against, AsJson, AsMarkdown
from barnspider.cli.output import show, talk
from barnspider.errors import InputError

if TYPE_CHECKING:
    from barnspider.prescribe import Judgement
    from barnspider.tried import Tried

ChosenOn = Annotated[
    str | None,
    typer.Option(
        "--chosen-on",
        metavar="SOURCE",
        help="Answers on which doses were chosen; of a store, to validation images. Default: those `heal` chose on.",
    ),
]
ChosenStudy = Annotated[str | None, typer.Option("--chosen-study", help="Which study of that store chose.")]
At = Annotated[
    float | None,
    typer.Option(
        "--at", help="The one dose for all. Default: that of `heal`, else that of the best mean where chosen."
    ),
]
TriedFile = Annotated[
    Path | None,
    typer.Option("--tried", metavar="FILE.json", help="What was tried: the judgement.json that `heal` wrote."),
]
OutFolder = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="FOLDER", help="Write table (Markdown, LaTeX), page and JSON there."),
]


@dataclass(frozen=True, eq=False)
class Case:
    """All that a judgement is made of, and what else a page tells of it."""

    fresh: Predictions
    chooser: Predictions
    baseline: str
    tried: Tried
    at: float | None


def judge(
    asked: Against,
    chosen_on: ChosenOn = None,
    chosen_study: ChosenStudy = None,
    at: At = None,
    tried: TriedFile = None,
    out: OutFolder = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
) -> None:
    """Judge every arm: average, who is harmed, worst tenth, toll, against doses that other answers chose. From answers.

    SOURCE holds answers that had no part in any choice, of every dose that was studied and of what was tried beside
    them; by default the one study of a store by which `heal` judges.
    """
    from barnspider.prescribe import judge as judged
    from barnspider.prescribe.written import to_markdown

    if as_json and as_markdown:
        raise InputError("--json and --markdown were both given; expected one of them")
    case = _case(asked, chosen_on, chosen_study, tried)
    dose = case.at if at is None else at
    found = judged(case.fresh, case.chooser, case.baseline, at=dose, cost=case.tried.cost, level=asked.level)
    document = found.to_json() | case.tried.to_json()
    show(document if as_json else None, to_markdown(found, case.tried) if as_markdown else found)
    if out is not None:
        write_judged(found, case.tried, document, out)


def _case(asked: Against, chosen_on: str | None, chosen_study: str | None, file: Path | None) -> Case:
    """Read what judges and what chose; `InputError` where nobody says what chose."""
    from barnspider.tables.tried_file import read_tried
    from barnspider.trials import only_judgement, read_trial
    from barnspider.tried import Tried

    if asked.study is None and (only := only_judgement(asked.source)):
        asked = replace(asked, study=only)
    trial = read_trial(asked.source, asked.study)
    fresh, base = asked.arms()
    if trial is not None:
        fresh = trial.answers(lambda study: fresh if study == trial.study else _other(asked, study))
    said = trial.tried if trial else Tried()
    if chosen_on is None:
        if trial is None or not trial.of:
            raise InputError("nothing says which answers chose the doses; expected --chosen-on SOURCE")
        chosen_on, chosen_study = str(asked.source), chosen_study or trial.of
    tried = said if file is None else read_tried(file)
    return Case(fresh, _chooser(asked, chosen_on, chosen_study), base, tried, tried.at)


def _other(asked: Against, study: str) -> Predictions:
    return replace(asked, study=study).read(asked.split)


def _chooser(asked: Against, chosen_on: str, study: str | None) -> Predictions:
    """Read the answers that chose: to validation images where there are any."""
    choosing = replace(asked, sources=[chosen_on], study=study)
    answers = choosing.read()
    found = choosing.validation(answers)
    return answers if found is None else found


def write_judged(judged: Judgement, tried: Tried, document: dict[str, object], folder: Path) -> None:
    """Write the judgement as JSON and as a table, for documents and for papers."""
    from barnspider.files import write_whole
    from barnspider.prescribe.written import to_latex, to_markdown

    texts = {
        "judgement.json": json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n",
        "judgement.md": to_markdown(judged, tried),
        "judgement.tex": to_latex(judged, tried),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        data = text.encode(errors="backslashreplace")
        write_whole(folder / name, lambda file, data=data: file.write(data))
    talk(f"written: {', '.join(texts)} in {folder}")
