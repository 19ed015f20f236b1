"""All studies of the gallery: what was run, where, and what it took; and controls, in which one field differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from barnspider import words
from barnspider.errors import listing
from barnspider.gallery.claims import data, dose, harmed, network
from barnspider.gallery.found import Found
from barnspider.gallery.manifest import Control
from barnspider.gallery.shown import interval, table
from barnspider.markdown import escaped


def studies(found: Sequence[Found]) -> str:
    """Return the table of all studies."""
    head = ["study", "data", "network", "knob", "doses", "seeds", "runs", "trained on", "hours of runs", "file"]
    return table(head, [_study(f) for f in found], left=6)


def _study(f: Found) -> list[str]:
    sealed = {document["key"]: document["status"] for document in f.documents}
    states = Counter("done" if sealed.get(c.key) == "done" else sealed.get(c.key, "missing") for c in f.plan.cells)
    runs = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    runs += ", adaptive" if "refine" in f.plan.sweep else ""
    seconds = sum(float(document.get("seconds", 0)) for document in f.documents)
    kilobytes = f.packed.root.stat().st_size / 1000
    doses = listing((f.dose(arm) for arm in f.preds.arms), most=20)
    link = f"[{escaped(f.entry.file)}]({f.link}), {kilobytes:,.0f} kB"
    name = f"[{f.entry.name}]({f.toml})" if f.toml else f.entry.name
    return [
        name, data(f), network(f), escaped(f.knob) or "none", escaped(doses, 200),
        f"{len(set(f.preds.seed))}", runs, where(f), f"{seconds / 3600:.1f}", link,
    ]  # fmt: skip


def where(f: Found) -> str:
    """Return on what its runs were trained, each kind of machine once."""
    devices = dict.fromkeys(str(d.get("environment", {}).get("device", "unknown")) for d in f.documents)
    return escaped("; ".join(sorted(devices)) or "unknown", 200)


NAMED: dict[Control, str] = {
    "epochs": "epochs",
    "width": "width",
    "train_images": "training images",
    "network": "network",
}


def controls(found: Sequence[Found]) -> str:
    """Return a table for each control: the same study with one field of its recipe changed, in order of that field."""
    kinds: list[Control] = [kind for kind in NAMED if any(kind in f.entry.control for f in found)]
    return "\n\n".join(_control(kind, [f for f in found if kind in f.entry.control]) for kind in kinds)


def _control(kind: Control, found: Sequence[Found]) -> str:
    head = [
        NAMED[kind],
        "study",
        "accuracy off",
        "best on average",
        "its change against off",
        "better than off?",
        "harmed there",
        "tau",
    ]
    rows = sorted(found, key=lambda f: (_value(f, kind), f.entry.name))
    return table(head, [_controlled(f, kind) for f in rows], left=2)


def _value(f: Found, kind: str) -> tuple[float, str]:
    value = f.recipe.get(kind, "unknown")
    if kind == "train_images" and value == 0:
        return float("inf"), "all"
    return (float(value), f"{value:,}") if isinstance(value, int | float) else (0.0, str(value))


def _controlled(f: Found, kind: str) -> list[str]:
    e, a = f.effects, f.a
    return [
        escaped(_value(f, kind)[1]), f.entry.name, words.percent(e.overall_before), dose(f, f.best.best),
        f"{dose(f, f.arm)}: {interval(e.overall[a], e.overall_low[a], e.overall_high[a])}", f.beats_off(),
        harmed(f), interval(e.tau[a], e.tau_low[a], e.tau_high[a], sign=False),
    ]  # fmt: skip
