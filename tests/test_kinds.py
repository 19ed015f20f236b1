"""The kind of a confusion is what label sets and likeness say, and no more than they say."""

from dataclasses import replace

import numpy as np
import pytest

from barnspider import InputError, Predictions, estimate, with_label_sets
from barnspider.kinds import Thresholds, kinds
from barnspider.tables.similarity import Similarities

CLASSES = ("boxer", "desk", "pug", "screen", "sunglass", "sunglasses")
SUPER = {"boxer": "dog", "pug": "dog", "sunglass": "", "desk": "thing", "screen": "device"}


def study(sets=True):
    """Desks stand with screens on 15 of 40 images; sunglass is sunglasses on 36 of 40; pugs are taken for boxers."""
    label = np.repeat(CLASSES, 40)
    on = label.copy()
    on[40:60] = "screen"  # of 20 desks
    on[80:90] = "boxer"  # of 10 pugs
    on[90:94] = "desk"  # of 4 pugs
    on[160:170] = "sunglasses"  # of 10 sunglass
    preds = Predictions.from_arrays(label, {"off": [label], "on": [on]}, classes=CLASSES)
    if not sets:
        return preds
    own = [[name] for name in label]
    own[40:55] = [["desk", "screen"]] * 15
    own[160:196] = [["sunglass", "sunglasses"]] * 36
    own[200:236] = [["sunglasses", "sunglass"]] * 36
    return with_label_sets(preds, own)


def told(preds, **options):
    effects = estimate(replace(preds, accepted=None), "off")
    found = kinds(preds, effects, **options)
    pairs = zip(found.source, found.target, strict=True)
    return found, {f"{CLASSES[s]}-{CLASSES[t]}": found.of(i) for i, (s, t) in enumerate(pairs)}


def similar(**pairs):
    code = {(CLASSES.index(a), CLASSES.index(b)): v for (a, b), v in ((k.split("_"), v) for k, v in pairs.items())}
    order = sorted(code)
    return Similarities("here", np.array([a * 6 + b for a, b in order]), np.array([code[k] for k in order]))


def test_four_kinds():
    found, kind = told(study(), groups=SUPER)
    assert kind == {
        "desk-screen": "co-occurring", "pug-boxer": "fine-grained", "pug-desk": "unrelated",
        "sunglass-sunglasses": "ambiguous",
    }  # fmt: skip
    assert found.shared.tolist() == [15, 0, 0, 72]
    np.testing.assert_allclose(found.together[[0, 3]], [15 / 40, 72 / 76])
    np.testing.assert_allclose(found.mutual[[0, 3]], [15 / 55, 72 / 76])


def test_similarities_do_the_same():
    kind = told(study(), similarity=similar(boxer_pug=0.9, desk_screen=0.3))[1]
    assert (kind["pug-boxer"], kind["desk-screen"]) == ("fine-grained", "co-occurring")
    stricter = told(study(), similarity=similar(boxer_pug=0.9), thresholds=Thresholds(similar=0.95))[1]
    assert stricter["pug-boxer"] == "unrelated"


def test_sets_alone_leave_two_kinds_as_one():
    found, kind = told(study())
    assert (kind["desk-screen"], kind["pug-boxer"]) == ("ambiguous or co-occurring", "fine-grained or unrelated")
    assert kind["sunglass-sunglasses"] == "ambiguous"
    assert "two pairs of kinds cannot be told apart" in found.about()


def test_likeness_alone_leaves_two_kinds_as_one():
    found, kind = told(study(sets=False), groups=SUPER)
    assert (kind["pug-boxer"], kind["desk-screen"]) == ("ambiguous or fine-grained", "co-occurring or unrelated")
    assert np.isnan(found.together).all()
    assert "cannot tell" in found.row(0, 0)


def test_thresholds_decide():
    assert told(study(), thresholds=Thresholds(together=0.4))[1]["desk-screen"] == "fine-grained or unrelated"
    looser = told(study(), thresholds=Thresholds(interchangeable=0.2))[1]
    assert looser["desk-screen"] == "ambiguous"


def test_one_shared_image_may_be_a_slip():
    preds = Predictions.from_arrays(["a"] * 5 + ["b"] * 5, {"x": [["a"] * 5 + ["b"] * 5], "y": [["b"] * 10]})
    sets = [["a", "b"]] + [["a"]] * 4 + [["b"]] * 5
    found = kinds(with_label_sets(preds, sets), estimate(preds, "x"))
    assert (found.shared.tolist(), found.of(0)) == ([1], "fine-grained or unrelated")


def test_kinds_add_up_to_what_all_classes_lost():
    preds = study()
    found, _ = told(preds, groups=SUPER)
    effects = estimate(replace(preds, accepted=None), "off")
    assert found.change[0].sum() == pytest.approx(-effects.overall[0])
    sets = estimate(preds, "off")
    assert found.right[0].sum() == pytest.approx(sets.overall[0] - effects.overall[0])
    assert ((found.low <= found.change) & (found.change <= found.high)).all()
    assert found.row(0, found.names.index("ambiguous"))[3].startswith("+10.0")


def test_nothing_that_tells_kinds_is_refused():
    with pytest.raises(InputError, match="nothing tells kinds of confusion"):
        told(study(sets=False))
    with pytest.raises(InputError, match="no superclass of any of these classes"):
        told(study(), groups={"cat": "animal"})


@pytest.mark.parametrize("wrong", [{"together": 0}, {"interchangeable": 1.5}, {"similar": float("nan")}])
def test_thresholds_that_mean_nothing(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Thresholds(**wrong)
