"""The long table, one row for each answer -> Predictions. All checking of what its rows say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from barnspider.convert import smallest_int
from barnspider.errors import InputError, listing
from barnspider.predictions import Predictions
from barnspider.tables.asked import Samples
from barnspider.tables.class_list import ClassError, ClassList, class_list, is_number, natural, shown
from barnspider.tables.coded import BOOKS, Coded, Codes, Runs, count_of, looked_up, parts_of
from barnspider.tables.columns import Piece, Place, as_text, decimal_comma, probabilities, refuse_empty
from barnspider.tables.completeness import complete

MOST_RUNS = 1_000_000
SEED = re.compile(r"[+-]?[0-9]{1,99}(\.0*)?")
LONGEST_IDS = 1 << 30


def to_predictions(
    pieces: Iterable[Piece],
    *,
    where: str,
    classes: Sequence[str] | None = None,
    paired: bool = False,
    on: str | None = None,
    samples: Samples = "all",
    hint: str = "",
) -> Predictions:
    """Return the Predictions that the rows say, in canonical order (see `barnspider.tables.read_table`).

    Raises
    ------
    InputError
        Naming the place of the row and the column.
    """
    coded = _coded(pieces, where, on)
    found = _classes(coded, classes)
    runs = coded.let_go(_runs(coded), "arm", "seed", "dose")
    ids, sample = coded.let_go(_samples(coded), "sample")
    label = coded.let_go(_labels(coded, sample, ids), "label")
    kept = complete(coded, runs, sample, ids, samples, hint)
    index = np.array(found.index, dtype=smallest_int(len(found.classes)))
    guess = np.zeros((len(runs.arm), int(kept.max()) + 1), dtype=index.dtype)
    p_label = None if coded.p_label is None else np.zeros(guess.shape, dtype=np.float32)
    for rows in parts_of(len(sample)):
        place = kept[sample[rows]]
        cells = (runs.of_row[rows][place >= 0], place[place >= 0])
        guess[cells] = index[coded.codes["prediction"][rows][place >= 0]]
        if p_label is not None and coded.p_label is not None:
            p_label[cells] = coded.p_label[rows][place >= 0]
    return Predictions(
        guess=guess,
        label=index[label[kept >= 0]],
        arm=runs.arm,
        seed=runs.seed,
        dose=runs.dose,
        classes=found.classes,
        sample=_id_array(where, [name for name, k in zip(ids, kept, strict=True) if k >= 0]),
        on=coded.on,
        p_label=p_label,
        paired=paired,
    )


# Rows to numbers


def _coded(pieces: Iterable[Piece], where: str, on: str | None) -> Coded:
    books: dict[str, pl.Series] = {}
    parts: list[dict[str, NDArray[Any]]] = []
    places: list[Place] = []
    seen_on: set[str] = set()
    for piece in pieces:
        chosen = _chosen(piece, on, seen_on)
        if chosen.frame.height:
            parts.append(_code_piece(chosen, books))
            places.append(chosen.place)
    _check_on(where, on, seen_on)
    if not parts:
        raise InputError(f"{where} has a header but no rows; expected one row for each answer")
    sizes = np.array([len(part["arm"]) for part in parts])
    columns = {name: _column([part.pop(name) for part in parts]) for name in list(parts[0])}
    return Coded(
        codes={name: column for name, column in columns.items() if name != "p_label"},
        books={name: book.to_list() for name, book in books.items()},
        p_label=columns.get("p_label"),
        where=where,
        place=_joined(places, np.cumsum(sizes)),
        on=next(iter(seen_on), "") if on is None else on,
    )


def _column(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Put parts together, letting go of each when it is copied."""
    whole = np.empty(sum(map(len, parts)), dtype=np.result_type(*{part.dtype for part in parts}))
    end = len(whole)
    while parts:
        part = parts.pop()
        whole[end - len(part) : end] = part
        end -= len(part)
    return whole


def _joined(places: list[Place], ends: NDArray[np.int64]) -> Place:
    def place(row: int) -> str:
        piece = int(np.searchsorted(ends, row, side="right"))
        return places[piece](row - (int(ends[piece - 1]) if piece else 0))

    return place


def _chosen(piece: Piece, on: str | None, seen: set[str]) -> Piece:
    """Return the rows that are about the wanted images, and note which images there are."""
    if "on" not in piece.frame.columns:
        return piece
    column = as_text(piece, "on").fill_null("")
    seen.update(column.unique().to_list())
    if on is None:
        return piece
    rows = np.flatnonzero((column == on).to_numpy())
    if len(rows) == piece.frame.height:
        return piece
    return Piece(piece.frame[rows], piece.where, lambda row: piece.place(int(rows[row])))


def _check_on(where: str, on: str | None, seen: set[str]) -> None:
    if on is None and len(seen) > 1:
        values = listing(map(shown, sorted(seen)))
        raise InputError(
            f"{where} is about several sets of images: the column 'on' holds {values}; choose one by on= (--on)"
        )
    if on is not None and on not in seen:
        values = f"the column 'on' holds {listing(map(shown, sorted(seen)))}" if seen else "there is no column 'on'"
        raise InputError(f"on={on!r} is not in {where}: {values}")


def _code_piece(piece: Piece, books: dict[str, pl.Series]) -> dict[str, NDArray[Any]]:
    part: dict[str, NDArray[Any]] = {}
    for column, book in BOOKS.items():
        if column in piece.frame.columns:
            text = as_text(piece, column)
            refuse_empty(piece, column, text)
            books[book], part[column] = _encode(books.get(book, pl.Series([], dtype=pl.String)), text.fill_null(""))
    if "p_label" in piece.frame.columns:
        part["p_label"] = probabilities(piece)
    return part


def _encode(book: pl.Series, text: pl.Series) -> tuple[pl.Series, Codes]:
    """Return the book with all new texts at its end, and each text's place in it."""
    codes = text.cast(pl.Enum(book), strict=False)
    if codes.null_count():
        book = pl.concat([book, text.filter(codes.is_null()).unique().sort()])
        codes = text.cast(pl.Enum(book))
    numbers = codes.to_physical().to_numpy()
    return book, numbers.astype(np.min_scalar_type(max(len(book) - 1, 0)))


# What the numbers say


def _classes(coded: Coded, given: Sequence[str] | None) -> ClassList:
    texts = coded.books["class"]
    _refuse_mixed_kinds(coded, given)
    try:
        return class_list(texts, given)
    except ClassError as error:
        code = texts.index(error.text)
        for column in ("label", "prediction"):
            rows = np.flatnonzero(coded.codes[column] == code)
            if len(rows):
                raise InputError(f"{coded.place(int(rows[0]))}: {column}={shown(error.text)} {error.why}") from None
        raise


def _refuse_mixed_kinds(coded: Coded, given: Sequence[str] | None) -> None:
    """Names in one column and numbers in the other: every answer would count as wrong."""
    if given is not None:
        return
    number = np.array([is_number(text) for text in coded.books["class"]])
    labels, guesses = (number[count_of(coded.codes[c], len(number)) > 0] for c in ("label", "prediction"))
    if (labels.all() and not guesses.any()) or (guesses.all() and not labels.any()):
        label, guess = (coded.books["class"][coded.codes[column][0]] for column in ("label", "prediction"))
        raise InputError(
            f"{coded.place(0)}: label={shown(label)} but prediction={shown(guess)}:"
            " one column holds names, the other numbers; write both in the same way"
        )


def _runs(coded: Coded) -> Runs:
    arms, seeds = coded.books["arm"], _seeds(coded)
    dose = _doses(coded)
    values = sorted(set(seeds))
    _refuse_too_many(coded, "arm", len(arms))
    _refuse_too_many(coded, "seed", len(values))
    kind = np.int32 if len(arms) * len(values) < 2**31 else np.int64
    arm_order = sorted(range(len(arms)), key=lambda a: (dose[a] is None, dose[a] or 0.0, natural(arms[a])))
    arm_rank = np.argsort(np.array(arm_order)).astype(kind)
    places = {value: i for i, value in enumerate(values)}
    seed_rank = np.array([places[s] for s in seeds], dtype=kind)

    def pair(rows: slice) -> NDArray[np.signedinteger[Any]]:
        return arm_rank[coded.codes["arm"][rows]] * kind(len(values)) + seed_rank[coded.codes["seed"][rows]]

    parts = list(parts_of(len(coded.codes["arm"])))
    pairs = np.unique(np.concatenate([pl.Series(pair(rows)).unique().to_numpy() for rows in parts]))
    of_row = np.empty(len(coded.codes["arm"]), dtype=np.min_scalar_type(len(pairs) - 1))
    for rows in parts:
        of_row[rows] = np.searchsorted(pairs, pair(rows))
    arm_of = [arm_order[int(p) // len(values)] for p in pairs]
    return Runs(
        arm=tuple(arms[a] for a in arm_of),
        seed=tuple(values[int(p) % len(values)] for p in pairs),
        dose=tuple(dose[a] for a in arm_of),
        of_row=of_row,
    )


def _refuse_too_many(coded: Coded, column: str, count: int) -> None:
    if count > MOST_RUNS:
        raise InputError(
            f"{coded.where}: the column {column!r} has {count} different values; expected one for each run:"
            " are columns mixed up?"
        )


def _seeds(coded: Coded) -> list[int]:
    texts = coded.books["seed"]
    for code, text in enumerate(texts):
        if not SEED.fullmatch(text):
            row = int(np.flatnonzero(coded.codes["seed"] == code)[0])
            raise InputError(f"{coded.place(row)}: seed={shown(text)} is no whole number; expected 0, 1, 2, ...")
    return [int(text.split(".")[0]) for text in texts]


def _doses(coded: Coded) -> list[float | None]:
    """Return the dose of each arm's code; an arm whose dose differs between rows is refused."""
    size = len(coded.books["arm"])
    if "dose" not in coded.codes:
        return [None] * size
    values = [_dose(coded, code, text) for code, text in enumerate(coded.books["dose"])]
    distinct = list(dict.fromkeys(values))
    places = {value: i for i, value in enumerate(distinct)}
    same = np.array([places[value] for value in values])
    arm, dose = coded.codes["arm"], looked_up(same.astype(np.min_scalar_type(len(distinct))), coded.codes["dose"])
    of_arm = np.zeros(size, dtype=np.int64)
    differ = _differing(of_arm, arm, dose)
    if len(differ):
        row = int(differ[0])
        name, other = coded.books["arm"][arm[row]], distinct[of_arm[arm[row]]]
        raise InputError(
            f"{coded.place(row)}: arm {shown(name)} has dose {distinct[dose[row]]} here and {other} elsewhere;"
            " expected one dose for all runs of an arm: give each dose an arm of its own"
        )
    return [distinct[int(d)] for d in of_arm]


def _dose(coded: Coded, code: int, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        row = int(np.flatnonzero(coded.codes["dose"] == code)[0])
        raise InputError(
            f"{coded.place(row)}: dose={shown(text)} is no number; expected one, or nothing where it is unknown"
            f"{decimal_comma(text)}"
        )
    return value


def _samples(coded: Coded) -> tuple[list[str], Codes]:
    """Return the ids in canonical order, and for each row the number of its sample."""
    texts = coded.books["sample"]
    order = sorted(range(len(texts)), key=lambda s: natural(texts[s]))
    rank = np.argsort(np.array(order)).astype(np.min_scalar_type(len(order) - 1))
    return [texts[s] for s in order], looked_up(rank, coded.codes["sample"])


def _differing(said: NDArray[np.int64], of: Codes, value: Codes) -> NDArray[np.intp]:
    """Let each row say the value of what it is `of`; return the rows that do not agree with what then is said."""
    wrong = np.zeros(len(of), dtype=np.bool_)
    for rows in parts_of(len(of)):
        said[of[rows]] = value[rows]
    for rows in parts_of(len(of)):
        wrong[rows] = said[of[rows]] != value[rows]
    return np.flatnonzero(wrong)


def _labels(coded: Coded, sample: Codes, ids: list[str]) -> NDArray[np.int64]:
    label = coded.codes["label"]
    of_sample = np.zeros(len(ids), dtype=np.int64)
    differ = _differing(of_sample, sample, label)
    if not len(differ):
        return of_sample
    row = int(differ[0])
    other = int(np.flatnonzero((sample == sample[row]) & (label != label[row]))[0])
    first, second = sorted((row, other))
    names = coded.books["class"]
    raise InputError(
        f"{coded.place(second)}: sample {shown(ids[sample[row]])} has"
        f" label={shown(names[label[second]])} here and {shown(names[label[first]])} at {coded.place(first)};"
        f" expected one label for each sample ({len(np.unique(sample[differ]))} such samples)"
    )


def _id_array(where: str, ids: list[str]) -> NDArray[np.str_]:
    longest = max(len(name) for name in ids)
    if 4 * longest * len(ids) > LONGEST_IDS:
        raise InputError(f"{where} has a sample id of {longest} characters; expected short ids: number the samples")
    array = np.array(ids, dtype=np.str_)
    if any(name.endswith("\0") for name in ids):
        raise InputError(f"{where} has a sample id that ends with a NUL character; remove it")
    return array
