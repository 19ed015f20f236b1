"""Every sum of a store, checked; nothing is changed or set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from barnspider.errors import StoreError
from barnspider.progress import PATIENCE, Progress
from barnspider.store.documents import read_npz, read_summed
from barnspider.store.looking import Looked
from barnspider.store.placing import slug
from barnspider.store.reading import plans_in, read_plan


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


def check_sums(store: Looked) -> Sums:
    """Compare all that a store keeps with the sums that it was sealed with; files of others are passed over.

    Raises
    ------
    StoreError
        When a folder cannot be listed: nobody knows what is in it.

    Examples
    --------
    >>> import tempfile
    >>> from barnspider.store import Store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Store(folder).plan("x-1", [], {})
    ...     check_sums(Looked(folder))
    Sums(plans=1, images=0, runs=0, weights=0, damaged=())
    """
    checks: dict[str, Callable[[Path], object]] = {
        "studies": read_plan,
        "images": _check_images,
        "runs": lambda folder: _check_run(store, folder),
        "weights": lambda folder: store.weights(folder.name),
    }
    found = {room: _found(store.root / room) for room in checks}
    every = [(path, checks[room]) for room, paths in found.items() for path in paths]
    damaged: list[Damage] = []
    with Progress("checking sums", total=len(every), patience=PATIENCE) as progress:
        progress.begin()
        for done, (path, check) in enumerate(every, start=1):
            try:
                check(path)
            except (StoreError, OSError) as error:
                damaged.append(Damage(path.relative_to(store.root).as_posix(), str(error)))
            progress.show(done)
    plans, images, runs, weights = (len(paths) for paths in found.values())
    return Sums(plans, images, runs, weights, tuple(damaged))


def _found(room: Path) -> list[Path]:
    """Return what is kept in a folder of the store: of studies their plans; of all others, a folder for each."""
    folders = [path for path in _listed(room) if path.is_dir() and not path.name.startswith(".")]
    if room.name != "studies":
        return folders
    return [plan for folder in folders for plan in _listed(folder) if plan in plans_in(folder)]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir()) if folder.exists() else []
    except OSError as error:  # a glob would take it for an empty one
        raise StoreError(f"{str(folder)!r} cannot be read: {error.strerror}; let this user read it") from error


def _check_images(folder: Path) -> None:
    if not (folder / "about.json").exists():
        return  # is being written, or its writer was killed: a run that is about them misses them
    for split in read_summed(folder / "about.json", "name", "classes", "splits")["splits"]:
        read_npz(folder / f"{split}.npz")


def _check_run(store: Looked, folder: Path) -> None:
    """Raise `StoreError` where a run is damaged, is another's, or is about images of which nothing is known."""
    document = store.document(folder.name)
    if document is None or document["key"] != folder.name:
        raise StoreError(f"the folder holds another run: {'none' if document is None else document['key']!r}")
    images = store.root / "images" / slug(document["fingerprint"])
    if document["status"] == "done" and not (images / "about.json").exists():
        raise StoreError(f"the images that it is about, {document['fingerprint']!r}, are not in the store")
