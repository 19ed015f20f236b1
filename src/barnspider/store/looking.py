"""A store that somebody looks at, and does not work in: nothing in it is changed, whatever is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from barnspider.errors import StoreError
from barnspider.store.folder import Store
from barnspider.store.reading import plans_in, read_plan


class Looked(Store):
    """A store that is only read: what is damaged stays where it is, studies with a damaged plan are passed over."""

    def studies(self) -> tuple[str, ...]:
        """Return the identities of those studies whose plans are all sound."""
        return tuple(sorted(plans[-1]["identity"] for plans in self._sound_plans()))

    def planned_keys(self) -> set[str]:
        """Return the keys of all runs that the plans of these studies hold, earlier ones too."""
        return {cell["key"] for plans in self._sound_plans() for plan in plans for cell in plan["cells"]}

    def _sound_plans(self) -> list[list[dict[str, Any]]]:
        """Return the plans of each study of which none is damaged."""
        every = [_read(folder) for folder in self.root.glob("studies/*")]
        return [plans for plans in every if plans]

    def _set_aside(self, damaged: Path, name: str) -> None:
        """Leave it where it is."""


def _read(folder: Path) -> list[dict[str, Any]]:
    try:
        return [read_plan(plan) for plan in plans_in(folder)]
    except StoreError:
        return []
