"""Files -> Predictions: the door. What the rows say is checked in `long_table`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from barnspider.errors import InputError, listing, pick
from barnspider.joining import concat, with_classes
from barnspider.predictions import LeftOut, Predictions
from barnspider.tables.arrays import from_arrays_file
from barnspider.tables.asked import Asked, Format, Origin, Samples, Scores
from barnspider.tables.class_list import natural
from barnspider.tables.columns import Piece
from barnspider.tables.completeness import SamplesLeftOut
from barnspider.tables.dialects import Meaning, meaning
from barnspider.tables.formats import ARRAYS, kind_of
from barnspider.tables.labels import Labels, read_labels
from barnspider.tables.long_table import to_predictions
from barnspider.tables.origins import by_name
from barnspider.tables.rows import names_in, pieces_of, read_about
from barnspider.tables.strangers import refuse_strangers


def read_table(
    path: str | Path | Sequence[str | Path],
    *,
    classes: Sequence[str] | None = None,
    paired: bool = False,
    on: str | None = None,
    samples: Samples = "all",
    labels: str | Path | None = None,
    format: Format = "auto",
    columns: Mapping[str, str] | None = None,
    scores: Scores | None = None,
) -> Predictions:
    r"""Read the answers in one file, or in several that are parts of one table.

    A CSV (`,`, `;`, tab or `|`; UTF-8), JSON lines (both also .gz and .zst) or Parquet file has one row for each
    answer, with the columns `arm, seed, sample, label, prediction` and optionally `dose, p_label, on`; others are left
    alone. A file without `arm` is one arm, of the file's name; without `seed` it is one run. In place of `prediction`,
    a column `logits` or `probabilities` may hold a list in each row. Tables of ImageNet-X (`file_name,
    predicted_class`) and of timm's inference.py (`filename`, and `index` or `label`) are known by their columns.

    An .npz file was written by `Predictions.save`, or holds arrays: `label` [samples], `guess` [runs, samples] or
    `logits` or `probabilities` [runs, samples, classes], and optionally `arm`, `seed`, `dose` (NaN: unknown) for each
    run, `p_label` [runs, samples], `classes`, `sample`, `on`; its integers are indices into the classes, and without
    `arm` all runs are one arm with the file's name. An .npy file holds `guess` (whole numbers) or scores (fractions).

    The order of rows does not matter. Runs are ordered by the arm's dose (unknown: last), arm, seed; samples and
    classes as numbers when they are plain whole numbers, else by code point. In tables of rows, classes are the
    texts that occur: "NA", " dog" and "001" are names like any other. If all are whole numbers, "3.0" is read as "3".

    Parameters
    ----------
    classes
        The names, in order; needed to keep classes that never occur. Then integers that are not names among them are
        indices into them, and no two names are taken for the same by mistake.
    paired
        Say True only when runs of equal seed share their randomness across arms.
    on
        Which images, where the column `on` holds several values.
    samples
        "all": every run answers the same samples, or an error. "common": those that all runs answered; how many
        were left out is told by the warning `SamplesLeftOut`.
    labels
        A file with the label of each sample, for files without the column `label`: a table with the columns `sample`
        (or `file_name`, `filename`) and `label`; .npz or .npy; or text with one label a line, for samples 0, 1, ...
        Or a folder of images, `<class>/<file>`: a sample is known by its file's name, or by both. The folders' names
        in order are then the classes: a whole number is a place in that list, as torchvision's ImageFolder counts.
        How many of these samples no run answered is told by the warning `SamplesLeftOut`.
    format
        "long", "imagenet-x" or "timm"; "auto" finds out by the names of the columns.
    columns
        What the file calls a column, such as `{"arm": "model", "sample": "image_id"}`.
    scores
        Of an .npy file: whether it holds "logits" or "probabilities"; with that said, `p_label` is known.

    Raises
    ------
    InputError
        Naming file, line and column: for a missing column or value, a duplicate or missing answer, two labels for one
        sample, two doses for one arm, an unknown type, and whatever is no UTF-8 or no table.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "answers.csv")
    ...     _ = file.write_text("arm,seed,sample,label,prediction\nplain,0,a.png,cat,dog\nplain,0,b.png,dog,dog\n")
    ...     read_table(file).correct().tolist()
    [[False, True]]
    """
    asked = Asked(classes, paired, on, samples, labels, format, columns, scores)
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(p) for p in path]
    if not paths:
        raise InputError("path=[] names no file; expected at least one")
    return read_files(by_name(paths), asked)


def read_files(origins: Sequence[Origin], asked: Asked) -> Predictions:
    """Read files of which it is known beside what runs they are; `InputError` as `read_table`."""
    pick("samples", asked.samples, ["all", "common"])
    if asked.scores is not None:
        pick("scores", asked.scores, ["logits", "probabilities"])
    labels = None if asked.labels is None else read_labels(asked.labels)
    rows = [origin for origin in origins if kind_of(origin.path) not in ARRAYS]
    parts = [_read_rows(rows, asked, labels)] if rows else []
    parts += [from_arrays_file(origin, asked, labels) for origin in origins if kind_of(origin.path) in ARRAYS]
    preds = parts[0] if len(parts) == 1 else join(parts, samples=asked.samples)
    if asked.classes is None:
        refuse_strangers(listing((repr(str(origin.path)) for origin in origins), most=3), preds)
    if labels is not None and (left := labels.count - len(preds.label)):
        text = f"{left} of {labels.count} samples with a label in {labels.where} are left out: not all runs answered"
        warnings.warn(f"{text} them", SamplesLeftOut, stacklevel=3)
    return preds


def meaning_of(origin: Origin, asked: Asked, labels: Labels | None) -> Meaning:
    """Find out what the columns of a file mean; `InputError` as `meaning`."""
    return meaning(repr(str(origin.path)), names_in(origin.path), asked, origin=origin, labels=labels)


def _read_rows(origins: list[Origin], asked: Asked, labels: Labels | None) -> Predictions:
    paths = [origin.path for origin in origins]
    where = listing((repr(str(p)) for p in paths), most=3)
    abouts = [read_about(path) if kind_of(path) == "parquet" else {} for path in paths]
    saved = {tuple(about.get("classes", ())) for about in abouts}
    classes = asked.classes if asked.classes is not None or labels is None else labels.classes
    if classes is None and len(saved) == 1:
        classes = next(iter(saved)) or None
    found = [meaning_of(origin, asked, labels) for origin in origins]
    _refuse_uneven(paths, found)
    preds = to_predictions(
        _pieces(paths, found), where=where, classes=classes, paired=asked.paired, on=asked.on, samples=asked.samples,
        hint=_hint(found),
    )  # fmt: skip
    return replace(
        preds,
        paired=preds.paired or all(about.get("paired", False) for about in abouts),
        same_models=any(about.get("same_models", False) for about in abouts),
        left_out=tuple(LeftOut(*x) for about in abouts for x in about.get("left_out", ())),
    )


def _pieces(paths: Sequence[Path], found: Sequence[Meaning]) -> Iterator[Piece]:
    for path, means in zip(paths, found, strict=True):
        for piece in pieces_of(path, list(dict.fromkeys(means.columns.values()))):
            yield means.applied(piece)


def _refuse_uneven(paths: Sequence[Path], found: Sequence[Meaning]) -> None:
    for path, means in zip(paths, found, strict=True):
        if means.ours != found[0].ours:
            differ = listing(sorted(set(means.ours) ^ set(found[0].ours)))
            raise InputError(f"{str(path)!r} and {str(paths[0])!r} differ in the columns {differ}; give both the same")


def _hint(found: Sequence[Meaning]) -> str:
    """Say, where answers stand twice, that no column tells runs apart."""
    absent = [name for name in ("arm", "seed") if all(name in means.constants for means in found)]
    names = " and no column ".join(map(repr, absent))
    if not absent:
        return ""
    return (
        f"; no column {names} tells runs apart: say what it is called (--columns arm=NAME), or that the names of"
        " files do (--pattern '{arm}-seed{seed}.csv')"
    )


def join(parts: Sequence[Predictions], *, samples: Samples = "all") -> Predictions:
    """Put Predictions together that were read one by one; their lists of classes and samples may differ.

    Where the lists of classes differ, the result has all of them, in the order of `read_table`.

    Raises
    ------
    InputError
        As `concat`; with `samples="common"` only when no sample is in all parts.

    Examples
    --------
    >>> a = Predictions.from_arrays(["cat", "dog"], {"a": [["cat", "cat"]]})
    >>> b = Predictions.from_arrays(["cat", "dog"], {"b": [["cow", "dog"]]})
    >>> join([a, b]).classes
    ('cat', 'cow', 'dog')
    """
    if any(part.classes != parts[0].classes for part in parts):
        classes = tuple(sorted({name for part in parts for name in part.classes}, key=natural))
        parts = [with_classes(part, classes) for part in parts]
    return concat(_on_common_samples(parts) if samples == "common" else parts)


def _on_common_samples(parts: Sequence[Predictions]) -> list[Predictions]:
    common = set(parts[0].sample.tolist()).intersection(*(part.sample.tolist() for part in parts))
    if not common:
        raise InputError("no sample is in all files; do they name the samples in the same way?")
    everything = set(parts[0].sample.tolist()).union(*(part.sample.tolist() for part in parts))
    if left := sorted(everything - common, key=natural):
        text = f"{len(left)} of {len(everything)} samples are left out, as they are not in all files:"
        warnings.warn(f"{text} {listing(map(repr, left), most=5)}", SamplesLeftOut, stacklevel=4)
    return [part.where(samples=[s in common for s in part.sample.tolist()]) for part in parts]
