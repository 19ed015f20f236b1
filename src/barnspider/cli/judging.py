"""The command that judges what was tried: judge. From answers alone: whoever has them can make the table again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from barnspider import Predictions
from barnspider.cli.options import Against, AsJson, AsMarkdown, arm_of
from barnspider.cli.output import show, talk
from barnspider.errors import InputError, StoreError

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
    """What a judgement is made of: answers that judge and that chose, the arm with the knob off, and what was tried."""

    fresh: Predictions
    chooser: Predictions
    baseline: str
    tried: Tried

    def judged(self, level: float, at: float | None = None) -> Judgement:
        """Return the judgement; the one dose for all is `at`, else what was tried says, else the best mean's."""
        from barnspider.prescribe import judge

        dose = self.tried.at if at is None else at
        return judge(self.fresh, self.chooser, self.baseline, at=dose, cost=self.tried.cost, level=level)


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
    from barnspider.prescribe.written import to_markdown
    from barnspider.sources import provenance

    if as_json and as_markdown:
        raise InputError("--json and --markdown were both given; expected one of them")
    refuse_folder(out)
    asked = _of_heal(asked)
    case = _case(asked, chosen_on, chosen_study, tried)
    found = case.judged(asked.level, at)
    document = found.to_json() | case.tried.to_json()
    show(document if as_json else None, to_markdown(found, case.tried) if as_markdown else found)
    if out is not None:
        write_judged(found, case, document, out, provenance(asked.source, study=asked.study))


def refuse_folder(out: Path | None) -> None:
    """Refuse, before anything is computed, to write into what is no folder; make it where there is none."""
    if out is None:
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out={str(out)!r} cannot be written into: {error.strerror}; expected a folder") from None


def _of_heal(asked: Against) -> Against:
    """Return what is asked; of a store, by default its one study by which `heal` judges."""
    from barnspider.trials import only_judgement

    only = only_judgement(asked.source) if asked.study is None else None
    return asked if only is None else replace(asked, study=only)


def _case(asked: Against, chosen_on: str | None, chosen_study: str | None, file: Path | None) -> Case:
    """Read what judges and what chose; `InputError` where nobody says what chose."""
    from barnspider.tables.tried_file import read_tried
    from barnspider.trials import read_trial
    from barnspider.tried import Tried

    trial = read_trial(asked.source, asked.study)
    study = chosen_study or (trial.of if trial and chosen_on is None else None) or None
    if chosen_on is None and (trial is None or study is None):
        raise InputError("nothing says which answers chose the doses; expected --chosen-on SOURCE")
    fresh = asked.read(asked.split) if trial is None else trial.answers(lambda name: _study(asked, name))
    said = trial.tried if trial else Tried()
    tried = said if file is None else read_tried(file)
    return Case(fresh, _chooser(asked, chosen_on, study), _baseline(asked, fresh), tried)


def _study(asked: Against, name: str) -> Predictions:
    return replace(asked, study=name).read(asked.split)


def _baseline(asked: Against, fresh: Predictions) -> str:
    from barnspider.sources import default_baseline

    if asked.baseline is None:
        return default_baseline(fresh, asked.source, study=asked.study)
    return arm_of(asked.baseline, fresh)


def _chooser(asked: Against, chosen_on: str | None, study: str | None) -> Predictions:
    """Read the answers that chose: to validation images where there are any."""
    sources = asked.sources if chosen_on is None else [chosen_on]
    choosing = replace(asked, sources=sources, study=study, split="test")
    answers = choosing.read()
    found = choosing.validation(answers)
    return answers if found is None else found


def tried_for_page(asked: Against) -> dict[str, Any]:
    """Return what a store's study tries, and the judgement of it where `heal` planned the study to judge: of a page."""
    from barnspider.trials import read_trial

    trial = read_trial(asked.source, asked.study)
    if trial is None:
        return {}
    if not trial.of:
        return {"tried": trial.tried}
    try:
        case = _case(asked, None, None, None)
        return {"tried": case.tried, "judgement": case.judged(asked.level)}
    except (InputError, StoreError) as error:
        talk(f"note: what was tried is told, but not judged: {error}")
        return {"tried": trial.tried}


def write_judged(
    judged: Judgement, case: Case, document: Mapping[str, Any], folder: Path, provenance: Mapping[str, object]
) -> None:
    """Write the judgement as JSON, as a table for documents and for papers, and as a page."""
    from barnspider.files import write_whole
    from barnspider.prescribe.written import to_latex, to_markdown
    from barnspider.report import gather, write_report

    texts = {
        "judgement.json": json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n",
        "judgement.md": to_markdown(judged, case.tried),
        "judgement.tex": to_latex(judged, case.tried),
    }
    for name, text in texts.items():
        data = text.encode(errors="backslashreplace")
        write_whole(folder / name, lambda file, data=data: file.write(data))
    study = replace(gather(case.fresh, judged.effects), tried=case.tried, judgement=judged)
    write_report(folder / "judgement.html", study, provenance=provenance)
    talk(f"written: {', '.join(texts)}, judgement.html in {folder}")
