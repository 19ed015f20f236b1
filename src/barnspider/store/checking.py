"""Every sum of a store, checked; nothing is changed or set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from barnspider.errors import StoreError
from barnspider.store.documents import read_npz, read_summed
from barnspider.store.folder import Store
from barnspider.store.placing import slug


@dataclass(frozen=True)
class Damage:
    """Something of a store that is not what it was when it was written: where, below the store, and what is wrong."""

    place: str
    why: str


@dataclass(frozen=True)
class Sums:
    """What was checked: numbers of plans, sets of images, runs and weights; and what is damaged."""

    plans: int
    images: int
    runs: int
    weights: int
    damaged: tuple[Damage, ...]


def check_sums(store: Store) -> Sums:
    """Compare all that a store keeps with the sums that it was sealed with.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder)
    ...     _ = store.plan("x-1", [], {})
    ...     check_sums(store)
    Sums(plans=1, images=0, runs=0, weights=0, damaged=())
    """
    checks: dict[str, Callable[[Path], object]] = {
        "studies/*/[0-9]*.json": read_summed,
        "images/*": _check_images,
        "runs/*": lambda folder: _check_run(store, folder),
        "weights/*": lambda folder: store.weights(folder.name),
    }
    found = {pattern: sorted(store.root.glob(pattern)) for pattern in checks}
    damaged: list[Damage] = []
    for pattern, check in checks.items():
        for path in found[pattern]:
            try:
                check(path)
            except StoreError as error:
                damaged.append(Damage(path.relative_to(store.root).as_posix(), str(error)))
    plans, images, runs, weights = (len(paths) for paths in found.values())
    return Sums(plans, images, runs, weights, tuple(damaged))


def _check_images(folder: Path) -> None:
    for split in read_summed(folder / "about.json")["splits"]:
        read_npz(folder / f"{split}.npz")


def _check_run(store: Store, folder: Path) -> None:
    """Raise `StoreError` where a run is damaged, is another's, or is about images of which nothing is known."""
    document = store.document(folder.name)
    if document is None or document["key"] != folder.name:
        raise StoreError(f"the folder holds another run: {'none' if document is None else document['key']!r}")
    images = store.root / "images" / slug(document["fingerprint"])
    if document["status"] == "done" and not (images / "about.json").exists():
        raise StoreError(f"the images that it is about, {document['fingerprint']!r}, are not in the store")
