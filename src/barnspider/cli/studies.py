"""Commands that train: demo, plan, run."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barnspider import words
from barnspider.cli.clusters import Cluster, leave_to
from barnspider.cli.notes import earlier_note
from barnspider.cli.options import Data, Device, StoreFolder, StudyFile, Workers
from barnspider.cli.output import talk
from barnspider.errors import InputError, TrainingError, listing
from barnspider.names import visible

if TYPE_CHECKING:
    from barnspider.lab.shift import Share
    from barnspider.lab.study import AnySweep
    from barnspider.lab.tally import Tally
    from barnspider.store import Store

Refine = Annotated[bool, typer.Option("--refine", help="Train only what decides something, round by round.")]
Budget = Annotated[
    int | None, typer.Option("--budget", min=1, help="With --refine: how many runs at most. Default: the full grid.")
]
RefineMargin = Annotated[
    float | None, typer.Option("--margin", help="With --refine: decide who loses more than this. Default: 0.02.")
]
RefineClasses = Annotated[
    list[str] | None,
    typer.Option("--class", metavar="NAME", help="With --refine: decide this class; may be repeated. Default: any."),
]


Shard = Annotated[
    str | None, typer.Option("--shard", metavar="K/N", help="Only share K of N equal ones, each balanced over arms.")
]


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the store and the page.")] = Path("demo"),
    workers: Workers = None,
) -> None:
    """Tell the whole story on handwritten digits, in about a minute."""
    from barnspider.demo import tell_demo

    tell_demo(out, workers)


Price = Annotated[
    float | None,
    typer.Option("--price", min=0, help="What an hour of one core costs, or with --device cuda of one GPU."),
]


def plan(
    study: StudyFile,
    store: StoreFolder = Path("runs"),
    workers: Workers = None,
    data: Data = None,
    device: Device = "cpu",
    hourly: Price = None,
) -> None:
    """Say what a study would train, and what it costs. Time, memory, disk, and what is there already.

    Unless runs are there, a short training of the study's network on the study's images is measured, on the device that
    is named. Images that are not decoded yet are counted, and some are decoded.
    """
    from barnspider.lab.cost import price
    from barnspider.lab.study import read_study
    from barnspider.store import Store

    look_for_data_in(data)
    sweep = read_study(study)
    _say_who_chose(sweep)
    typer.echo(str(price(sweep, Store(store), workers=workers, device=device, hourly=hourly)))


def run(
    study: StudyFile,
    store: StoreFolder = Path("runs"),
    workers: Workers = None,
    data: Data = None,
    device: Device = "cpu",
    refine: Refine = False,
    budget: Budget = None,
    margin: RefineMargin = None,
    names: RefineClasses = None,
    shard: Shard = None,
    *,
    cluster: Cluster,
) -> None:
    """Train what is missing of a study. Stop it any time; run it again to go on."""
    from barnspider.lab.shift import Share
    from barnspider.lab.study import read_study
    from barnspider.store import Store

    look_for_data_in(data)
    sweep = read_study(study)
    _say_who_chose(sweep)
    share = None if shard is None else Share.parse(shard)
    _check_together(cluster, shard, {"--budget": budget, "--margin": margin, "--class": names}, refine=refine)
    if refine:
        _refine(sweep, Store(store), budget, margin, names, workers=workers, device=device)
        return
    if cluster.on == "slurm":
        leave_to(cluster, sweep, store, workers=workers, device=device)
        return
    if share:
        _say_share(share, sweep)
    try:
        trained = _trained(cluster, sweep, Store(store), workers, device, data, share)
    except TrainingError:
        _say_what_is_earlier(Store(store), sweep)
        raise
    _say_what_is_earlier(Store(store), sweep)
    _say_done(trained, sweep, store, share)


def _trained(
    cluster: Cluster,
    sweep: AnySweep,
    store: Store,
    workers: int | None,
    device: str,
    data: Path | None,
    share: Share | None,
) -> Tally:
    """Train what is missing, on a Ray cluster or here."""
    if cluster.on == "ray":
        from barnspider.lab.cluster import make_on_ray

        return make_on_ray(sweep, store, cluster.asked(workers, device, data))
    from barnspider.lab.run import train_missing

    return train_missing(sweep, store, workers=workers, device=device, share=share)


def _check_together(cluster: Cluster, shard: str | None, adaptive: Mapping[str, object], *, refine: bool) -> None:
    """Refuse options that do not go together."""
    cluster.check()
    alone = [name for name, value in adaptive.items() if value is not None and value != []]
    if alone and not refine:
        raise InputError(f"{alone[0]} says what an adaptive study decides; expected --refine with it")
    if refine and (shard or cluster.on):
        raise InputError("--refine decides round by round what to train; leave --shard and --on out")
    if shard and cluster.on:
        raise InputError("--shard is for machines that share no store; with --on all take from one: leave it out")


def _say_share(share: Share, sweep: AnySweep) -> None:
    """Say which runs a share is, and how balanced."""
    every, mine = sweep.runs(), share.of(sweep.runs())
    arms = Counter(run.arm for run in mine)
    each = sorted({arms[arm] for arm in dict.fromkeys(run.arm for run in every)})
    of_arms = f"{each[0]} of each arm" if len(each) == 1 else f"{each[0]} or {each[-1]} of each arm"
    seeds = words.counted(len({run.seed for run in mine}), "seed")
    talk(f"shard {share}: {len(mine)} of {words.counted(len(every), 'run')}, {of_arms}, of {seeds}")


def _say_done(trained: Tally, sweep: AnySweep, store: Path, share: Share | None) -> None:
    every = sweep.runs()
    total = len(share.of(every)) if share else len(every)
    others = f", {trained.elsewhere} by others meanwhile" if trained.elsewhere else ""
    what = f"all {total} of shard {share}" if share else f"all {total}"
    place = shlex.quote(str(store))
    then = f"barnspider status {place}" if share else f"barnspider audit {place}"
    talk(f"{trained.here} of {total} runs trained now{others}, {what} are in {store}/. Next: {then}")


def _say_who_chose(sweep: AnySweep) -> None:
    """Shout where runs would judge a dose that they, or their like of equal seed, have chosen."""
    for prescription in sweep.prescribed:
        if both := sorted(set(prescription.seeds) & set(sweep.seeds)):
            talk(
                f"note: {words.counted(len(both), 'seed')} ({listing(both)}) chose the doses of"
                f" {visible(prescription.rule)!r}; what they say of these doses is no judgement: take other seeds"
            )


def _say_what_is_earlier(store: Store, sweep: AnySweep) -> None:
    if sweep.identity in store.studies() and (note := earlier_note(store.root, sweep.identity)):
        talk(f"note: {note}; a new store holds only what the study file says now")


def _refine(
    sweep: AnySweep,
    store: Store,
    budget: int | None,
    margin: float | None,
    names: list[str] | None,
    *,
    workers: int | None,
    device: str,
) -> None:
    """Train round after round, and say why."""
    from barnspider.gate import Gate
    from barnspider.refine import Question, Round, refine

    full = len(sweep.runs())
    limit = Gate().max_drop if margin is None else margin
    question = Question(limit, full if budget is None else budget, tuple(names or ()))
    said: list[Round] = []

    def tell(step: Round) -> None:
        said.append(step)
        title = f"round {len(said)}, {step.total} of {full} runs" if step.arms else f"after {step.total} of {full} runs"
        talk("\n  ".join([f"{title}:", *step.reasons]))

    refine(sweep, store, question, workers=workers, device=device, tell=tell)
    place = shlex.quote(str(store.root))
    talk(f"Next: barnspider gate {place} --max-drop {limit:g}; barnspider audit {place}")


def look_for_data_in(folder: Path | None) -> None:
    """Let named data sets be looked for here, by this process and its workers."""
    if folder is None:
        return
    if not folder.is_dir():
        raise InputError(f"data={str(folder)!r} is no folder; expected the folder where your data sets are")
    os.environ["BARNSPIDER_DATA"] = str(folder.resolve())
