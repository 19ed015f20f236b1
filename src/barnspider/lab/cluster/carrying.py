"""States of runs, carried between the store and workers that do not see it: so a loss costs no more there than here.

A state may be large: one at a time is on its way, none is kept in memory, and to bring them here takes `SHARE` of the
time at the most, however slow the network is and however many workers there are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from barnspider.lab.claims import Claim, LostClaim
from barnspider.lab.states import State, keep, place_of, state_in
from barnspider.names import visible
from barnspider.store import Planned, Store

SHARE = 0.2
"""Which part of the time states may take that are brought here."""

EVERY = 20.0
"""Seconds between two questions to a worker for a new state, at the least; it has one every three minutes."""

HUNG = 60.0
"""Seconds after which the next state is on its way in any case, lest all wait for a node that says nothing more."""


@dataclass
class Carrier:
    """Carries the states of a study's runs; `note` tells the user something once."""

    store: Store
    note: Callable[[str], None]
    _sends: float = -math.inf
    _asks: float = -math.inf
    _began: float = -math.inf

    @property
    def may_send(self) -> bool:
        """Whether no state is on its way from here."""
        return time.monotonic() >= self._sends

    @property
    def may_ask(self) -> bool:
        """Whether no state is on its way to here, and those that came have had their time."""
        return time.monotonic() >= self._asks

    def to_send(self, run: Planned) -> State | None:
        """Return the state from which a run goes on, which is on its way then; None where it begins at its beginning.

        A damaged one is said and not used, as where the store is seen.
        """
        state = state_in(self.store, run.key)
        if state is None:
            return None
        if not state.is_whole():
            self.note(f"{str(place_of(self.store, run.key))!r} is damaged; its run starts again")
            return None
        self._sends = time.monotonic() + HUNG
        return state

    def has_sent(self) -> None:
        """Take note that what was on its way from here has come."""
        self._sends = -math.inf

    def has_asked(self) -> None:
        """Take note that a state, if there is one, is on its way to here."""
        self._asks = time.monotonic() + HUNG

    def begin(self) -> None:
        """Take note that something begins to come, which may be a state."""
        self._began = time.monotonic()

    def bring(self, run: Planned, state: State | None, claim: Claim | None) -> None:
        """Keep a run's state that has come, where the claim on the run is ours; the next may come after a while.

        Raises
        ------
        StoreError
            When the store cannot be written; an older state stays.
        """
        if state is not None and claim is not None and state.key == run.key:
            self._keep(run, state, claim)
        now = time.monotonic()
        self._asks = now + (now - self._began) * (1 / SHARE - 1)

    def _keep(self, run: Planned, state: State, claim: Claim) -> None:
        if not state.is_whole():
            self.note(f"the state of {visible(run.arm)}, seed {run.seed} arrived damaged and is not kept")
            return
        try:
            claim.look()
        except LostClaim:  # so is its state
            return
        keep(self.store, state)

    def drop(self, run: Planned) -> None:
        """Remove a run's state: it is sealed."""
        place_of(self.store, run.key).unlink(missing_ok=True)
