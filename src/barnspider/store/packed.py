r"""Packed: studies and their answers in one small file, read as a store is read.

The file is an xz stream. Its first line is JSON (`xz -dc FILE | head -1`), which says what follows:

    schema      "barnspider/packed/1"
    studies     the plans: identity, sweep, cells (arm, dose, seed, key), and how many of them are of earlier plans
    runs        key -> its status ("done", "diverged", or why it is not there), data, recipe, environment, seconds
    images      fingerprint -> the data's name and its classes
    parts       the bytes after that line, one after the other: what, of which data and split, of which runs, how many

Of each split there are the samples' ids (JSON), their labels, and answers as `coding` writes them.
"""

from __future__ import annotations

import contextlib
import json
import lzma
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from barnspider.convert import smallest_int
from barnspider.errors import InputError, pick
from barnspider.files import DAMAGED
from barnspider.predictions import LeftOut, Predictions
from barnspider.store.choosing import choose, nothing_finished, one_fingerprint
from barnspider.store.coding import decoded, index_type
from barnspider.store.records import SPLITS, Cell, Failure, Planned, Study

if TYPE_CHECKING:
    from barnspider.store.first_line import FirstLine, PlanLine

SCHEMA = "barnspider/packed/1"
MAGIC = b"\xfd7zXZ\x00"
SCHEMA_FIRST = b'{"schema": "'
START = SCHEMA_FIRST + b"barnspider/packed/"
"""How the first line begins, of this and of every later version."""

LONGEST = 2**26
"""Bytes of a first line: a million runs have place in it."""


@dataclass(frozen=True)
class Part:
    """Some bytes of a packed file: "samples", "labels", "answers" or "p_label" of a split of some data."""

    what: str
    fingerprint: str
    split: str
    size: int
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Packed:
    """Studies in a packed file. Answers are read when they are asked for."""

    root: Path
    plans: Mapping[str, Study]
    runs: Mapping[str, Mapping[str, Any]]
    images: Mapping[str, tuple[str, tuple[str, ...]]]
    parts: tuple[Part, ...]

    @classmethod
    def existing(cls, path: str | Path) -> Packed:
        """Open a packed file.

        Raises
        ------
        InputError
            When there is no such file, it is damaged, or something else wrote it.
        """
        root = Path(path)
        with _unpacking(root) as file:
            about = _first_line(root, file)
            return cls(
                root=root,
                plans={plan.identity: _plan(plan) for plan in about.studies},
                runs={key: {"key": key, **run.model_dump(exclude_none=True)} for key, run in about.runs.items()},
                images={fingerprint: (x.name, tuple(x.classes)) for fingerprint, x in about.images.items()},
                parts=tuple(Part(p.what, p.fingerprint, p.split, p.size, tuple(p.runs)) for p in about.parts),
            )

    def studies(self) -> tuple[str, ...]:
        """Return the identities of the studies that are packed here."""
        return tuple(sorted(self.plans))

    def study(self, name: str | None = None) -> Study:
        """Return a study's plan; `name` is as in `Store.study`."""
        return self.plans[choose(self.root, name, self.studies(), lambda identity: self.plans[identity].of)]

    def sealed(self, runs: Iterable[Planned]) -> list[dict[str, Any]]:
        """Return what is known of those runs that were sealed when they were packed, diverged ones among them."""
        found = [self.runs[run.key] for run in runs if run.key in self.runs]
        return [dict(document) for document in found if "fingerprint" in document]

    def failures(self) -> dict[str, Failure]:
        """Return why runs could not be trained, by their keys; where and when is not kept."""
        why = {key: str(run["status"]).partition("failed: ") for key, run in self.runs.items()}
        return {key: Failure(reason, "an unknown host", 0.0) for key, (_, failed, reason) in why.items() if failed}

    def has_answers(self, runs: Iterable[Planned], split: str) -> bool:
        """Return whether a run has answers to this split here."""
        return bool({run.key for run in runs} & self._answered(split))

    def _answered(self, split: str) -> set[str]:
        return {key for p in self.parts if p.what == "answers" and p.split == split for key in p.runs}

    def load(self, runs: Iterable[Planned], split: str = "test") -> Predictions:
        """Return the answers of these runs to one split, as `Store.load` does.

        Raises
        ------
        StoreError
            When no run has answers, or runs answered different images.
        InputError
            When the file is damaged.
        """
        answered = self._answered(pick("split", split, SPLITS))
        cells = list(runs)
        there = [run for run in cells if run.key in answered]
        left_out = [LeftOut(r.arm, r.seed, self._why(r.key, split)) for r in cells if r.key not in answered]
        if not there:
            raise nothing_finished(self.root, left_out)
        return self._stack(there, tuple(left_out), split)

    def _why(self, key: str, split: str) -> str:
        status = self.runs.get(key, {"status": "missing"})["status"]
        return f"without {split} answers" if status == "done" else status

    def _stack(self, there: Sequence[Planned], left_out: tuple[LeftOut, ...], split: str) -> Predictions:
        with _told(self.root):
            fingerprint = one_fingerprint(self.runs[run.key]["fingerprint"] for run in there)
            name, classes = self.images[fingerprint]
            arrays = self._arrays(fingerprint, split, len(classes), [run.key for run in there])
            return Predictions(
                guess=arrays["guess"],
                label=arrays["label"],
                sample=arrays["sample"],
                p_label=arrays.get("p_label"),
                classes=classes,
                arm=tuple(run.arm for run in there),
                seed=tuple(run.seed for run in there),
                dose=tuple(run.dose for run in there),
                on=f"{name}/{split}",
                paired=all(run.paired for run in there),
                same_models=any(self.runs[run.key].get("same_models", False) for run in there),
                left_out=left_out,
            )

    def _arrays(self, fingerprint: str, split: str, n_classes: int, keys: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return samples, labels, answers and, where all these runs have them, probabilities."""
        found = {part.what: (part, data) for part, data in self._bytes(fingerprint, split)}
        label = np.frombuffer(found["labels"][1], dtype=index_type(n_classes)).astype(smallest_int(n_classes))
        part, data = found["answers"]
        guess = decoded(data, label, n_classes, len(part.runs))
        arrays: dict[str, NDArray[Any]] = {
            "label": label,
            "sample": np.array(json.loads(found["samples"][1]), dtype=np.str_),
        }
        arrays["guess"] = guess[_rows(part, keys)]
        if "p_label" in found and set(keys) <= set(found["p_label"][0].runs):
            part, data = found["p_label"]
            p_label = np.frombuffer(data, dtype="<f2").reshape(len(part.runs), len(label))
            arrays["p_label"] = p_label[_rows(part, keys)].astype(np.float32)
        return arrays

    def _bytes(self, fingerprint: str, split: str) -> Iterator[tuple[Part, bytes]]:
        """Yield what is about this split of this data; images are the same, whichever weights answered."""
        images = split.removesuffix("-averaged")
        wanted = {(split, "answers"), (split, "p_label"), (images, "samples"), (images, "labels")}
        with _unpacking(self.root) as file:
            _first_line(self.root, file)
            for part in self.parts:
                data = _exactly(file, part.size)
                if part.fingerprint == fingerprint and (part.split, part.what) in wanted:
                    yield part, data
            if file.read(1):
                raise ValueError("it holds more than it says")


def _rows(part: Part, keys: Sequence[str]) -> list[int]:
    place = {key: row for row, key in enumerate(part.runs)}
    return [place[key] for key in keys]


def _plan(plan: PlanLine) -> Study:
    cells = tuple(Cell(c.arm, c.dose, c.seed, c.key, c.paired, c.keeps_weights) for c in plan.cells)
    return Study(plan.identity, cells, plan.sweep, cells[max(len(cells) - plan.earlier, 0) :])


def is_packed(path: str | Path) -> bool:
    """Return whether a path is a file packed by xz, as no table is that can be read here."""
    if not Path(path).is_file():
        return False
    with Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


@contextlib.contextmanager
def _unpacking(root: Path) -> Generator[IO[bytes]]:
    """Open a packed file; whatever is wrong with it is an `InputError` that names it."""
    if not root.is_file():
        raise InputError(f"{str(root)!r} does not exist or is no file")
    with _told(root), lzma.open(root, "rb") as file:
        yield file


@contextlib.contextmanager
def _told(root: Path) -> Generator[None]:
    try:
        yield
    except (*DAMAGED, lzma.LZMAError, LookupError, TypeError, AttributeError) as error:
        why = str(error) or type(error).__name__
    except InputError as error:
        if repr(str(root)) in str(error):
            raise
        why = str(error)
    else:
        return
    raise InputError(
        f"{str(root)!r} cannot be read as a packed file: {why}; is it whole? Get it again, or make it anew with"
        " `barnspider pack`"
    )


def _first_line(root: Path, file: IO[bytes]) -> FirstLine:
    """Return what the file says of itself; `InputError` where something else wrote it."""
    line = file.readline(LONGEST)
    if not line.startswith(START):
        raise InputError(
            f"{str(root)!r} is packed by xz, but not by `barnspider pack`; if it is a table, unpack it first: xz -d"
        )
    schema = line[len(SCHEMA_FIRST) :].partition(b'"')[0].decode("ascii", "replace")
    if schema != SCHEMA:
        raise InputError(f"{str(root)!r} has schema {schema!r}; this version reads {SCHEMA!r}")
    from barnspider.store.first_line import checked  # pydantic is for those who have such a file

    return checked(line)


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise EOFError(f"{size} bytes should follow, and {len(data)} do")
    return data
