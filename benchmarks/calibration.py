"""Is what barnspider says true? Simulated truth, the full grid: writes docs/calibration.md.

    python benchmarks/calibration.py                  about twenty minutes on two cores, 1 GB
    python benchmarks/calibration.py --quick          the same tables from few repetitions, for a look

Every row is compared with a truth that is known exactly (`scenarios.py`, `quantities.py`). "Width" is the mean interval
over the oracle's: 1.96 standard deviations of the estimates themselves, which nobody can know from one experiment.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process for each core instead

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np

from quantities import SECTIONS, Share
from scenarios import FRESH, RUN_NOISE, WORLDS, Cell, Row, measure

BAND = (0.935, 0.965)
COMMON = {"none", "weak"}
GRID = [
    Cell(world, n, runs, accuracy, noise, paired)
    for world, n, runs, accuracy, noise, paired in product(
        WORLDS, (10, 50, 100, 1000), (2, 3, 5, 10, 20), (0.3, 0.6, 0.9, 0.97), RUN_NOISE, (False, True)
    )
]


def sets_of(cell: Cell, budget: int) -> int:
    """Return how many data sets a cell can afford."""
    return max(budget // 50_000, min(budget // 12_500, budget // cell.cost))


def first_look(cell: Cell, budget: int) -> list[Row]:
    return measure(cell, sets_of(cell, budget))


def second_look(cell: Cell, budget: int) -> list[Row]:
    """Look again, at six times as many data sets of other seeds."""
    return measure(cell, 6 * sets_of(cell, budget), FRESH + 10_000)


def section(name: str, sets: int) -> tuple[str, list[Share], float]:
    start = time.perf_counter()
    return name, SECTIONS[name](sets), time.perf_counter() - start


def below(row: Row) -> bool:
    return row.reached < BAND[0] - 2 * row.error


def above(row: Row) -> bool:
    return row.reached > BAND[1] + 2 * row.error


HEAD = (
    "world", "images", "runs", "accuracy", "run effects", "paired", "effect", "reached", "error", "width",
    "seeds alone",
)  # fmt: skip


def cell_table(rows: list[Row]) -> list[str]:
    lines = [f"| {' | '.join(HEAD)} |", "|" + "---|" * len(HEAD)]
    for r in rows:
        c, mark = r.cell, " **below**" if below(r) else " above" if above(r) else ""
        cells = [
            c.world, c.images, c.runs, f"{c.accuracy:g}", c.noise, "yes" if c.paired else "no", f"{100 * r.effect:+g}",
            f"{r.reached:.3f}{mark}", f"{r.error:.3f}", f"{r.width:.2f}", f"{r.naive:.3f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def share_table(rows: list[Share]) -> list[str]:
    lines = ["| quantity | nominal | reached | MC error |", "|---|---|---|---|"]
    return lines + [f"| {r.what} | {r.nominal} | {r.reached:.4f} | {r.error:.4f} |" for r in rows]


def few_wrong(cell: Cell) -> bool:
    """Are fewer than five images of a class expected to be wrong?"""
    return cell.images * (1 - cell.accuracy) < 5


def summary(rows: list[Row]) -> list[str]:
    reached, naive = np.array([r.reached for r in rows]), np.array([r.naive for r in rows])
    common = [r for r in rows if r.cell.images >= 50 and r.cell.runs >= 5 and r.cell.noise in COMMON]
    lines = [
        f"- {len(rows)} scenarios; mean coverage {reached.mean():.3f}; lowest {reached.min():.3f}; below {BAND[0]} by"
        f" more than two Monte-Carlo errors: {sum(map(below, rows))} (chance alone: up to {0.023 * len(rows):.0f});"
        f" above {BAND[1]}: {sum(map(above, rows))}.",
    ]
    for name, keep in (("fewer than five", True), ("five or more", False)):
        width = [r.width for r in common if few_wrong(r.cell) == keep]
        lines.append(
            f"- Common designs (50 images or more, 5 runs or more, no or weak run effects) with {name} wrong images"
            f" expected in a class: width {np.mean(width):.2f} of the oracle's on average, {np.max(width):.2f} at most."
        )
    share = float(np.mean(naive < BAND[0]))
    lines.append(
        f"- A t test over seeds alone, same data: mean coverage {naive.mean():.3f}, lowest {naive.min():.3f},"
        f" below {BAND[0]} in {100 * share:.0f} % of scenarios."
    )
    return lines


ABOUT = """\
Written by `python benchmarks/calibration.py` in {minutes:.0f} minutes. Do not edit: run it again. Every row compares
with a truth that is known exactly, on seeds on which no constant of the library was chosen.

Two worlds. *logistic* is `barnspider.simulate`: image difficulty with standard deviation 2 on the logit scale, images'
own response to an arm 0.5; run effects none, weak (0.05 for all classes alike, 0.2 for each class), strong (0.1 and
0.5), or strong and alike for all classes (0.4 and 0); seeds paired with correlation 0.7. *other* shares nothing with it
but the design: difficulties follow a Kumaraswamy distribution (many images are always right, or always wrong), one
image in ten responds to the arm by a new difficulty, run effects have Student's tails with four degrees of freedom.
Twenty classes, of which half have no effect and half lose five points.

Nominal is 95 % everywhere. **below** and "above" mark rows outside 93.5 to 96.5 % by more than two Monte-Carlo errors.
"Width" is the mean interval over the oracle's (1.96 standard deviations of the estimates). "Seeds alone" is the usual
practice: a t test over the runs' accuracies, as if the test images were all images there are.
"""


def plot(rows: list[Row], path: Path) -> None:
    """Draw every scenario's coverage, ours and of seeds alone, against the number of images."""
    import altair as alt
    import polars as pl

    table = pl.DataFrame(
        {
            "images": [str(r.cell.images) for r in rows] * 2,
            "coverage": [r.reached for r in rows] + [r.naive for r in rows],
            "method": ["barnspider"] * len(rows) + ["t test over seeds alone"] * len(rows),
        }
    )
    x = alt.X("coverage:Q", scale=alt.Scale(domain=[0.4, 1.0]), title="coverage of nominal 95 % intervals")
    y = alt.Y("images:N", sort=["10", "50", "100", "1000"], title="images of a class")
    ticks = alt.Chart().mark_tick(thickness=1, opacity=0.3).encode(x=x, y=y)
    band = alt.Chart().mark_rule(strokeDash=[3, 3]).encode(x=alt.datum(0.95))
    chart = alt.layer(ticks, band, data=table).properties(width=520, height=110)
    chart.facet(row=alt.Row("method:N", title=None)).save(str(path))


def page(rows: list[Row], again: list[Row], sections: dict[str, list[Share]], minutes: float, picture: Path) -> str:
    lines = ["# Calibration: is what barnspider says true?", "", ABOUT.format(minutes=minutes)]
    for world in WORLDS:
        lines += [
            f"## Summary of the grid: {world} world",
            "",
            *summary([r for r in rows if r.cell.world == world]),
            "",
        ]
    lines += [f"![Coverage of every scenario]({picture.name})", "", "### Looked at again", ""]
    lines += [
        "Rows marked **below**, at six times as many data sets of other seeds: what is still marked is no chance.",
        "",
    ]
    lines += cell_table(sorted(again, key=lambda r: r.reached))
    lines += ["", "### Narrowest coverage", "", *cell_table(sorted(rows, key=lambda r: r.reached)[:20]), ""]
    lines += ["### Widest intervals", "", *cell_table(sorted(rows, key=lambda r: -r.width)[:20]), ""]
    for title, shares in sections.items():
        lines += [f"## {title}", "", *share_table(shares), ""]
    return "\n".join([*lines, "## Every scenario", "", *cell_table(rows), ""])


def grid(
    pool: ProcessPoolExecutor, look: Callable[[Cell, int], list[Row]], cells: list[Cell], budget: int
) -> list[Row]:
    """Go through cells, the costly ones first; return rows in the order of the cells."""
    by_cost = sorted(cells, key=lambda cell: -cell.cost * sets_of(cell, budget))
    found = dict(zip(by_cost, pool.map(look, by_cost, [budget] * len(by_cost), chunksize=4), strict=True))
    return [row for cell in cells for row in found[cell]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sets", type=int, default=200, help="data sets for each row of the smaller tables")
    parser.add_argument("--out", type=Path, default=Path("docs/calibration.md"))
    args = parser.parse_args()
    sets, budget = (12, 200_000) if args.quick else (args.sets, 2_000_000)
    start = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        made: dict[str, list[Share]] = {}
        for name, shares, seconds in pool.map(section, SECTIONS, [sets] * len(SECTIONS)):
            made[name] = shares
            print(f"{name}: {seconds:.0f} s", flush=True)
        rows = grid(pool, first_look, GRID, budget)
        print(f"grid: {time.perf_counter() - start:.0f} s", flush=True)
        doubtful = list(dict.fromkeys(r.cell for r in rows if below(r)))
        marked = {(r.cell, r.effect) for r in rows if below(r)}
        again = [r for r in grid(pool, second_look, doubtful, budget) if (r.cell, r.effect) in marked]
    picture, minutes = args.out.with_suffix(".svg"), (time.perf_counter() - start) / 60
    plot(rows, picture)
    args.out.write_text(page(rows, again, made, minutes, picture), encoding="utf-8")
    for world in WORLDS:
        print(world, *summary([r for r in rows if r.cell.world == world]), sep="\n")
    print(*cell_table(again), sep="\n")


if __name__ == "__main__":
    main()
