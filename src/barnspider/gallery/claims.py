"""The paper's five claims, each with the studies that bear on it, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from barnspider import words
from barnspider.doses import Tolls
from barnspider.gallery.found import Found
from barnspider.gallery.shown import CANNOT, interval, names, table
from barnspider.markdown import escaped
from barnspider.preservation import Foretold, foretold, read_preservation
from barnspider.transfer import Transfer, compare_transfer


def optimum(found: Sequence[Found]) -> str:
    """Return the table of the first claim: has the average an optimum better than off?"""
    head = [
        "study", "data", "network", "runs x images", "best on average", "cannot be told from",
        "its change against off", "better than off?",
    ]  # fmt: skip
    return table(head, [_optimum(f) for f in found], left=3)


def _optimum(f: Found) -> list[str]:
    others = [f.dose(arm) for arm in f.contenders]
    e, a = f.effects, f.a
    change = interval(e.overall[a], e.overall_low[a], e.overall_high[a])
    if f.best.best == f.baseline:
        change = f"off is best; {dose(f, f.arm)}: {change}"
    return [
        f.entry.name, data(f), network(f), size(f), dose(f, f.best.best), ", ".join(map(escaped, others)) or "none",
        change, f.beats_off() + (", at the largest dose" if f.beats_off() == "yes" and _is_last(f) else ""),
    ]  # fmt: skip


def _is_last(f: Found) -> bool:
    """Return whether the best dose is the largest that was tried, so that the optimum may lie beyond."""
    known = [x for x in f.preds.dose if x is not None]
    return bool(known) and f.preds.dose_of(f.best.best) == max(known)


def minority(found: Sequence[Found]) -> str:
    """Return the table of the second claim: which classes are certainly below their own best at the best average?"""
    head = [
        "study", "best on average", "certainly below their own best there", "worst hit", "its toll", "against off",
        "harmed", "helped", "class dependence tau", "smallest change found",
    ]  # fmt: skip
    return table(head, [_minority(f) for f in found], left=4)


def _minority(f: Found) -> list[str]:
    e, a, t, c = f.effects, f.a, f.tolls_at_once, f.worst
    certain, classes = [f.preds.units[c] for c in f.certain], int(np.count_nonzero(f.design.layout.n))
    below = f"{len(certain)} of {classes}" + (f": {names(certain)}" if certain else "")
    helped = [name for name, x in zip(e.classes, e.helped[a], strict=True) if x]
    return [
        f.entry.name, dose(f, f.best.best), below, *_toll(t, c), dose(f, f.arm), harmed(f), _counted(helped),
        interval(e.tau[a], e.tau_low[a], e.tau_high[a], sign=False), _smallest(f),
    ]  # fmt: skip


def both(found: Sequence[Found]) -> str:
    """Return the tables of the first and of the second claim about the same studies, as the third claim asks."""
    return f"{optimum(found)}\n\n{minority(found)}"


def harmed(f: Found) -> str:
    """Return how many classes the arm that is compared with off certainly harms, and which."""
    return _counted([name for name, x in zip(f.effects.classes, f.effects.harmed[f.a], strict=True) if x])


def _counted(which: list[str]) -> str:
    return f"{len(which)}: {names(which)}" if which else "0"


def _smallest(f: Found) -> str:
    """Return the change that this design finds 4 times in 5, in the middle of the classes."""
    found = f.effects.detectable()[f.a]
    return words.points(float(np.nanmedian(found)), sign=False) if np.isfinite(found).any() else CANNOT


def transfer(found: Sequence[Found]) -> str:
    """Return the table of the fourth claim: does the source's best dose cost classes of other data?"""
    head = [
        "study", "from", "to", "how", "runs x images", "best on the source", "mean toll there",
        "classes that certainly pay", "worst hit", "its toll", "rank correlation over doses",
    ]  # fmt: skip
    return table(head, [_transfer(f, _carried(f)) for f in found], left=4)


def _carried(f: Found) -> Transfer:
    """Compare with the source; intervals hold for all classes at once (Bonferroni)."""
    source = f.packed.study(f.plan.of)
    chooses = f.packed.has_answers(source.cells, "validation")
    return compare_transfer(
        f.packed.load(source.cells),
        f.preds,
        choose_source_on=f.packed.load(source.cells, "validation") if chooses else None,
        choose_on=f.validation,
        level=f.at_once,
    )


def _transfer(f: Found, t: Transfer) -> list[str]:
    toll, r = t.toll, t.agreement
    known = np.isfinite(toll.toll)
    pay = [name for name, low in zip(toll.classes, toll.low, strict=True) if low > 0]
    c = int(np.nanargmax(toll.toll)) if known.any() else None
    mean = words.points(float(toll.toll[known].mean()), sign=False) if known.any() else CANNOT
    told = CANNOT if np.isnan(r.rho) else f"{r.rho:.2f} ({r.low:.2f} to {r.high:.2f}; {words.counted(r.n, 'dose')})"
    return [
        f.entry.name, escaped(t.source_on), escaped(t.on), "tuned" if "tuning" in f.plan.sweep else "frozen", size(f),
        escaped(f.dose(t.best.best)), mean, f"{len(pay)} of {t.classes}" + (f": {names(pay, 5)}" if pay else ""),
        *_toll(toll, c), told,
    ]  # fmt: skip


def _toll(t: Tolls, c: int | None) -> tuple[str, str]:
    """Return a class and its toll."""
    return (CANNOT, CANNOT) if c is None else (escaped(t.classes[c]), interval(t.toll[c], t.low[c], t.high[c]))


def preservation(found: Sequence[Found]) -> str:
    """Return the table of the fifth claim: does losing the label foretell losing accuracy?"""
    head = [
        "study", "references", "dose", "rank correlation over classes", "certainly lose their label", "of them harmed",
        "harmed though the label is kept",
    ]  # fmt: skip
    rows = [_foretold(f, told) for f in found for told in _asked(f)]
    return table(head, rows, left=2)


def _asked(f: Found) -> list[Foretold]:
    """Return what references foretell of the best average and of the largest dose."""
    preserved = read_preservation(f.packed.root, f.plan.identity, level=f.effects.method.level)
    told = [] if preserved is None else foretold(preserved, f.effects)
    doses = {max((x.dose for x in told), default=0.0), f.preds.dose_of(f.arm)}
    return sorted((x for x in told if x.dose in doses), key=lambda x: (x.network, x.dose))


def _foretold(f: Found, told: Foretold) -> list[str]:
    r, hits = told.correlation, told.at_risk & told.harmed
    correlation = CANNOT if np.isnan(r.rho) else f"{r.rho:.2f} ({r.low:.2f} to {r.high:.2f})"
    risky = [name for name, x in zip(told.classes, told.at_risk, strict=True) if x]
    return [
        f.entry.name, escaped(told.network), f"{told.dose:g}", correlation, _counted(risky), str(int(hits.sum())),
        _counted(told.surprising),
    ]  # fmt: skip


def dose(f: Found, arm: str) -> str:
    """Return an arm as tables show it: its dose, and the knob."""
    return f"{escaped(f.knob)} {f.dose(arm)}" if f.preds.dose_of(arm) is not None else escaped(arm)


def data(f: Found) -> str:
    """Return on what its runs were trained."""
    name = escaped(f.preds.on.rpartition("/")[0] or "unknown")
    images = f.recipe.get("train_images", 0)
    return f"{name}, {images:,} training images" if images else name


def network(f: Found) -> str:
    """Return what was trained, and for how long."""
    if not f.recipe:
        return "a command's" if "command" in f.plan.sweep else "others'"
    width = f" of width {f.recipe['width']}" if "width" in f.recipe else ""
    return f"{escaped(str(f.recipe['network']))}{width}, {words.counted(int(f.recipe['epochs']), 'epoch')}"


def size(f: Found) -> str:
    """Return how many runs answered how many images."""
    return f"{len(f.preds.arm)} x {len(f.preds.label):,}"
