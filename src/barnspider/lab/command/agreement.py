"""All runs of a study answer the same images. Which these are, the first run that is sealed decides."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from barnspider.errors import StoreError
from barnspider.lab.claims import claimed
from barnspider.lab.command.answers import SPLITS, Harvest
from barnspider.lab.command.sweep import CommandRun, CommandSweep, refuse_other_classes
from barnspider.store import Result, Sent, Store, receive, slug

OF_THE_STORE = ("key", "status", "fingerprint", "files")
"""What a store itself adds to what is told of a run."""


@dataclass
class Agreement:
    """The images of a study, once a run is sealed, by this process or by another."""

    sweep: CommandSweep
    store: Store
    _first: Harvest | None = None
    _fingerprint: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seal(self, run: CommandRun, found: Harvest, about: Mapping[str, Any]) -> bool:
        """Seal a run that is about the study's images; the first run decides on them. False when another was faster.

        Raises
        ------
        InputError
            When it is about other images, classes or labels, which are named.
        StoreError
            When the store cannot be written, or what it knows of the images is damaged.
        """
        if run.prescription is not None:
            refuse_other_classes(run.prescription, found.classes)
        with self._lock:
            while not self.is_reached():
                # Two first runs may end at once, and on two machines: one of them decides.
                with claimed(self.store.root, f"images-{slug(self.sweep.identity)}") as mine:
                    if mine and not self.is_reached():
                        return self._seal(run, found, found.fingerprint(self._name), about)
                time.sleep(0.05)
            if self._first is None and found.fingerprint(self._name) != self._fingerprint:
                raise StoreError(f"{self._damaged()}, and this run is about others; begin in a new store")
        return self._seal(run, found if self._first is None else found.like(self._first), self._fingerprint, about)

    def seal_sent(self, run: CommandRun, sent: Sent) -> bool:
        """Seal a run that was made out of the store's sight; as `seal`, and `StoreError` where it is damaged."""
        with tempfile.TemporaryDirectory() as folder:
            there = Store(Path(folder))
            there.plan(self.sweep.identity, [run], {})
            receive(there, sent)
            document = there.document(run.key) or {}
            found = Harvest(
                {split: there.load([run], split) for split in SPLITS if f"{split}.npz" in document["files"]}
            )
        about = {name: said for name, said in document.items() if name not in OF_THE_STORE}
        return self.seal(run, found, about)

    def is_reached(self) -> bool:
        """Return whether a run is sealed by now; look which images it is about."""
        if not self._fingerprint:
            for cell in self.store.study(self.sweep.identity).cells:
                if sealed := self.store.sealed([cell]):
                    self._fingerprint = sealed[0]["fingerprint"]
                    self._first = self._read(sealed[0], cell)
                    break
        return bool(self._fingerprint)

    def check_prescribed(self, run: CommandRun) -> None:
        """Raise `InputError` where doses are prescribed for other classes than the study's, once these are known."""
        if run.prescription is not None:
            with self._lock:
                first = self._first if self.is_reached() else None
            if first is not None:
                refuse_other_classes(run.prescription, first.classes)

    def check(self) -> None:
        """Raise `StoreError` where a run is sealed and what the store knows of its images is damaged."""
        if self.is_reached() and self._first is None:
            raise StoreError(
                f"{self._damaged()}; remove the folder of one run in {str(self.store.root / 'runs')!r} and run the same"
                " again: its command says anew which images there are"
            )

    @property
    def _name(self) -> str:
        return self.sweep.base.on or self.sweep.name

    def _damaged(self) -> str:
        return f"what {str(self.store.root)!r} knows of the images of {self.sweep.identity} is damaged"

    def _read(self, document: Mapping[str, Any], cell: Any) -> Harvest | None:
        splits = [split for split in SPLITS if f"{split}.npz" in document["files"]]
        try:
            return Harvest({split: self.store.load([cell], split) for split in splits})
        except StoreError:  # a run that answers the same images will describe them anew
            return None

    def _seal(self, run: CommandRun, found: Harvest, fingerprint: str, about: Mapping[str, Any]) -> bool:
        if self._first is None:
            self.store.describe_images(fingerprint, found.classes, self._name, found.images())
        return self.store.write(run.key, Result("done", fingerprint, found.answers(), about))
