"""A sealed run on its way from one store to another that shares no disk with it: its files, as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from barnspider.errors import StoreError
from barnspider.files import write_whole
from barnspider.store.documents import read_sealed, read_weights_about
from barnspider.store.folder import Store
from barnspider.store.placing import move_first, slug


@dataclass(frozen=True, eq=False)
class Sent:
    """The files of a sealed run, of its weights where they are kept, and of its images where asked for."""

    key: str
    files: Mapping[str, bytes]
    weights: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    images: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


def send(store: Store, key: str, *, images: bool = False) -> Sent:
    """Return a run that a store has sealed, ready to be sent; its sums go with it and are checked where it arrives.

    With `images`, what the store knows of the images that the run answers goes, too.

    Examples
    --------
    >>> import tempfile
    >>> from barnspider.store import Result
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     there, here = Store(f"{folder}/there"), Store(f"{folder}/here")
    ...     _ = there.write("0a1b", Result("diverged", "images", {}, {})), here.plan("x-1", [], {})
    ...     receive(here, send(there, "0a1b")), receive(here, send(there, "0a1b"))
    (True, False)
    """
    document = store.document(key) if images else None
    about = {} if document is None else _read(store.root / "images" / slug(document["fingerprint"]))
    return Sent(key, _read(store.root / "runs" / slug(key)), _read(store.root / "weights" / slug(key)), about)


def receive(store: Store, sent: Sent) -> bool:
    """Seal a run that was made elsewhere, with its weights; False when it was sealed here before.

    Raises
    ------
    StoreError
        When its sums are wrong, or it is another run; or the folder cannot be written. Nothing of it stays then.
    """
    kept = False
    if sent.weights:  # they come before the seal, which says that all is there
        with store.building(f"{sent.key}-weights") as building:
            _write(building, sent.weights)
            _refuse_other(sent.key, read_weights_about(building, sent.key)["key"])
            kept = _move(building, store.root / "weights" / slug(sent.key))
    with store.building(sent.key) as building:
        _write(building, sent.files)
        document = read_sealed(building, sent.key)
        _refuse_other(sent.key, document["key"])
        if sent.images:
            _receive_images(store, slug(document["fingerprint"]), sent.images)
        return _move(building, store.root / "runs" / slug(sent.key)) or kept


def _receive_images(store: Store, name: str, files: Mapping[str, bytes]) -> None:
    with store.building(f"{name}-images") as building:
        _write(building, files)
        _move(building, store.root / "images" / name)


def _read(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*"))}


def _write(building: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        write_whole(building / Path(name).name, lambda file, c=content: file.write(c))


def _refuse_other(key: str, found: str) -> None:
    if key != found:
        raise StoreError(f"run {found} was sent in the place of run {key}")


def _move(building: Path, place: Path) -> bool:
    place.parent.mkdir(parents=True, exist_ok=True)
    return move_first(building, place)
