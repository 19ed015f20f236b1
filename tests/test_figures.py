"""Figures: what is drawn follows from Effects; strangers' names stay text; files are whole."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import barnspider as barn
from barnspider import figures
from barnspider.dose_axis import DoseAxis, Usual
from barnspider.doses import dose_curves, tolls
from barnspider.figures import charts, rows
from barnspider.figures.paper import write_figures

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "{{7*7}} ${1}",
    "\u202eevil",
    "a\x00\n",
    "שלום",
)


@pytest.fixture(scope="module")
def effects():
    """Six classes, three doses: the first class is harmed at the strongest, the last has no images."""
    change = np.array([[0.0, 0.05, 0.05, 0.05, 0.0], [-0.4, 0.05, 0.1, 0.1, 0.0]])
    sim = barn.simulate(classes=5, images=200, runs=4, effect=change, doses=(0.0, 0.3, 0.9), paired=True)
    p = sim.predictions
    named = barn.Predictions.from_arrays(
        p.label, {arm: p.guess[p.rows(arm)] for arm in p.arms}, classes=HOSTILE,
        dose=dict(zip(p.arms, (0.0, 0.3, 0.9), strict=True)),
    )  # fmt: skip
    return barn.estimate(named, baseline=0.0)


def values(chart, layer):
    return chart.to_dict()["layer"][layer]["data"]["values"]


def test_curves_pass_through_zero_and_the_effects(effects):
    lines = rows.curve_rows(effects, "arm 2")
    harmed = [row for row in lines["harmed"] if row["name"] == HOSTILE[0]]
    assert [row["dose"] for row in harmed] == [0.0, 0.3, 0.9]
    assert [row["effect"] for row in harmed] == pytest.approx([0.0, *(100 * effects.effect[:, 0])], abs=0.001)
    assert [row["dose"] for row in lines["harms"]] == [0.9]
    assert not [row for part in lines.values() for row in part if row.get("name") == HOSTILE[5]]


def test_curves_mark_where_the_average_is_highest(effects):
    best = int(np.argmax(effects.overall))
    assert rows.curve_rows(effects, "arm 1")["marks"][0]["dose"] == effects.dose[best]


def test_highest_points_are_counted_where_they_are_drawn(effects):
    drawn = [row["dose"] for row in rows.curve_rows(effects, "arm 1")["bests"]]
    assert rows.peaks(effects) == [drawn.count(dose) for dose in (0.0, 0.3, 0.9)]
    assert len(drawn) == 5


def test_the_axis_holds_every_point(effects):
    low, high = rows.span(effects)
    assert low < 100 * np.nanmin(effects.effect) < 100 * np.nanmax(effects.effect) < high


def test_forest_draws_what_the_study_could_have_found(effects):
    row = rows.forest_rows(effects, "arm 2", 40)["rows"][0]
    assert row["found"] == -row["missed"] == pytest.approx(100 * effects.detectable()[1, 0], abs=0.001)


def test_forest_lists_the_worst_first_and_cuts_in_the_middle(effects):
    drawn = rows.forest_rows(effects, "arm 2", 40)["rows"]
    assert drawn[0]["status"] == "harmed"
    assert drawn[0]["low"] < drawn[0]["effect"] < drawn[0]["high"] < 0
    assert len(rows.forest_rows(effects, "arm 2", 4)["rows"]) == 4


def test_a_class_without_images_is_no_number(effects):
    cells = [row for row in rows.heat_rows(effects, "arm 1", 40)["rows"] if row["effect"] is None]
    assert [row["text"] for row in cells] == ["?", "?"]
    assert len(rows.ranked_rows(effects, "arm 1")["rows"]) == 5


def test_ranks_thin_out_very_many_classes(effects):
    drawn = rows.ranked_rows(effects, "arm 1", most=2)["rows"]
    assert [(row["rank"], row["end"]) for row in drawn] == [(0, 3), (3, 6)]


def test_worst_classes_are_the_lowest(effects):
    drawn = rows.worst_rows(effects)
    assert [row["arm"] for row in drawn] == ["0", "0.3", "0.9"]
    assert drawn[0]["worst"] == pytest.approx(100 * np.nanmin(effects.before), abs=0.001)


def test_every_figure_becomes_valid_svg_with_names_as_text(effects, tmp_path):
    every = {
        "curves": figures.dose_curves(effects, arm="arm 2"), "forest": figures.forest(effects),
        "ranked": figures.ranked(effects), "heat": figures.heat_map(effects),
        "worst": figures.mean_against_worst(effects),
    }  # fmt: skip
    for name, chart in every.items():
        root = ET.fromstring(figures.save(chart, tmp_path / f"{name}.svg").read_text("utf-8"))
        tags = {node.tag.rpartition("}")[2] for node in root.iter()}
        assert tags <= {"svg", "g", "path", "text", "tspan", "rect", "defs", "clipPath", "style", "title", "line"}, name
        attributes = {key for node in root.iter() for key in node.attrib}
        assert not [key for key in attributes if key.startswith("on") or "href" in key]
    texts = [node.text for node in ET.parse(tmp_path / "heat.svg").iter() if node.text]
    assert "{{7*7}} ${1}" in texts
    assert "\\u202eevil" in texts


def test_save_writes_png_and_pdf_and_refuses_others(effects, tmp_path):
    chart = figures.forest(effects)
    assert figures.save(chart, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert figures.save(chart, tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(barn.InputError, match=r"\.svg, \.pdf, \.png"):
        figures.save(chart, tmp_path / "a.gif")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pdf", "a.png"]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"formats": ["svg", "gif"]}, "format='gif' is unknown; expected one of: svg, pdf, png"),
        ({"width": "10"}, r"width='10'; expected millimetres from 50 to 500, or one of: column \(85\), page \(175\)"),
        ({"width": "nan"}, "width='nan'; expected millimetres"),
        ({"width": "wide"}, "width='wide'; expected millimetres"),
        ({"dpi": 1}, "dpi=1; expected dots in an inch"),
        ({"arm": "arm 9"}, "arm='arm 9' is unknown"),
        ({"classes": ["nobody"]}, "class='nobody' is unknown"),
    ],
)
def test_bad_wishes_are_refused_before_anything_is_written(effects, tmp_path, wish, message):
    with pytest.raises(barn.InputError, match=message):
        write_figures(tmp_path / "out", effects, **wish)
    assert not (tmp_path / "out").exists()


def test_a_folder_holds_what_can_be_drawn_and_keeps_what_is_not_ours(effects, tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    (tmp_path / "forest.svg").write_text("old")
    made = write_figures(tmp_path, effects, classes=[HOSTILE[0], HOSTILE[5]], width=140)
    assert [file.name for file in made.files] == [
        "dose-curves.svg", "forest.svg", "heat-map.svg", "mean-against-worst.svg",
        "class-0-img-src-x-onerror-alert-1.svg", "effects.tex", "captions.txt", "captions.md", "captions.tex",
    ]  # fmt: skip
    assert made.left_out == {
        "ranked": "the forest holds all classes, up to 40 of them", "class-5": "there is no image of this class"
    }  # fmt: skip
    assert (tmp_path / "mine.txt").read_text() == "kept"
    root = ET.parse(tmp_path / "forest.svg").getroot()
    assert float(root.get("width")) == pytest.approx(140 / 25.4 * 96, abs=2)


def test_a_pdf_is_as_wide_on_paper_as_an_svg(effects, tmp_path):
    figures.save(figures.forest(effects, width=85), tmp_path / "a.pdf")
    box = re.search(rb"/MediaBox \[0 0 ([0-9.]+) ", (tmp_path / "a.pdf").read_bytes())
    assert float(box[1]) == pytest.approx(85 / 25.4 * 72, abs=1)


def test_the_same_figure_twice_in_one_process_is_the_same(effects, tmp_path):
    one, two = (figures.save(figures.dose_curves(effects), tmp_path / name) for name in ("1.svg", "2.svg"))
    assert one.read_bytes() == two.read_bytes()


def test_a_key_says_how_many_are_harmed_and_only_what_is_there(effects):
    def key(chart):
        return chart.to_dict()["layer"][-1]["encoding"]["shape"]["scale"]["domain"]

    found = [str(x) for x in effects.findings()[1]]
    counted = [f"{found.count(status)} {status}" for status in ("harmed", "helped", "unchanged", "cannot tell")]
    told = [text for text in counted if not text.startswith("0")]
    for draw in (figures.dose_curves, figures.forest, figures.ranked):
        assert key(draw(effects, arm="arm 2"))[: len(told)] == told, draw.__name__
    assert "a class" not in key(figures.class_curve(effects, HOSTILE[1]))


def test_a_key_says_which_classes_are_drawn_where_it_is_not_all(effects):
    def said(chart):
        legend = chart.to_dict()["layer"][-1]["encoding"]["shape"]["legend"]
        return " ".join(legend["title"] or [])

    assert said(figures.forest(effects)) == ""
    assert said(figures.forest(effects, most=4)) == "The 2 lowest and the 2 highest of 6 classes"
    assert said(figures.heat_map(effects, most=4)).startswith(
        "The 2 lowest and the 2 highest of 6 classes. Change from"
    )
    assert said(figures.toll_plot(tolls(barn.simulate(classes=5).predictions), most=3)).endswith(
        "against its own best; the 3 largest of 5 classes:"
    )


def test_a_class_by_itself_shows_its_points_its_curve_and_its_turns():
    change = [[0.1, 0.02], [0.1, -0.1], [-0.2, -0.3]]
    sim = barn.simulate(
        classes=2, images=1000, runs=4, effect=change, doses=(0.0, 0.3, 0.6, 0.9), paired=True, accuracy=0.7, seed=1
    )
    effects = barn.estimate(sim.predictions, baseline=0.0)
    curves = dose_curves(sim.predictions)
    drawn = rows.class_rows(effects, "class 1", curves)
    assert [row["dose"] for row in drawn["chosen"]] == [0.0, 0.3, 0.6, 0.9]
    assert [row["dose"] for row in drawn["harms"]] == [0.6, 0.9]
    assert [row["effect"] is None for row in drawn["chosen"]] == [False, False, True, True]
    assert {row["kind"] for row in drawn["turns"]} == {"peak", "lost"}
    for row in drawn["turns"]:
        assert row["low"] <= row["dose"] <= row["high"] <= 0.9
    assert drawn["smooth"][-1]["effect"] == pytest.approx(100 * effects.effect[-1, 1], abs=5)
    low, high = rows.span_of(drawn)
    assert low < min(row["low"] for row in drawn["smooth"]) < max(row["high"] for row in drawn["chosen"]) < high


def test_a_class_without_images_is_no_curve(effects):
    with pytest.raises(barn.InputError, match="has no image"):
        figures.class_curve(effects, HOSTILE[5])


def test_the_front_is_what_no_other_arm_beats_in_both():
    places = {"a": (80, 50), "b": (82, 40), "c": (81, 39), "d": (80, 50), "e": (79, 60), "f": (79, 59)}
    drawn = [{"arm": arm, "mean": mean, "worst": worst} for arm, (mean, worst) in places.items()]
    front = [row["arm"] for row in drawn if not any(rows._beats(other, row) for other in drawn)]  # pyright: ignore
    assert front == ["a", "b", "d", "e"]


def test_texts_of_near_points_stand_on_two_sides(effects):
    made = rows.worst_rows(effects)
    assert not made[0]["below"]
    assert {row["front"] for row in made} <= {True, False}


def test_the_usual_parameter_is_a_second_line_of_each_label(effects):
    axis = DoseAxis("crop", Usual.parse("scale = 1 - dose"))
    x = figures.dose_curves(effects, axis=axis).to_dict()["layer"][1]["encoding"]["x"]
    assert x["title"] == ["dose of crop", "below: scale"]
    assert x["axis"]["labelExpr"] == "[format(datum.value, '.3~g'), format(1.0 + -1.0 * datum.value, '.3~g')]"
    assert "labelExpr" not in figures.dose_curves(effects).to_dict()["layer"][1]["encoding"]["x"]["axis"]
    assert "labelExpr" not in json.dumps(figures.heat_map(effects, axis=axis).to_dict())


def test_a_chart_shows_itself_in_a_notebook(effects):
    bundle = figures.forest(effects)._repr_mimebundle_(None, None)
    assert any("vega" in json.dumps(content) for content in bundle.values())


def test_unknown_arm_and_unknown_doses_are_refused(effects):
    with pytest.raises(barn.InputError, match="arm='arm 9' is unknown"):
        figures.forest(effects, arm="arm 9")
    plain = barn.simulate(classes=3, images=20, runs=2).predictions
    with pytest.raises(barn.InputError, match="known doses"):
        figures.dose_curves(barn.estimate(plain, baseline="baseline"))


def test_doses_over_orders_of_magnitude_get_a_symlog_axis():
    empty = charts.inline({name: [] for name in SOURCES})
    assert "symlog" in json.dumps(charts.curves(empty, [0, 1e-5, 1e-4, 1e-2], (-1, 1)).to_dict())
    assert "symlog" not in json.dumps(charts.curves(empty, [0, 0.3, 0.9], (-1, 1)).to_dict())


SOURCES = (*rows.STATUSES, *rows.OVER_DOSES)


def test_labels_are_distinct_and_short():
    long = ["x" * 10_000, "x" * 9_000, "NA", "001", ""]
    drawn = rows.labels(long)
    assert len(set(drawn)) == len(long)
    assert max(map(len, drawn)) <= 45


def test_arms_are_called_by_their_doses_where_these_differ(effects):
    assert rows.arm_labels(effects) == ["0", "0.3", "0.9"]
    plain = barn.simulate(classes=3, images=20, runs=2).predictions
    assert rows.arm_labels(barn.estimate(plain, baseline="baseline")) == ["baseline", "arm 1"]


def test_a_file_is_no_folder_for_figures(tmp_path):
    effects = barn.estimate(barn.simulate(classes=3, images=20, runs=2).predictions, "baseline")
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(barn.InputError, match=r"'.*page\.html' is a file; expected a folder"):
        write_figures(tmp_path / "page.html", effects)
    assert (tmp_path / "page.html").read_text() == "mine"
