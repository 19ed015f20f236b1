"""What must be said beside a result: of a store's study, and of runs that cannot be paired."""

from __future__ import annotations

from pathlib import Path

from barnspider import Predictions
from barnspider.cli.output import talk
from barnspider.errors import listing
from barnspider.words import counted


def adaptive_note(source: str | list[str], study: str | None) -> str:
    """Return what is to be said of a store's study if what it had seen decided where it looked; else an empty text."""
    from barnspider.sources import is_store
    from barnspider.store import opened

    if is_store(source) and "refine" in (sweep := opened(source).study(study).sweep):
        return (
            f"An adaptive study: what it had seen decided, in {len(sweep['refine']['rounds'])} rounds, which runs"
            " were worth their while. Its intervals are not corrected for that; docs/refine.md says what it costs them."
        )
    return ""


def earlier_note(source: str | Path | list[str], study: str | None) -> str:
    """Return what is to be said of a store's study that holds runs which its latest plan does not; else an empty text.

    An adaptive study plans every round by itself: there it goes without saying.
    """
    from barnspider.sources import is_store
    from barnspider.store import opened

    plan = opened(source).study(study) if is_store(source) else None
    if plan is None or not plan.earlier or "refine" in plan.sweep:
        return ""
    seeds: dict[str, list[int]] = {}
    for cell in plan.earlier:
        seeds.setdefault(cell.arm, []).append(cell.seed)
    arms = listing(f"{arm} ({'seed' if len(own) == 1 else 'seeds'} {listing(own)})" for arm, own in seeds.items())
    runs = f"{counted(len(plan.earlier), 'run')} of earlier plans of this study"
    return f"{runs} {'is' if len(plan.earlier) == 1 else 'are'} in the store and read, too: {arms}"


def say_who_has_no_partner(predictions: Predictions, base: str) -> None:
    """Say which arms have runs that --paired cannot pair, for their seeds are others than the baseline's."""
    seeds = {arm: {predictions.seed[r] for r in predictions.rows(arm)} for arm in predictions.arms}
    own = seeds.pop(base)
    alone = [arm for arm, other in seeds.items() if len(own & other) < min(2, len(own), len(other))]
    if alone:
        talk(
            f"note: --paired pairs runs of equal seed, but {listing(alone)} and {listing([base])} have fewer than two"
            " seeds in common: these runs are not paired"
        )
