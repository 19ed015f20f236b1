"""The command line: parse, call, print. Data goes to stdout, talk to stderr.

Exit codes: 0 done or pass, 1 fail (harm found), 2 bad usage or bad input, 3 inconclusive, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from barnspider import Effects, Predictions, __version__
from barnspider.errors import BarnspiderError, InputError, StoreError
from barnspider.names import visible

app = typer.Typer(
    name="barnspider",
    help="Who pays for your regularizer? Run studies, audit predictions, gate changes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="A store's folder, or a CSV, Parquet or npz file.")]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="What to train.")]
StoreFolder = Annotated[Path, typer.Option("--store", help="Folder that keeps the runs.")]
Baseline = Annotated[str | None, typer.Option(help="The arm to compare with: its name or its dose. Default: dose 0.")]
StudyName = Annotated[str | None, typer.Option("--study", help="Which study of the store, if it holds several.")]
Split = Annotated[str, typer.Option(help="Which images of the store: test or validation.")]
Level = Annotated[float, typer.Option(help="Confidence level of the intervals.")]
Over = Literal["auto", "images and runs", "images", "runs"]
To = Annotated[Over, typer.Option("--generalize-to", help="What may differ next time.")]
Paired = Annotated[bool, typer.Option("--paired", help="Runs of equal seed in a file share their random numbers.")]
MaxDrop = Annotated[float, typer.Option("--max-drop", help="The loss that no class may exceed; 0.02 is two points.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder where your data sets are.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes. Default: one for each core.")]


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the store and the page.")] = Path("demo"),
    workers: Workers = None,
) -> None:
    """Tell the whole story on handwritten digits, in about a minute."""
    from barnspider.demo import tell_demo

    tell_demo(out, workers)


@app.command()
def plan(study: StudyFile, store: StoreFolder = Path("runs"), workers: Workers = None, data: Data = None) -> None:
    """Say what would be trained, what is there already, how long the rest takes, how much disk it needs."""
    from barnspider.lab.cost import price
    from barnspider.lab.study import read_study
    from barnspider.store import Store

    _look_for_data_in(data)
    typer.echo(str(price(read_study(study), Store(store), workers=workers)))


@app.command()
def run(study: StudyFile, store: StoreFolder = Path("runs"), workers: Workers = None, data: Data = None) -> None:
    """Train what is missing of a study. Stop it any time; run it again to go on."""
    from barnspider.lab.run import train_missing
    from barnspider.lab.study import read_study
    from barnspider.store import Store

    _look_for_data_in(data)
    sweep = read_study(study)
    trained = train_missing(sweep, Store(store), workers=workers)
    total = len(sweep.runs())
    talk(f"{trained} of {total} runs trained now, all {total} are in {store}/. Next: barnspider audit {store}")


@app.command()
def audit(
    source: Source,
    baseline: Baseline = None,
    study: StudyName = None,
    split: Split = "test",
    level: Level = 0.95,
    to: To = "auto",
    paired: Paired = False,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
) -> None:
    """Print what every arm does to every class, with intervals; worst class first."""
    effects = _effects(source, baseline, study, split, level, to, paired)
    if as_json and as_markdown:
        raise InputError("--json and --markdown were both given; expected one of them")
    if as_json:
        typer.echo(json.dumps(effects.to_json(), ensure_ascii=False, allow_nan=False))
    elif as_markdown:
        from barnspider.markdown import to_markdown

        typer.echo(to_markdown(effects))
    else:
        typer.echo(str(effects))


@app.command()
def gate(
    source: Source,
    candidate: Annotated[
        str | None, typer.Argument(metavar="[CANDIDATE]", help="With two files: the one to judge.")
    ] = None,
    baseline: Baseline = None,
    max_drop: MaxDrop = 0.02,
    study: StudyName = None,
    split: Split = "test",
    level: Level = 0.95,
    to: To = "auto",
    paired: Paired = False,
    as_json: AsJson = False,
) -> None:
    """Judge a change: pass (exit 0), fail (exit 1), or cannot tell (exit 3)."""
    from barnspider.effects import estimate
    from barnspider.gate import Gate
    from barnspider.sources import read_two

    if candidate is None:
        effects = _effects(source, baseline, study, split, level, to, paired)
    else:
        if baseline is not None:
            raise InputError(f"baseline={baseline!r} was given with two files; the first file is the baseline")
        predictions, first = read_two(source, candidate, paired=paired)
        effects = estimate(predictions, baseline=first, level=level, generalize_to=to)
    verdict = Gate(max_drop=max_drop).check(effects)
    typer.echo(json.dumps(verdict.to_json(), ensure_ascii=False, allow_nan=False) if as_json else str(verdict))
    raise typer.Exit(verdict.exit_code)


@app.command()
def report(
    source: Source,
    baseline: Baseline = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path("report.html"),
    max_drop: Annotated[
        float | None, typer.Option("--max-drop", help="Also judge: the loss that no class may exceed.")
    ] = None,
    study: StudyName = None,
    split: Split = "test",
    level: Level = 0.95,
    to: To = "auto",
    paired: Paired = False,
) -> None:
    """Write one self-contained HTML page that shows who pays."""
    from barnspider.gate import Gate
    from barnspider.report import write_report
    from barnspider.sources import provenance

    if out.exists() and Path(source).exists() and out.samefile(source):
        raise InputError(f"out={str(out)!r} is the source itself; choose another name for the page")
    effects = _effects(source, baseline, study, split, level, to, paired)
    verdict = None if max_drop is None else Gate(max_drop=max_drop).check(effects)
    talk(f"{write_report(out, effects, verdict=verdict, provenance=provenance(source, study=study))} written")


@app.command()
def doses(
    source: Source,
    study: StudyName = None,
    level: Level = 0.95,
    to: To = "auto",
    paired: Paired = False,
    as_json: AsJson = False,
) -> None:
    """Print the best dose on average, what it costs each class, and each class's curve over the doses.

    In a store, doses are chosen on validation images and measured on test images.
    """
    from barnspider.as_json import dumps
    from barnspider.doses import best_doses, dose_curves, tolls
    from barnspider.sources import read_predictions

    test = read_predictions(source, study=study, paired=paired)
    validation = read_predictions(source, study=study, split="validation") if Path(source).is_dir() else None
    found = {
        "best": best_doses(test if validation is None else validation, level=level, generalize_to=to),
        "tolls": tolls(test, choose_on=validation, level=level, generalize_to=to),
        "curves": dose_curves(test, level=level, generalize_to=to),
    }
    typer.echo(dumps("barnspider/doses/1", found) if as_json else "\n\n".join(map(str, found.values())))


@app.command()
def inequality(
    source: Source,
    baseline: Baseline = None,
    study: StudyName = None,
    split: Split = "test",
    level: Level = 0.95,
    as_json: AsJson = False,
) -> None:
    """Print how unequal the classes are in every arm, and whether an arm makes them more so."""
    from barnspider.as_json import dumps
    from barnspider.inequality import inequality as measure
    from barnspider.sources import default_baseline, read_predictions

    predictions = read_predictions(source, study=study, split=split)
    chosen = default_baseline(predictions) if baseline is None else _arm(baseline, predictions)
    found = measure(predictions, chosen, level=level)
    typer.echo(dumps("barnspider/inequality/1", found) if as_json else str(found))


@app.command()
def power(
    images: Annotated[int, typer.Option("--images", min=1, help="Test images of each class.")],
    runs: Annotated[int, typer.Option("--runs", min=2, help="Runs (seeds) of each arm.")],
    classes: Annotated[int, typer.Option("--classes", min=1, help="Classes.")],
    effect: Annotated[float | None, typer.Option("--effect", help="A change to be found; 0.02 is two points.")] = None,
    accuracy: Annotated[float, typer.Option("--accuracy", help="Accuracy of a typical class.")] = 0.8,
    likeness: Annotated[float, typer.Option("--likeness", help="Correlation of two runs' answers.")] = 0.7,
    run_sd: Annotated[
        float, typer.Option("--run-sd", help="Standard deviation of a class's accuracy over runs.")
    ] = 0.01,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="Runs of equal seed do not share random numbers.")
    ] = False,
    level: Level = 0.95,
    as_json: AsJson = False,
) -> None:
    """Say what a study could find before it is run, and what a wanted effect needs."""
    from barnspider.as_json import dumps
    from barnspider.power import plan_power

    plan = plan_power(
        images=images, runs=runs, classes=classes, effect=effect, accuracy=accuracy, likeness=likeness, run_sd=run_sd,
        paired=not unpaired, level=level,
    )  # fmt: skip
    typer.echo(dumps("barnspider/power/1", plan) if as_json else str(plan))


def _effects(
    source: str, baseline: str | None, study: str | None, split: str, level: float, to: Over, paired: bool
) -> Effects:
    from barnspider.effects import estimate
    from barnspider.sources import default_baseline, read_predictions

    predictions = read_predictions(source, study=study, split=split, paired=paired)
    chosen = default_baseline(predictions) if baseline is None else _arm(baseline, predictions)
    return estimate(predictions, baseline=chosen, level=level, generalize_to=to)


def _arm(baseline: str, predictions: Predictions) -> str:
    """Return the arm that has this name, or else this dose."""
    by_dose = {str(predictions.dose_of(arm)): arm for arm in predictions.arms}
    try:
        return by_dose.get(str(float(baseline)), baseline) if baseline not in predictions.arms else baseline
    except ValueError:
        return baseline


def _look_for_data_in(folder: Path | None) -> None:
    if folder is None:
        return
    if not folder.is_dir():
        raise InputError(f"data={str(folder)!r} is no folder; expected the folder where your data sets are")
    os.environ["BARNSPIDER_DATA"] = str(folder.resolve())


def talk(sentence: str) -> None:
    """Say something to the person; stdout is for data."""
    typer.echo(sentence, err=True)


class _Stopped(BaseException):
    """Ctrl-C, or a polite request to end."""


def _stop(*_: object) -> NoReturn:
    raise _Stopped


def main() -> None:
    """Run the command line; a user's mistake ends in one message and exit code 2."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"barnspider {__version__}\n")
        return
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        _run()
    except BarnspiderError as error:
        talk("\n".join(visible(line, longest=10_000) for line in f"error: {error}".splitlines()))
        sys.exit(2)
    except _Stopped:
        talk("stopped; what was finished is kept. Run the same command to go on.")
        sys.exit(130)


def _run() -> None:
    """Run the command and hand over its whole output, or say that nobody takes it."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StoreError(f"the output cannot be written: {error.strerror}") from error
