"""The command that makes a small file of studies' answers: pack."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from barnspider.cli.output import talk
from barnspider.errors import listing
from barnspider.words import counted

Kept = Annotated[Path, typer.Argument(metavar="STORE", help="A store's folder, or a packed file.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE.xz", help="The file to write.")]
Studies = Annotated[
    list[str] | None,
    typer.Option("--study", help="Which study of the store; may be repeated. Default: the only one."),
]
Splits = Annotated[
    list[str] | None,
    typer.Option(
        "--split",
        metavar="NAME",
        help="Which answers; may be repeated. Default: test, validation and test-averaged, where there are such.",
    ),
]
WithProbabilities = Annotated[
    bool, typer.Option("--p-label", help="Also keep the probability of the true class: two bytes for each answer.")
]


def pack(
    store: Kept, out: Out, studies: Studies = None, splits: Splits = None, p_label: WithProbabilities = False
) -> None:
    """Write a study's answers to one small file. Every command that reads a store reads that file, too.

    It holds class ids, not weights: the plan, arms and seeds, labels, ids and class names, which runs diverged or are
    missing, and where the rest ran. Several studies may share a file: one that was made of another, as label
    preservation is, is found beside it. The same answers make the same bytes.
    """
    from barnspider.store import PACKED_SPLITS, Packed, opened
    from barnspider.store import pack as write

    file = write(opened(store), out, studies or (), splits=splits or PACKED_SPLITS, p_label=p_label)
    packed = Packed.existing(file)
    done = sum(run["status"] == "done" for run in packed.runs.values())
    kept = listing(dict.fromkeys(part.split for part in packed.parts if part.what == "answers"))
    size = f"{file.stat().st_size / 1000:,.1f} kB"
    talk(f"{file} written: {counted(done, 'run')} of {listing(packed.studies())}, {kept}; {size}")
    talk(f"Next: barnspider audit {shlex.quote(str(file))}")
