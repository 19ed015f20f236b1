"""What is tried against harm, and how many runs that takes: stated before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from barnspider.errors import InputError, listing, pick
from barnspider.lab.recipe import KNOBS, Recipe
from barnspider.lab.sweep import Sweep, check_distinct
from barnspider.prescribe import RULES, TOGETHER

METHODS: dict[str, Callable[[Recipe], Recipe]] = {
    "clam": lambda r: replace(r, class_weights="clam"),
    "group-dro": lambda r: replace(r, class_weights="group-dro"),
    "fading labels": lambda r: replace(r, fade=1.0),
    "longer": lambda r: replace(r, epochs=2 * r.epochs),
    "shorter": lambda r: replace(r, epochs=max(1, r.epochs // 2)),
}
"""Other ways, each an arm at the best single dose: what it changes in the recipe. Their sources: `docs/methods.md`."""

FADING, MOVED = "fading labels", "moved logits"

FREE = {"mean answers": "answers", "mean weights": "weights", MOVED: "logits"}
"""Ways that train nothing: they are made of the networks that the judgement trains anyhow. Name -> `lab.derived`'s."""

HEALED = "healed"
"""The arm that the loop ends with."""


@dataclass(frozen=True)
class Healing:
    """What is tried.

    Attributes
    ----------
    sweep : the study: doses of one knob, one number each, dose 0 among them
    rules : of RULES; each prescribes a dose for each class
    methods : of METHODS and FREE
    rounds : of the loop, at most
    judges : fresh seeds that judge
    at : the dose that all classes get otherwise; None: that of the best mean
    level, margin, together : as of `prescribe`; the loop weakens whole groups

    Raises
    ------
    InputError
        When the study does not vary a knob that classes may have different doses of, or something is unknown.

    Examples
    --------
    >>> sweep = Sweep(Recipe("digits"), vary="rotation", doses=(0, 30, 60), seeds=range(4))
    >>> plan = Healing(sweep, rules=("own best",), methods=("clam", "mean answers"), rounds=2, judges=4)
    >>> print(plan.bill())
    choosing: 3 doses x 4 seeds = 12 runs
    loop: at most 2 rounds x 4 seeds = 8 runs
    judging: (3 doses + 3 other arms) x 4 fresh seeds = 24 runs
    in all: at most 44 runs
    """

    sweep: Sweep
    rules: tuple[str, ...] = ("own best", "receivers", "harmed and receivers", "harmed groups")
    methods: tuple[str, ...] = ()
    rounds: int = 3
    judges: int = 4
    at: float | None = None
    level: float = 0.95
    margin: float = 0.02
    together: float = TOGETHER

    def __post_init__(self) -> None:
        sweep, knob = self.sweep, KNOBS.get(self.sweep.vary)
        if knob is None or not knob.per_class:
            raise InputError(
                f"vary={sweep.vary!r} is one number for all classes; expected a knob of which each has one"
            )
        if any(isinstance(dose, tuple) for dose in sweep.doses) or 0.0 not in sweep.doses or len(sweep.doses) < 2:
            raise InputError(f"doses={listing(sweep.doses)}; expected 0 and others, one number each")
        if sweep.also:
            raise InputError("the study has [arms]; expected doses of its knob alone: heal adds what it tries")
        if len(sweep.seeds) < 2 or self.judges < 2 or self.rounds < 0:
            raise InputError(
                f"seeds={len(sweep.seeds)}, judges={self.judges}, rounds={self.rounds}; expected two seeds or more to"
                " choose, two or more to judge, and no rounds or more"
            )
        if self.at is not None and self.at not in sweep.doses:
            raise InputError(f"at={self.at:g} is not in the study; expected one of {listing(sweep.doses)}")
        strongest = max(float(d) for d in sweep.doses if not isinstance(d, tuple))
        if FADING in self.idle(strongest):
            raise InputError("method='fading labels' does nothing where nothing of an image is cut away; leave it out")
        for name, given, known in (("rule", self.rules, RULES), ("method", self.methods, [*METHODS, *FREE])):
            for item in given:
                pick(name, item, known)
            if given:
                check_distinct(name, given)

    @property
    def fresh(self) -> tuple[int, ...]:
        """The seeds that judge: none of those that chose."""
        first = max(self.sweep.seeds) + 1
        return tuple(range(first, first + self.judges))

    @property
    def baseline(self) -> str:
        """The arm with the knob off."""
        return self.sweep.with_doses((0.0,)).baseline

    def trained(self) -> tuple[str, ...]:
        """Return the methods that are trained."""
        return tuple(method for method in self.methods if method in METHODS)

    def free(self) -> tuple[str, ...]:
        """Return the methods that train nothing."""
        return tuple(method for method in self.methods if method in FREE)

    def idle(self, at: float) -> dict[str, str]:
        """Return the methods that would change nothing where this is the dose for all, and why."""
        best = self.sweep.base.with_(self.sweep.vary, at)
        idle: dict[str, str] = {}
        if FADING in self.methods and METHODS[FADING](best).fades_in_vain:
            idle[FADING] = "nothing of an image is cut away at the dose for all"
        if MOVED in self.methods and at == 0.0:
            idle[MOVED] = "the dose for all is the baseline, to which they would be moved"
        return idle

    def bill(self) -> Bill:
        """Return how many runs all of this takes, at most."""
        arms = len(self.rules) + len(self.trained()) + (self.rounds > 0)
        return Bill(len(self.sweep.doses), len(self.sweep.seeds), self.rounds, arms, self.judges)


@dataclass(frozen=True)
class Bill:
    """How many runs healing takes, at most; what is in the store already is not paid again."""

    doses: int
    seeds: int
    rounds: int
    arms: int
    judges: int

    @property
    def total(self) -> int:
        """Runs in all."""
        return self.seeds * (self.doses + self.rounds) + self.judges * (self.doses + self.arms)

    def __str__(self) -> str:
        d, s, r, a, j = self.doses, self.seeds, self.rounds, self.arms, self.judges
        return "\n".join([
            f"choosing: {d} doses x {s} seeds = {d * s:,} runs",
            f"loop: at most {r} rounds x {s} seeds = {r * s:,} runs",
            f"judging: ({d} doses + {a} other arms) x {j} fresh seeds = {(d + a) * j:,} runs",
            f"in all: at most {self.total:,} runs",
        ])  # fmt: skip
