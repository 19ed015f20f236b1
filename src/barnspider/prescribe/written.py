r"""A judgement as a table for documents and papers: Markdown, LaTeX with booktabs. Names are inert."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from barnspider import words
from barnspider.prescribe.judgement import AIM, Judged, Judgement, Loss, told
from barnspider.tried import Tried

NAMED = 3
"""Classes that a cell names; of more, their number."""
ARM = 48
"""Letters of an arm's name in a table."""

HEAD = (
    "", "arm", "average, %", "from {baseline}", "from {best}", "harmed", "below own best", "worst tenth, %", "tau",
    "toll", "largest toll", "models",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One arm in a table, as text that is still to be escaped: `harmed` and `below` are numbers and names apart."""

    reached: bool
    arm: str
    average: str
    from_off: str
    from_best: str
    harmed: Named
    below: Named
    worst: str
    tau: str
    toll: str
    largest: Named
    models: str


@dataclass(frozen=True)
class Named:
    """How many classes, the first of them by name, each with its change, and how many more there are."""

    count: str
    classes: tuple[tuple[str, str], ...]
    more: int = 0


def lines(judged: Judgement, named: int = NAMED) -> list[Line]:
    """Return the table's lines, the baseline first.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from barnspider.prescribe.judgement import judge
    >>> from barnspider.simulate import simulate
    >>> effect, doses = [[0.08] * 4 + [-0.3]], (0, 0.6)
    >>> first, second = (
    ...     simulate(classes=5, images=1000, runs=4, effect=effect, doses=doses, paired=True, seed=s).predictions
    ...     for s in (1, 2)
    ... )
    >>> found = lines(judge(replace(second, on="test"), first, "baseline"))
    >>> found[1].harmed.count, found[1].harmed.classes[0][0], found[0].from_off
    ('1', 'class 4', '')
    """
    return [_line(x, named) for x in judged.arms]


def _line(x: Judged, named: int) -> Line:
    worst = x.largest_toll
    return Line(
        x.reached, x.arm, told(x.mean, sign=False), told(x.against_off), told(x.against_best), _named(x.losses, named),
        _named(x.tolls, named), told((x.worst.value, x.worst.low, x.worst.high), sign=False),
        told(x.tau, sign=False), told(x.toll),
        Named("", ()) if worst is None else Named("", ((worst.name, _lost(worst)),)),
        "" if x.cost is None else f"{x.cost:,}",
    )  # fmt: skip


def _named(losses: Sequence[Loss], most: int) -> Named:
    shown = tuple((x.name, _lost(x)) for x in losses[:most])
    return Named(f"{len(losses):,}", shown, max(0, len(losses) - most))


def _lost(x: Loss) -> str:
    return f"{words.points(x.change)} ({words.between(x.low, x.high)})"


def notes(judged: Judgement, tried: Tried | None = None) -> list[str]:
    """Return what is to be said below the table, in plain text: who reaches the aim, what judged, what was left out."""
    units = judged.effects.method.units
    return [
        f"\N{BLACK STAR} reaches the aim: {AIM}{judged.least()}.",
        f"{judged.title()}. Harmed, below own best: certainly; worst tenth: the mean over the worst tenth"
        f" of the {units}, noise and selection taken out; tau: standard deviation of the effects over {units}; toll:"
        f" what all images lose against each at the own best dose of its {judged.effects.method.unit}; models: trained"
        " to come by the arm, those that judge it left out.",
        *left_out(tried),
    ]


def left_out(tried: Tried | None) -> list[str]:
    """Return what was prescribed and not trained by itself, and why; and what else is to be known."""
    if tried is None:
        return []
    found = tried.prescriptions.items()
    doubts = [f"{name}: {text}" for name, rx in found for text in (rx.doubt, rx.note) if text]
    return [*untrained(tried), *doubts, *tried.notes]


def untrained(tried: Tried) -> list[str]:
    """Return which arms were not trained by themselves, since every class has one dose in them."""
    return [f"{name}: every class has {dose:g}: not trained by itself." for name, dose in tried.same.items()]


def to_markdown(judged: Judgement, tried: Tried | None = None) -> str:
    """Return the judgement as a Markdown table, and below it what is to be known of it."""
    from barnspider.markdown import escaped

    def text(arm: str) -> str:
        return escaped(arm, ARM)

    head = [part.format(baseline=text(judged.baseline), best=text(judged.best)) for part in HEAD]
    rows = ["| " + " | ".join(_cells(line, text, "\N{BLACK STAR}")) + " |" for line in lines(judged)]
    table = ["| " + " | ".join(head) + " |", "|:-:|:--|" + "--:|" * 3 + ":--|" * 2 + "--:|" * 3 + ":--|--:|", *rows]
    below = [f"{escaped(note, 2000)}\n" for note in notes(judged, tried)]
    return "\n".join([*table, "", *below])


def _cells(line: Line, text: Callable[[str], str], star: str) -> list[str]:
    def names(x: Named) -> str:
        said = ", ".join(f"**{text(name)}** {change}" for name, change in x.classes) + (
            f", and {x.more:,} more" * (x.more > 0)
        )
        return f"{x.count}: {said}" if x.count and said else x.count or said

    return [
        star if line.reached else "", text(line.arm), line.average, line.from_off, line.from_best, names(line.harmed),
        names(line.below), line.worst, line.tau, line.toll, names(line.largest), line.models,
    ]  # fmt: skip


LATEX_HEAD = (
    "", "arm", "average, \\%", "from baseline", "from one dose", "harmed", "below best", "worst tenth, \\%", "$\\tau$",
    "toll", "largest toll", "models",
)  # fmt: skip


def to_latex(judged: Judgement, tried: Tried | None = None) -> str:
    r"""Return the judgement as a file for `\input`: numbers of classes, and the name of the one with the largest toll.

    It is a wide table: it needs booktabs, rotating and amssymb. Names of harmed classes are in the Markdown and JSON.
    """
    from barnspider.latex import escaped

    body = "".join(_latex_row(line, escaped) for line in lines(judged, 0))
    caption = escaped(" ".join(notes(judged, tried)[1:]), 4000)
    star = f"$\\bigstar$ reaches the aim: {escaped(AIM, 200)}{escaped(judged.least(), 200)}."
    return (
        "% Written by barnspider. Needs \\usepackage{booktabs}, \\usepackage{rotating} and \\usepackage{amssymb}.\n"
        "\\begin{sidewaystable}\n\\centering\\scriptsize\\setlength{\\tabcolsep}{3pt}\n"
        f"\\caption{{{star} {caption}}}\n\\label{{tab:barnspider-judgement}}\n"
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"  # only where it is too wide
        f"\\begin{{tabular}}{{clrrrrrrrrlr}}\n\\toprule\n{' & '.join(LATEX_HEAD)} \\\\\n\\midrule\n{body}"
        "\\bottomrule\n\\end{tabular}}\n\\end{sidewaystable}\n"
    )


def _latex_row(line: Line, escaped: Callable[[str, int], str]) -> str:
    largest = " ".join(f"{escaped(name, 20)} {_typeset(lost)}" for name, lost in line.largest.classes)
    numbers = (line.average, line.from_off, line.from_best, line.harmed.count, line.below.count)
    after = (line.worst, line.tau, line.toll)
    cells = [
        "$\\bigstar$" if line.reached else "", escaped(line.arm, 32), *map(_typeset, (*numbers, *after)), largest,
        line.models,
    ]  # fmt: skip
    return " & ".join(cells) + " \\\\\n"


def _typeset(number: str) -> str:
    """Return numbers with true minus signs."""
    return number.replace("-", "$-$").replace("+", "$+$")
