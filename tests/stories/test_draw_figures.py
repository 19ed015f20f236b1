"""Figures for a paper, from the command line: what is not drawn is said, and strangers' names do nothing."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import barnspider as barn

HOSTILE = (
    "<img src=x onerror=alert(1)>", "</text><script>alert(2)</script>", r"\input{/etc/passwd}", "50 % & $x_1$ #~^",
    "\u202eevil", "a\x00\nb", "שלום", "x" * 3_000, "../../etc", "javascript:alert(5)",
)  # fmt: skip


def write(path, doses, names, images=60, seed=0, usual=1.0):
    """A table in which a third of the classes pays at strong doses; `doses` None: two arms without doses."""
    rng, classes = np.random.default_rng(seed), len(names)
    label = np.arange(classes).repeat(images)
    guess, arms = {}, [("plain", 0.0), ("mixup", 1.0)] if doses is None else [(f"crop={d:g}", d) for d in doses]
    for arm, dose in arms:
        hurt = np.where(np.arange(classes) % 3 == 0, 0.5, 0.02) * dose**2
        right = rng.random((2, len(label))) < (0.7 + 0.08 * dose - hurt)[label]
        guess[arm] = np.where(right, label, (label + 1) % classes)
    dose = None if doses is None else dict(arms)
    barn.write_table(barn.Predictions.from_arrays(label, guess, classes=names, dose=dose, on="made up/test"), path)
    return path


@pytest.fixture(scope="module")
def dosed(tmp_path_factory):
    names = [f"class {c}" for c in range(10)]
    return write(tmp_path_factory.mktemp("dosed") / "dosed.csv", (0.0, 0.2, 0.4, 0.6, 0.8, 0.92), names)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def texts(path):
    return [node.text for node in ET.parse(path).iter() if node.text and node.text.strip()]


def test_figures_of_a_study_with_doses(barnspider, dosed, tmp_path):
    done = barnspider("figures", dosed, "-o", "out", "--class", "class 3")
    assert done.stdout == ""
    assert "10 files written to out/, drawn at crop=0.2, the best on average" in done.stderr
    assert "left out: ranked, since the forest holds all classes, up to 40 of them" in done.stderr
    assert names_in(tmp_path / "out") == [
        "captions.md", "captions.tex", "captions.txt", "class-3-class-3.svg", "dose-curves.svg", "effects.tex",
        "forest.svg", "heat-map.svg",
        "mean-against-worst.svg", "tolls.svg",
    ]  # fmt: skip
    for path in (tmp_path / "out").glob("*.svg"):
        root = ET.parse(path).getroot()
        assert float(root.get("width")) == pytest.approx(85 / 25.4 * 96, abs=2), path.name
        sizes = {float(x) for x in re.findall(r'font-size="([0-9.]+)px"', path.read_text("utf-8"))}
        assert min(sizes) >= 9, path.name
    said = texts(tmp_path / "out/dose-curves.svg")
    assert "dose" in said
    assert {"harmed at this dose", "average and interval"} <= set(said)
    assert any(re.fullmatch(r"\d+ cannot tell", text) for text in said)
    captions = (tmp_path / "out/captions.txt").read_text("utf-8")
    assert captions.startswith("dose-curves\nChange of accuracy from crop=0 over the doses")
    assert "10 classes, 600 images of made up/test" in captions


@pytest.mark.slow
def test_the_same_answers_give_the_same_bytes(barnspider, dosed, tmp_path):
    for folder in ("one", "two"):
        barnspider("figures", dosed, "-o", folder, "--class", "class 0", "--as", "svg", "--as", "png")
    assert names_in(tmp_path / "one") == names_in(tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_an_arm_is_chosen_by_its_name_or_its_dose(barnspider, dosed, tmp_path):
    for arm in ("crop=0.8", "0.8"):
        assert "drawn at crop=0.8\n" in barnspider("figures", dosed, "-o", arm, "--arm", arm).stderr
    assert (tmp_path / "0.8/forest.svg").read_bytes() == (tmp_path / "crop=0.8/forest.svg").read_bytes()
    assert "change of accuracy from crop=0 to crop=0.8, points" in " ".join(texts(tmp_path / "0.8/forest.svg"))


def test_the_usual_parameter_stands_below_the_dose(barnspider, dosed, tmp_path):
    barnspider("figures", dosed, "-o", "out", "--usual", "torchvision's scale = 1 - dose")
    said = texts(tmp_path / "out/dose-curves.svg")
    assert "below: torchvision's scale" in said
    assert {"0.92", "0.08", "0.8", "0.2"} <= set(said)
    assert "0.08" not in texts(tmp_path / "out/heat-map.svg")


def test_a_study_without_doses_says_what_it_lacks(barnspider, tmp_path):
    source = write(tmp_path / "two.csv", None, ["cat", "dog", "eel"])
    done = barnspider("figures", source, "--baseline", "plain", "-o", "out", "--class", "dog", "--as", "png")
    for name in ("dose-curves", "class-1-dog"):
        assert f"left out: {name}, since fewer than two doses are known" in done.stderr
    assert "left out: heat-map, since there is only one arm beside the baseline" in done.stderr
    assert names_in(tmp_path / "out") == [
        "captions.md", "captions.tex", "captions.txt", "effects.tex", "forest.png", "receivers.png", "tolls.png"
    ]  # fmt: skip
    assert (tmp_path / "out/forest.png").read_bytes().startswith(b"\x89PNG")


def test_strangers_names_do_nothing(barnspider, tmp_path):
    source = write(tmp_path / "hostile.parquet", (0.0, 0.4, 0.8), HOSTILE, images=30)
    asked = [part for name in (HOSTILE[0], HOSTILE[6], HOSTILE[8]) for part in ("--class", name)]
    barnspider("figures", source, "-o", "out", *asked)
    assert names_in(tmp_path) == ["hostile.parquet", "out"]
    drawn = sorted((tmp_path / "out").glob("*.svg"))
    assert [path.name for path in drawn if path.name.startswith("class")] == [
        "class-0-img-src-x-onerror-alert-1.svg", "class-6.svg", "class-8-etc.svg"
    ]  # fmt: skip
    for path in drawn:
        for node in ET.parse(path).iter():
            assert node.tag.rpartition("}")[2] in {
                "svg", "g", "path", "text", "tspan", "rect", "line", "defs", "clipPath", "style",
            }  # fmt: skip
            assert not [key for key in node.attrib if key.startswith("on") or "href" in key], path.name
            assert "url(http" not in " ".join(node.attrib.values())
    said = texts(tmp_path / "out/heat-map.svg")
    assert any(text.startswith("<img src=x") for text in said)
    assert "שלום" in said
    assert any("\\u202eevil" in text for text in said)
    table = (tmp_path / "out/effects.tex").read_text("utf-8")
    assert "\u202e" not in table
    assert r"\textbackslash{}input\{/etc/passwd\}" in table
    assert r"\input" not in table
    assert r"50 \% \& \$x\_1\$ \#\textasciitilde{}\textasciicircum{}" in table


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--as", "gif"), "format='gif' is unknown; expected one of: svg, pdf, png"),
        (("--arm", "0"), "arm='0' is the baseline"),
        (("--arm", "crop=7"), "arm='crop=7' is unknown; expected one of: crop=0.2"),
        (("--usual", "scale"), "usual='scale' cannot be read"),
        (("--top", "3", "--all"), "--top and --all were both given"),
    ],
)
def test_bad_wishes_are_refused_before_anything_is_written(barnspider, dosed, tmp_path, args, message):
    assert message in barnspider("figures", dosed, "-o", "out", *args, check=2).stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_a_file_and_an_axis_that_is_none(barnspider, dosed, tmp_path):
    (tmp_path / "taken").write_text("mine")
    assert "expected a folder for the figures" in barnspider("figures", dosed, "-o", "taken", check=2).stderr
    assert (tmp_path / "taken").read_text() == "mine"
    source = write(tmp_path / "two.csv", None, ["cat", "dog"])
    done = barnspider("figures", source, "--baseline", "plain", "--usual", "a=1-dose", check=2)
    assert "has no axis to stand at" in done.stderr


@pytest.mark.slow
def test_a_store_knows_its_axis(barnspider, study, tmp_path):
    text = study.read_text().replace('"rotation"', '"crop"').replace("[0, 60, 180]", "[0, 0.5, 0.92]")
    study.write_text(text)
    barnspider("run", study, "--store", "runs", "--workers", "1")
    done = barnspider("figures", "runs", "-o", "out", "--class", "3")
    assert "class-3-3.svg" in names_in(tmp_path / "out"), done.stderr
    said = " ".join(texts(tmp_path / "out/dose-curves.svg"))
    assert "dose of crop" in said
    assert "torchvision's scale" in said
    assert "0.92 0.08" in said
    page = tmp_path / "page.html"
    barnspider("report", "runs", "-o", page)
    assert "scale) = 1 - dose</bdi>" in page.read_text("utf-8")
