"""What is asked of networks that a user has trained elsewhere: each is frozen, and used on a data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from barnspider.errors import InputError, listing
from barnspider.lab.sweep import check_distinct, digest
from barnspider.lab.transfer.plan import STRENGTHS, VERSION
from barnspider.store import Cell, Store, slug


@dataclass(frozen=True)
class Borrowed:
    """A user's own network: its arm, which network of that arm it is, and the function that returns it.

    Raises
    ------
    InputError
        When the arm has no name, or the function is not written "my.module:function".
    """

    arm: str
    function: str
    seed: int = 0

    def __post_init__(self) -> None:
        module, colon, name = self.function.partition(":")
        if not (self.arm and module and colon and name):
            raise InputError(f"pretrained={self.arm}={self.function!r}; expected NAME=my.module:function")

    @property
    def knob(self) -> str:
        """The knob that an arm's name says, KNOB=NUMBER; "" when it says none."""
        return "" if self.dose is None else self.arm.rpartition("=")[0]

    @property
    def dose(self) -> float | None:
        """The number in an arm's name, KNOB=NUMBER; None when there is none."""
        knob, _, number = self.arm.rpartition("=")
        try:
            return float(number) if knob and math.isfinite(float(number)) else None
        except ValueError:
            return None


def borrowed(told: Sequence[str]) -> tuple[Borrowed, ...]:
    """Read "NAME=my.module:function" of each network; of one name, they are runs of one arm.

    Raises
    ------
    InputError
        When one is written otherwise or stands twice, or names say doses of several knobs.

    Examples
    --------
    >>> [(x.arm, x.function, x.seed) for x in borrowed(["plain=nets:a", "crop=0.5=nets:b", "plain=nets:c"])]
    [('plain', 'nets:a', 0), ('crop=0.5', 'nets:b', 0), ('plain', 'nets:c', 1)]
    """
    found: list[Borrowed] = []
    for text in told:
        arm, equals, function = text.rpartition("=")
        if not equals:
            raise InputError(
                f"pretrained={text!r}; expected NAME=my.module:function, NAME being what its arm is called"
            )
        found.append(Borrowed(arm, function, sum(x.arm == arm for x in found)))
    check_distinct("pretrained", [network.function for network in found])
    if len(knobs := {network.knob for network in found} - {""}) > 1:
        raise InputError(f"pretrained networks have doses of {listing(sorted(knobs))}; expected those of one knob")
    return tuple(found)


@dataclass(frozen=True)
class Borrowing:
    """Networks that were trained elsewhere are used on a data set: an arm for each name.

    Attributes
    ----------
    networks : the arms stand in the order of their first networks
    sums : of each network's weights and source
    to, fingerprint : the data set's name and what its images and labels are

    Examples
    --------
    >>> plan = Borrowing(borrowed(["crop=0=nets:a", "crop=0.5=nets:b"]), ("s0", "s1"), "photos/birds.npz", "f0")
    >>> plan.name, [(cell.arm, cell.dose, cell.seed) for cell in plan.cells()]
    ('pretrained-to-birds', [('crop=0', 0.0, 0), ('crop=0.5', 0.5, 0)])
    """

    networks: tuple[Borrowed, ...]
    sums: tuple[str, ...]
    to: str
    fingerprint: str

    @property
    def name(self) -> str:
        """What the study is called in the store, without the hash."""
        return f"pretrained-to-{slug(Path(self.to.partition('?')[0]).stem)}"

    @property
    def identity(self) -> str:
        """The name and a hash of the data: networks that are asked about it later join the study."""
        return f"{self.name}-{digest([self.fingerprint, list(STRENGTHS)])[:6]}"

    def cells(self) -> tuple[Cell, ...]:
        """Return a cell for each network. Networks that were trained elsewhere are paired with nothing."""
        return tuple(
            Cell(network.arm, network.dose, network.seed, self._key(sum_), paired=False)
            for network, sum_ in zip(self.networks, self.sums, strict=True)
        )

    def _key(self, sum_: str) -> str:
        return digest({"transfer": VERSION, "of": sum_, "data": self.fingerprint, "strengths": list(STRENGTHS)})

    def as_dict(self) -> dict[str, Any]:
        """Return what the store's plan keeps, from which `planned` makes it again."""
        arms = list(dict.fromkeys(network.arm for network in self.networks))
        off = [network.arm for network in self.networks if network.dose == 0]
        return {
            "name": self.name, "to": self.to, "data": self.fingerprint, "strengths": list(STRENGTHS),
            "vary": next((network.knob for network in self.networks if network.knob), "network"),
            "doses": arms, "baseline": (off or arms)[0],
            "networks": [[x.arm, x.function, x.seed] for x in self.networks], "sums": list(self.sums),
        }  # fmt: skip

    @classmethod
    def planned(cls, store: Store, study: str) -> Borrowing:
        """Return what a study of a store asks."""
        plan = store.study(study).sweep
        networks = tuple(Borrowed(*told) for told in plan["networks"])
        return cls(networks, tuple(plan["sums"]), plan["to"], plan["data"])
