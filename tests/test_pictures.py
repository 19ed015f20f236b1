"""Which classes a page shows images of, and how large that makes it."""

import base64
import html.parser
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest

import barnspider as barn
from barnspider.examples import MOST_BYTES
from barnspider.gate import Gate
from barnspider.report import gather, pictures
from barnspider.report.pictures import shown_classes
from pictured import pictured

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "\u202eevil", "x" * 10_000)


def predictions(classes=8, *, arms=2, images=40, seed=0, names=None, effect=None):
    rng = np.random.default_rng(seed)
    change = rng.uniform(-0.4, 0.2, (arms, classes)) if effect is None else effect
    sim = barn.simulate(classes=classes, images=images, runs=3, effect=change, doses=range(arms + 1), seed=seed)
    p = sim.predictions
    if names is None:
        return p
    arms_ = {f"<b>{arm}": p.guess[p.rows(arm)] for arm in p.arms}
    return barn.Predictions.from_arrays(
        p.label, arms_, classes=names, sample=[f"<i>{i}" + "/long" * 90 for i in range(len(p.label))]
    )


def data_of(path):
    """What the page's scripts are given about the first study."""

    class Reader(html.parser.HTMLParser):
        data = ""
        inside = False

        def handle_starttag(self, tag, attrs):
            self.inside = ("id", "data") in attrs

        def handle_data(self, data):
            self.data += data if self.inside else ""

    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    return json.loads(zlib.decompress(base64.b64decode(reader.data)))["studies"][0]


def test_the_most_harmed_and_the_most_helped_are_shown():
    change = [[-0.4, -0.3, -0.2, -0.1, 0.0, 0.0, 0.1, 0.12, 0.14, 0.16]]
    p = predictions(10, arms=1, images=900, effect=change)
    effects = barn.estimate(p, baseline=0.0)
    assert shown_classes(effects) == tuple(f"class {c}" for c in (0, 1, 2, 9, 8, 7))


def test_the_arm_where_most_pay_decides_too():
    change = [[0.1] * 5 + [0.12], [-0.5, -0.4, -0.3, 0.0, 0.0, 0.0]]
    effects = barn.estimate(predictions(6, images=900, effect=change), baseline=0.0)
    assert shown_classes(effects)[:3] == ("class 0", "class 1", "class 2")
    verdict = Gate(max_drop=0.02).check(effects)
    assert set(shown_classes(effects, verdict)) == {f"class {c}" for c in range(6)}


def test_findings_come_before_larger_effects_that_chance_could_explain():
    label = np.repeat([0, 1, 2, 3], [400, 400, 400, 3])
    rng = np.random.default_rng(0)
    off = np.where(rng.random((4, len(label))) < 0.8, label, 3 - label)
    on = np.where((label == 0) & (rng.random(off.shape) < 0.2), 3, off)
    on[:, -3:], off[:, -3:] = [0, 0, 3], [3, 3, 3]
    effects = barn.estimate(barn.Predictions.from_arrays(label, {"off": off, "on": on}), baseline="off")
    assert effects.effect[0].argmin() == 3
    assert not effects.harmed[0, 3]
    assert shown_classes(effects)[0] == "0"


@pytest.mark.parametrize(("classes", "shown"), [(2, 2), (3, 3), (5, 5), (6, 6), (7, 6), (500, 6)])
def test_few_classes_are_all_shown_and_of_many_six(classes, shown):
    effects = barn.estimate(predictions(classes, images=20), baseline=0.0)
    found = shown_classes(effects)
    assert len(found) == len(set(found)) == shown


def test_a_class_of_which_nothing_is_known_is_not_shown():
    label = np.zeros(9, dtype=int)
    guess = {"a": [label, label], "b": [label, label]}
    effects = barn.estimate(barn.Predictions.from_arrays(label, guess, classes=["only", "never"]), "a")
    assert shown_classes(effects) == ("only",)


def test_the_page_holds_what_the_examples_say(tmp_path):
    p = predictions()
    effects = barn.estimate(p, baseline=0.0, arms=["arm 2"])
    drawn = pictured(p, "baseline", shown_classes(effects))
    told = data_of(barn.write_report(tmp_path / "r.html", gather(p, effects, examples=drawn)))["examples"]
    assert told["arms"] == [-1, 0]
    assert told["of"] == 3
    for found, each in zip(told["classes"], drawn.classes, strict=True):
        assert effects.classes[found["id"]] == each.name
        assert base64.b64decode(found["sprite"]) == each.sprite
        assert found["seen"] == each.seen[:, [0, 2]].tolist()
        change = each.lost["arm 2"]
        assert found["lost"] == [
            [change.total, [[t.sample, each.tested[t.sample], t.before, t.after, p.classes.index(t.called), t.times]
                            for t in change.first]]
        ]  # fmt: skip


def test_strangers_ids_are_cut_and_inert(tmp_path):
    p = predictions(4, names=HOSTILE)
    effects = barn.estimate(p, baseline="<b>baseline")
    drawn = pictured(p, "<b>baseline", HOSTILE)
    path = barn.write_report(tmp_path / "r.html", gather(p, effects, examples=drawn))
    told = data_of(path)["examples"]
    ids = [t[0] for c in told["classes"] for side in ("lost", "gained") for arm in c[side] for t in arm[1]]
    assert ids
    assert max(map(len, ids)) <= pictures.LONGEST
    assert "<i>" not in path.read_text("utf-8")


def test_no_images_no_card(tmp_path):
    p = predictions()
    effects = barn.estimate(p, baseline=0.0)
    for examples in (None, pictured(p, "baseline", [])):
        path = barn.write_report(tmp_path / "r.html", gather(p, effects, examples=examples))
        assert data_of(path)["examples"] is None
        assert 'class="card wide examples"' not in path.read_text("utf-8")


def test_images_of_something_else_are_refused(tmp_path):
    p = predictions()
    effects = barn.estimate(p, baseline=0.0)
    drawn = pictured(p, "baseline", ["class 1"])
    with pytest.raises(barn.InputError, match="examples have the baseline 'arm 1'; expected 'baseline'"):
        barn.write_report(tmp_path / "r.html", gather(p, effects, examples=replace(drawn, baseline="arm 1")))
    other = replace(drawn, classes=(replace(drawn.classes[0], name="else"),))
    with pytest.raises(barn.InputError, match="examples show class 'else'"):
        barn.write_report(tmp_path / "r.html", gather(p, effects, examples=other))
    assert not list(tmp_path.iterdir())


def full(p, classes):
    """Images of noise that just fit: they cannot be compressed, so they are as large as images get."""
    drawn = pictured(p, p.arms[0], classes, images=1, first=1, noise=8)
    bare = sum(map(len, (each.sprite for each in drawn.classes)))
    side = int(8 * (MOST_BYTES / bare) ** 0.5)
    while pictured(p, p.arms[0], classes, images=1, first=1, noise=side + 1).bytes <= MOST_BYTES:
        side += 1
    drawn = pictured(p, p.arms[0], classes, images=1, first=1, noise=side)
    first = drawn.classes[0]
    rest = np.random.default_rng(0).bytes(MOST_BYTES - drawn.bytes)
    return replace(drawn, classes=(replace(first, sprite=first.sprite + rest), *drawn.classes[1:]))


def test_images_add_less_than_250_kb(tmp_path):
    p = predictions(10, arms=12)
    effects = barn.estimate(p, baseline=0.0)
    drawn = full(p, shown_classes(effects))
    bare, whole = (
        barn.write_report(tmp_path / f"{i}.html", gather(p, effects, examples=e)).stat().st_size
        for i, e in enumerate((None, drawn))
    )
    assert drawn.bytes == MOST_BYTES
    assert 200_000 < whole - bare < 250_000


def test_a_thousand_classes_with_images_stay_below_2_mb(tmp_path):
    classes = 1_000
    label = np.arange(classes).repeat(2)
    rng = np.random.default_rng(0)
    guess = {f"crop={d}": rng.choice([0, 1], (2, len(label))) for d in range(13)}
    names = [f"a class with a name of usual length {i}" for i in range(classes)]
    p = barn.Predictions.from_arrays(label, guess, classes=names, dose={f"crop={d}": d for d in range(13)})
    effects = barn.estimate(p, baseline="crop=0")
    study = gather(p, effects, examples=full(p, shown_classes(effects)))
    assert barn.write_report(tmp_path / "r.html", study).stat().st_size < 2e6


def test_too_large_images_are_refused_over_all_studies_of_a_page(tmp_path):
    p = predictions()
    effects = barn.estimate(p, baseline=0.0)
    half = replace(pictured(p, "baseline", ["class 1"]))
    each = replace(half, classes=(replace(half.classes[0], sprite=b"x" * (MOST_BYTES // 2)),))
    study = gather(p, effects, examples=each)
    barn.write_report(tmp_path / "two.html", {"one": study, "two": study})
    with pytest.raises(barn.InputError, match=r"examples take 262,500 bytes; expected at most 175,000 for a page"):
        barn.write_report(tmp_path / "three.html", {"one": study, "two": study, "three": study})
    assert not (tmp_path / "three.html").exists()
