"""What a page tells of one study: the effects, and what more can be known where there are predictions and doses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from barnspider import words
from barnspider.design import Design
from barnspider.dose_axis import UNKNOWN, DoseAxis
from barnspider.doses import BestDoses, DoseCurves, Tolls, best_doses, dose_curves, tolls, why_no_curves
from barnspider.effects import Effects
from barnspider.examples import Examples
from barnspider.flows import Flows, flows
from barnspider.inequality import Inequality, inequality
from barnspider.kinds import Kinds, kinds
from barnspider.predictions import Predictions
from barnspider.prescribe import Judgement
from barnspider.preservation import Preservation
from barnspider.readings import Readings, readings
from barnspider.receivers import Receivers, receivers
from barnspider.tables.similarity import Similarities
from barnspider.tried import Tried


@dataclass(frozen=True, eq=False)
class Study:
    """One study for a page. Only the effects must be there; `gather` finds the rest.

    Attributes
    ----------
    effects : what every arm does to every class
    best : the best arm on average, and those that cannot be told from it
    tolls : what the best average costs each class
    curves : a smooth curve over the doses for each class
    inequality : how unequal the classes are in each arm
    flows : which classes received the answers that a class lost
    own_flows : the same, against the arm that is best for the class that lost
    receivers : who received false answers, and what that does to precision
    kinds : what kind of confusion each pair is, where label sets or likenesses tell it
    readings : where more than one answer may be right, the effects by the single label as well
    examples : images of some classes, where the laboratory has drawn them
    preservation : up to which dose images still show their class, where references were asked
    tried : what was tried against harm, as `barnspider.trials` finds it in a store's plan; not gathered
    judgement : every arm of that, as `barnspider.prescribe.judge` judges it; not gathered
    why_no_flows : why groups have neither flows, precision nor confused pairs; empty where they have
    axis : what the doses are of, and the field's usual parameter
    """

    effects: Effects
    best: BestDoses | None = None
    tolls: Tolls | None = None
    curves: DoseCurves | None = None
    inequality: Inequality | None = None
    flows: Flows | None = None
    own_flows: Flows | None = None
    receivers: Receivers | None = None
    kinds: Kinds | None = None
    readings: Readings | None = None
    examples: Examples | None = None
    preservation: Preservation | None = None
    axis: DoseAxis = UNKNOWN
    why_no_flows: str = ""
    tried: Tried | None = None
    judgement: Judgement | None = None


def gather(
    predictions: Predictions,
    effects: Effects,
    *,
    choose_on: Predictions | None = None,
    examples: Examples | None = None,
    preservation: Preservation | None = None,
    axis: DoseAxis = UNKNOWN,
    groups: Mapping[str, str] | None = None,
    similarity: Similarities | None = None,
    begin: Callable[[str], object] = str,
) -> Study:
    """Compute all that a page can tell of a study beside its effects.

    Curves need three doses or more, each of one arm; the rest needs nothing but the predictions.

    Parameters
    ----------
    predictions
        Those that the effects were estimated from.
    choose_on
        The same runs on validation images: the best doses are chosen there. By default by cross-fitting.
    examples
        Images of some classes, as `lab.examples` draws them.
    preservation
        Up to which dose labels are kept, as `barnspider.preservation.read_preservation` finds it in a store.
    axis
        What the doses are of, and the field's usual parameter: `barnspider.sources.dose_axis` knows it of a store.
    groups, similarity
        The superclass of each class, and how alike classes are, as `barnspider.kinds` takes them: with these, or with
        label sets, the page tells kinds of confusion.
    begin
        Is told what comes next, such as "tolls": `barnspider.progress.Stages` says it where that takes long.

    Raises
    ------
    InputError
        When predictions lack an arm of the effects, or `choose_on` has other runs or classes.

    Examples
    --------
    >>> from barnspider import estimate, simulate
    >>> predictions = simulate(classes=3, images=20, runs=2).predictions
    >>> study = gather(predictions, estimate(predictions, baseline="baseline"))
    >>> study.best.best, study.curves is None
    ('baseline', True)
    """
    arms = [arm for arm in predictions.arms if arm in {effects.baseline, *effects.arms}]
    measured = Design.of(predictions, arms)
    chosen = None if choose_on is None else Design.of(choose_on, arms)
    level, over = effects.method.level, effects.method.generalizes_to
    begin("best doses, and what they cost")
    best = best_doses(measured if chosen is None else chosen, level=level, generalize_to=over)
    cost = tolls(measured, choose_on=chosen, level=level, generalize_to=over)
    begin("curves over the doses")
    curves = (
        None
        if why_no_curves(measured)
        else dose_curves(measured, baseline=effects.baseline, level=level, generalize_to=over)
    )
    begin("inequality")
    unequal = inequality(
        measured, effects.baseline, level=level, generalize_to="images" if over == "images" else "auto"
    )
    begin("where the answers went")
    went = _flows(measured, effects, chosen)
    return Study(
        effects=effects,
        axis=axis,
        best=best,
        tolls=cost,
        curves=curves,
        inequality=unequal,
        examples=examples,
        preservation=preservation,
        readings=None if predictions.accepted is None else readings(predictions, effects),
        kinds=_kinds(predictions, effects, groups, similarity),
        **went,
    )


def _flows(measured: Design, effects: Effects, chosen: Design | None) -> dict[str, Any]:
    """Return where answers went, from the baseline and from each class's own best arm; or why that is not known."""
    preds = measured.preds
    if preds.answered is None:
        return {"why_no_flows": words.no_answers(preds.by)}
    return {
        "flows": flows(measured, effects),
        "own_flows": flows(measured, effects, against="own best", choose_on=chosen),
        "receivers": receivers(measured, effects) if preds.group is None else None,
    }


def _kinds(
    predictions: Predictions,
    effects: Effects,
    groups: Mapping[str, str] | None,
    similarity: Similarities | None,
) -> Kinds | None:
    told = groups is not None or similarity is not None
    if not told and (predictions.accepted is None or predictions.group is not None):
        return None
    return kinds(predictions, effects, groups=groups, similarity=similarity)
