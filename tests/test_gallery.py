import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barnspider import InputError, estimate
from barnspider.doses import tolls
from barnspider.gallery.__main__ import main
from barnspider.gallery.build import SECTIONS
from barnspider.gallery.found import Found, gather
from barnspider.gallery.manifest import read_manifest
from barnspider.gallery.marked import renewed
from barnspider.gallery.noise import halves, scatter
from barnspider.gallery.published import angelakis_rass
from barnspider.gallery.shown import table
from barnspider.simulate import simulate
from barnspider.store import Answers, Cell, Images, Result, Store, pack

CLASSES = ("Sandal", "Dress", "<b>a|b</b>", "Bag")
DOSES = (0.0, 0.2, 0.4, 0.6)
BETTER = [[0.03, 0.0, 0.04, 0.04], [0.08, -0.15, 0.06, 0.06], [0.02, -0.3, 0.0, 0.0]]
"""Better at 0.4 on average would be without Dress, which falls from 0.2 on."""


def sealed(store, name, effect, *, seed, doses=DOSES, data="f0", runs=6, **sweep):
    """Write a study into a store whose true effects are known; return its identity."""
    given = {"classes": len(CLASSES), "runs": runs, "accuracy": 0.75, "effect": effect, "doses": doses, "paired": True}
    parts = {split: simulate(images=images, seed=seed, **given).predictions for split, images in SPLITS.items()}
    knob = sweep.setdefault("vary", "fixed_crop")
    splits = {split: Images(p.label, np.char.add(f"{split}-", p.sample)) for split, p in parts.items()}
    store.describe_images(data, CLASSES, "clothes", splits)
    test = parts["test"]
    runs_ = list(zip(test.arm, test.dose, test.seed, strict=True))
    cells = [Cell(f"{knob}={d:g}", d, s, f"{name}-{s}-{d:g}".replace(".", "p")) for _, d, s in runs_]
    store.plan(f"{name}-0a1b", cells, {"doses": list(doses), "seeds": [*range(runs)], **sweep})
    for row, cell in enumerate(cells):
        answers = {split: Answers(p.guess[row], None) for split, p in parts.items()}
        about = {"seconds": 90.0, "environment": {"device": "one GPU"}}
        store.write(cell.key, Result("done", data, answers, about))
    return f"{name}-0a1b"


SPLITS = {"test": 150, "validation": 100}
RECIPE = {"dataset": "clothes", "network": "resnet", "width": 16, "epochs": 8, "train_images": 4000, "flip": 0.5}
HEAD = 'page = "../docs/page.md"\nfigures = "../docs/images"\n'
MANIFEST = f"""{HEAD}
[[study]]
name = "flips"
file = "flips.xz"
study = "flips"
claims = ["optimum", "minority", "preservation"]
published = "flips"
control = ["epochs"]
figures = ["dose-curves"]
[[study]]
name = "no-flips"
file = "no-flips.xz"
claims = ["optimum"]
published = "no flips"
control = ["epochs"]
[[study]]
name = "wide"
file = "wide.xz"
published = "flips"
same_recipe = true
noise = true
[[study]]
name = "decay"
file = "decay.xz"
claims = ["uninformed"]
[[study]]
name = "elsewhere"
file = "flips.xz"
study = "flips-to-shoes"
claims = ["transfer"]
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A gallery of five studies, built."""
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "gallery").mkdir()
    (folder / "docs").mkdir()
    store = Store(folder / "runs")
    sealed(store, "flips", BETTER, seed=1, recipe=RECIPE)
    sealed(store, "flips-to-shoes", [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, -0.3, 0.0], [0.0] * 4], seed=9, of="flips-0a1b")
    kept = {"of": "flips-0a1b", "made": "preserve", "references": "a <net>"}
    sealed(store, "flips-asked", [[-0.05, -0.2, 0, 0], [-0.1, -0.4, 0, 0], [-0.2, -0.5, 0, 0]], seed=2, **kept)
    sealed(store, "no-flips", BETTER, seed=3, recipe=RECIPE | {"flip": 0.0, "epochs": 8})
    sealed(store, "wide", BETTER, seed=4, recipe=RECIPE | {"network": "wide-resnet"})
    sealed(store, "decay", [[0.0] * 4] * 3, seed=5, vary="weight_decay", recipe=RECIPE)
    place = folder / "gallery"
    pack(store, place / "flips.xz", ["flips", "flips-to-shoes", "flips-asked"])
    for name in ("no-flips", "wide", "decay"):
        pack(store, place / f"{name}.xz", [name])
    (place / "gallery.toml").write_text(MANIFEST)
    marks = [f"<!-- gallery: {s.name} -->\n<!-- end of {s.name} -->" for s in SECTIONS]
    (folder / "docs" / "page.md").write_text("By hand.\n\n" + "\n\nAlso by hand.\n\n".join(marks) + "\n")
    assert main([str(place)]) == 0
    return folder


def part(folder, name):
    page = (folder / "docs" / "page.md").read_text()
    return re.search(rf"<!-- gallery: {name} -->\n(.*?)<!-- end of", page, re.DOTALL)[1]


def rows(text):
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines() if "|" in line]


def found_in(built, name):
    return next(f for f in gather(read_manifest(built / "gallery")) if f.entry.name == name)


def test_the_check_tells_what_is_not_what_is_built(built, tmp_path, capsys):
    shutil.copytree(built, tmp_path / "copy")
    place, docs = tmp_path / "copy" / "gallery", tmp_path / "copy" / "docs"
    study = '[[study]]\nname = "decay"\nfile = "decay.xz"\nclaims = ["uninformed"]\nfigures = ["tolls"]\n'
    (place / "gallery.toml").write_text(HEAD + study)
    assert main([str(place)]) == 0
    assert not list(docs.rglob("flips*.svg")), "figures that nothing asks for any more are removed"
    before = {path: path.read_bytes() for path in docs.rglob("*.*")}
    page, figure = docs / "page.md", docs / "images" / "decay-tolls.svg"
    page.write_text(page.read_text().replace("| decay |", "| delay |"))
    figure.rename(figure.with_name("old.svg"))
    capsys.readouterr()
    assert main([str(place), "--check"]) == 1
    said = capsys.readouterr()
    for wrong in ("page.md is not what is built", "decay-tolls.svg is not there", "old.svg is of no study"):
        assert wrong in said.out
    assert "scripts/gallery" in said.err
    assert main([str(place)]) == 0
    assert {path: path.read_bytes() for path in docs.rglob("*.*")} == before
    assert main([str(place), "--check"]) == 0
    assert page.read_text().count("Also by hand.") == len(SECTIONS) - 1


def test_claims_are_the_librarys_numbers(built):
    f = found_in(built, "flips")
    effects = estimate(f.preds, "fixed_crop=0")
    a = effects.place("fixed_crop=0.2")
    cells = dict(zip(*rows(part(built, "optimum"))[:3:2], strict=True))
    assert cells["study"] == "flips"
    assert cells["best on average"] == "fixed\\_crop 0.2"
    assert cells["runs x images"] == "24 x 600"
    assert cells["its change against off"].startswith(f"{100 * effects.overall[a]:+.1f} (")
    assert cells["better than off?"] == ("yes" if effects.overall_low[a] > 0 else "cannot tell")
    table_ = rows(part(built, "minority"))
    cells = dict(zip(table_[0], table_[2], strict=True))
    t = tolls(f.preds, choose_on=f.validation, level=1 - 0.05 / 4)
    worst = int(np.argmax(t.toll))
    assert cells["its toll"].startswith(f"{100 * t.toll[worst]:+.1f} (")
    assert cells["class dependence tau"].startswith(f"{100 * effects.tau[a]:.1f} (")
    assert cells["certainly below their own best there"].startswith(f"{len(f.certain)} of 4")


def test_names_are_inert(built):
    page = (built / "docs" / "page.md").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;a\\|b&lt;/b&gt;" in page
    assert "a &lt;net&gt;" in part(built, "preservation")
    assert "images/flips-dose-curves.svg" in part(built, "optimum")
    assert "(../gallery/flips.xz)" in part(built, "studies")


def test_what_is_preserved_carried_and_controlled_has_its_table(built):
    kept = rows(part(built, "preservation"))
    assert [row[2] for row in kept[2:]] == ["0.2", "0.6"]
    assert "Dress" in kept[3][4]
    carried = rows(part(built, "transfer"))[2]
    assert carried[:4] == ["elsewhere", "clothes/test", "clothes/test", "frozen"]
    controls = rows(part(built, "controls"))
    assert [row[:2] for row in controls[2:]] == [["8", "flips"], ["8", "no-flips"]]
    assert "one GPU" in part(built, "studies")
    assert "24 done" in part(built, "studies")


def test_published_findings_stand_beside_ours(built):
    findings, classes = part(built, "angelakis-rass").split("\n\n")[:2]
    head, _, *body = rows(findings)
    assert head == ["finding", "theirs", "ours", "studies", "agreement"]
    told = [(row[0], row[3], row[4]) for row in body]
    dress = next(row for row in body if row[0].startswith("Dress falls from") and row[3] == "flips")
    assert dress[1] == "0.3"
    assert dress[4] in ("agrees", "differs", "cannot tell")
    assert ("without flips the average is slightly lower", "no-flips, flips", "cannot tell") in told
    assert any(what == "residual networks hit classes alike" and who == "flips, wide" for what, who, _ in told)
    assert not any("no-flips, wide" in who for _, who, _ in told), "two networks differ in more than flips"
    head, _, *body = rows(classes)
    assert head[:4] == ["class", "best at, flips", "answers there, flips", "has lost 2 points from, flips"]
    assert len(head) == 1 + 3 * 3
    f = found_in(built, "flips")
    nearest = min(f.preds.arms, key=lambda arm: abs(f.preds.dose_of(arm) - float(body[0][1].split()[0])))
    assert body[0][2] == f"{(f.preds.guess[f.preds.rows(nearest)] == 1).mean():.0%}"
    assert [row[0] for row in body][:1] == ["Dress"], "who falls first stands first"
    assert {row[0] for row in body} == {"Sandal", "Dress", "&lt;b&gt;a\\|b&lt;/b&gt;", "Bag"}


def test_a_transformer_may_fall_later(built):
    one, other = found_in(built, "flips"), found_in(built, "wide")
    recipe = RECIPE | {"network": "torchvision/swin_t"}
    swin = replace(other, plan=replace(other.plan, sweep={**other.plan.sweep, "recipe": recipe}))
    last = rows(angelakis_rass([one, swin]).split("\n\n")[0])[-1]
    assert last[0] == "a transformer falls later"
    assert last[3] == "wide, flips"
    assert re.fullmatch(r"\d of 4 classes; \d the other way", last[2])


def test_a_study_file_must_be_of_what_was_run(built, tmp_path, capsys):
    (tmp_path / "x.toml").write_text(
        'name = "decay"\n[recipe]\ndataset = "digits"\n[sweep]\nvary="crop"\ndoses=[0]\nseeds=1'
    )
    (tmp_path / "gallery.toml").write_text(HEAD + '[[study]]\nname = "decay"\nfile = "decay.xz"\ntoml = "x.toml"\n')
    shutil.copy(built / "gallery" / "decay.xz", tmp_path)
    assert main([str(tmp_path)]) == 2
    assert "but 'decay-0a1b' was run: name or recipe have changed" in capsys.readouterr().err


def test_another_axis_is_not_compared(built, tmp_path):
    shutil.copytree(built, tmp_path / "copy")
    store = Store(tmp_path / "runs")
    sealed(store, "cropped", BETTER, seed=1, vary="crop", recipe=RECIPE)
    pack(store, tmp_path / "copy" / "gallery" / "flips.xz")
    text = '[[study]]\nname = "flips"\nfile = "flips.xz"\npublished = "flips"\n'
    place = tmp_path / "copy" / "gallery"
    (place / "gallery.toml").write_text(HEAD + text)
    assert main([str(place)]) == 0
    assert part(tmp_path / "copy", "angelakis-rass").count("not comparable: crop is another axis") == 2


def test_two_halves_of_an_arm_differ_in_nothing(built):
    body = rows(part(built, "same-recipe"))[2:]
    assert [row[1] for row in body] == [f"fixed\\_crop={d:g}" for d in DOSES]
    assert all(row[2] == "3 + 3 x 600" for row in body)
    f = found_in(built, "wide")
    both = halves(f.preds, "fixed_crop=0")
    assert sorted(map(tuple, both.guess)) == sorted(map(tuple, f.preds.where(arms=["fixed_crop=0"]).guess))
    assert not both.paired


def test_scatter_over_runs_is_measured():
    preds = simulate(classes=3, images=400, runs=12, seed=2).predictions
    found = scatter(preds, "baseline")
    each = np.array([[preds.correct()[r][preds.label == c].mean() for c in range(3)] for r in preds.rows("baseline")])
    assert np.allclose(found.sd, each.std(axis=0, ddof=1))
    assert np.allclose(found.expected, np.sqrt((1 - each.mean(axis=0)) / 800))
    assert np.all((found.low < found.sd) & (found.sd < found.high))
    with pytest.raises(InputError, match="one run"):
        scatter(preds.where(runs=[0]), "baseline")
    none = scatter(preds.where(samples=preds.label > 0), "baseline")
    assert np.isnan(none.sd[0])
    assert np.isfinite(none.ratio)


def test_off_may_be_the_best(built):
    f = found_in(built, "flips")
    worse = estimate(f.preds, "fixed_crop=0")
    assert worse.overall[2] < 0
    only = replace(f, preds=f.preds.where(arms=["fixed_crop=0", "fixed_crop=0.6"]), validation=None)
    assert isinstance(only, Found)
    assert (only.best.best, only.arm, only.beats_off()) == ("fixed_crop=0", "fixed_crop=0.6", "no")


PAGE = "a\n<!-- gallery: x -->\nold\n<!-- end of x -->\nb\n"


@pytest.mark.parametrize(
    ("page", "parts", "message"),
    [
        (PAGE.replace("end of x", "end of y"), {"x": "new"}, "'x' must stand once, and end with <!-- end of x -->"),
        (PAGE + PAGE, {"x": "new"}, "'x' must stand once"),
        (PAGE, {"y": ""}, "'x' is unknown; expected one of: y"),
        ("a\n", {"x": "new"}, "has no place for x; add <!-- gallery: x -->"),
    ],
)
def test_marks_that_are_wrong_are_told(page, parts, message):
    with pytest.raises(InputError, match=re.escape(message)):
        renewed(page, parts, "'page.md'")


def test_only_marked_parts_change():
    assert renewed(PAGE, {"x": "new", "y": ""}, "p") == PAGE.replace("old", "new")
    assert renewed(PAGE, {"x": ""}, "p") == PAGE.replace("old\n", "")
    assert table(["a", "b"], []) == "| a | b |\n|:--|--:|"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("page = 3", "page=3"),
        ("x = [", "is no TOML"),
        ('page = "a"\nfigures = "b"\n[[study]]\nname = "Ä"\nfile = "c"', "study.1.name='Ä'"),
        ('page = "a"\nfigures = "b"\n[[study]]\nname = "a"\n', "study.1.file is missing"),
        (
            'page = "a"\nfigures = "b"\n[[study]]\nname = "a"\nfile = "c"\nclaims = ["sixth"]',
            "study.1.claims.1='sixth'",
        ),
        ('page = "a"\nfigures = "b"\n' + '[[study]]\nname = "a"\nfile = "c"\n' * 2, "two studies called a"),
        ('page = "a"\nfigures = "b"\n[[study]]\nname = "a"\nfile = "c.xz"\n', "study 'a' of the gallery: "),
        ('page = "a"\nfigures = "b"\nstudy = []\n', "cannot be read"),
    ],
)
def test_a_wrong_manifest_is_told(tmp_path, capsys, text, message):
    (tmp_path / "gallery.toml").write_text(text)
    assert main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert str(tmp_path) in said


@pytest.mark.parametrize(
    ("file", "says", "message"),
    [
        ("decay.xz", 'claims = ["transfer"]', "lacks the study that it was made of; pack both together"),
        ("decay.xz", 'claims = ["preservation"]', "lacks what `barnspider preserve` made"),
        ("lone.xz", 'claims = ["optimum"]', "the only arm is the baseline"),
        ("lone.xz", "same_recipe = true", "its largest arm has 3 runs; expected 4 or more"),
    ],
)
def test_what_a_study_cannot_show_is_told(built, tmp_path, capsys, file, says, message):
    store = Store(tmp_path / "runs")
    sealed(store, "lone", np.zeros((0, 4)), seed=1, doses=(0.0,), runs=3)
    pack(store, tmp_path / "lone.xz")
    shutil.copy(built / "gallery" / "decay.xz", tmp_path)
    (tmp_path / "gallery.toml").write_text(f'{HEAD}[[study]]\nname = "s"\nfile = "{file}"\n{says}\n')
    assert main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "study 's' of the gallery" in said
    assert message in said


def test_a_folder_without_a_manifest_is_told(tmp_path, capsys):
    assert main([str(tmp_path / "none"), "--check"]) == 2
    assert "expected a gallery's manifest" in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_committed_is_what_is_built():
    assert main([str(Path(__file__).parents[1] / "gallery"), "--check"]) == 0
