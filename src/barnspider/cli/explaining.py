"""The command that explains: flows."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from barnspider.cli.comparisons import Names, one_of
from barnspider.cli.likeness import Alike, Superclasses, similarities, superclasses
from barnspider.cli.options import All, AsJson, AsMarkdown, Comparison, Top, arm_of
from barnspider.cli.output import show

Arms = Annotated[
    list[str] | None, typer.Option("--arm", metavar="ARM", help="Only this arm: its name or its dose; may be repeated.")
]
AgainstWhat = Annotated[
    Literal["baseline", "own-best"],
    typer.Option("--against", help="Compare with the baseline, or with each class's own best arm."),
]
Together = Annotated[
    float, typer.Option("--together", help="Classes co-occur if so many images with the rarer one hold both.")
]
Interchangeable = Annotated[
    float, typer.Option("--interchangeable", help="They are one thing if so many with the more frequent one do.")
]
Similar = Annotated[float, typer.Option("--similar", help="Classes are alike from this similarity on.")]


def flows(
    asked: Comparison,
    arms: Arms = None,
    names: Names = None,
    against: AgainstWhat = "baseline",
    groups: Superclasses = None,
    similarity: Alike = None,
    together: Together = 0.1,
    interchangeable: Interchangeable = 0.7,
    similar: Similar = 0.7,
    top: Top = None,
    everything: All = False,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
) -> None:
    """Say which classes received the answers that a class lost. And what kind of confusion that is.

    For every arm: the pairs of classes that are confused more or less, who receives false answers, and between whom
    answers moved one way. Label sets (--label-sets), superclasses or similarities tell ambiguous, co-occurring,
    fine-grained and unrelated confusion apart.
    """
    from barnspider.confusion import confusion
    from barnspider.effects import estimate
    from barnspider.kinds import Thresholds

    one_of(**{"--json": as_json, "--markdown": as_markdown})
    one_of(**{"--top": top, "--all": everything})
    predictions, base = asked.arms()
    chosen = None if arms is None else list(dict.fromkeys(arm_of(arm, predictions) for arm in arms))
    effects = estimate(predictions, base, level=asked.level, generalize_to=asked.to, arms=chosen)
    own_best = against == "own-best"
    found = confusion(
        predictions, effects, against="own best" if own_best else "baseline",
        choose_on=asked.validation(predictions) if own_best else None, groups=superclasses(groups),
        similarity=similarities(similarity, predictions.classes),
        thresholds=Thresholds(together, interchangeable, similar),
    )  # fmt: skip
    rows, wanted = None if everything else top or 10, tuple(dict.fromkeys(names or ()))
    if as_json:
        show(found.to_json(None if everything else top, wanted), "")
    else:
        show(None, found.to_markdown(rows, wanted) if as_markdown else found.text(rows, wanted))
