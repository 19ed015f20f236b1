from pathlib import Path

import pytest

from barnspider import InputError
from barnspider.lab import read_study

GOOD = """
name = "crops"
[recipe]
dataset = "fashion-mnist"
network = "resnet"
epochs = 3
[sweep]
vary = "crop"
doses = [0, 0.3, [0.1, 0.2]]
seeds = 3
"""


def test_a_study_file_is_a_sweep(tmp_path):
    (tmp_path / "s.toml").write_text(GOOD)
    sweep = read_study(tmp_path / "s.toml")
    assert (sweep.name, sweep.vary, sweep.doses, sweep.seeds) == ("crops", "crop", (0.0, 0.3, (0.1, 0.2)), (0, 1, 2))
    assert sweep.base.epochs == 3


def test_the_name_is_the_files_by_default(tmp_path):
    (tmp_path / "my-study.toml").write_text(GOOD.replace('name = "crops"', "").replace("seeds = 3", "seeds = [4, 7]"))
    sweep = read_study(tmp_path / "my-study.toml")
    assert (sweep.name, sweep.seeds) == ("my-study", (4, 7))


def test_a_plain_field_with_a_stated_baseline(tmp_path):
    text = GOOD.replace('"crop"', '"epochs"').replace("[0, 0.3, [0.1, 0.2]]", "[5, 10, 20]")
    (tmp_path / "s.toml").write_text(text + "baseline = 10\n")
    assert read_study(tmp_path / "s.toml").baseline == "epochs=10"
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(InputError, match=r"t\.toml.*vary='epochs' needs a baseline.*5, 10, 20"):
        read_study(tmp_path / "t.toml")


def test_a_baseline_with_one_dose_per_class(tmp_path):
    (tmp_path / "s.toml").write_text(GOOD + "baseline = [0.1, 0.2]\n")
    assert read_study(tmp_path / "s.toml").baseline.startswith("crop=per class")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs = 3", "epoch = 3", r"field of \[recipe\]='epoch' is unknown.*Did you mean 'epochs'"),
        ("epochs = 3", "epochs = 'three'", "epochs='three'; expected a whole number"),
        ('vary = "crop"', 'vary = "corp"', "vary='corp' is unknown"),
        ('vary = "crop"', "", r"field 'sweep.vary' is missing"),
        (
            'vary = "crop"',
            'vary = "crop"\ncolour = 1',
            "field 'sweep.colour' is unknown; expected one of: vary, doses, seeds, b",
        ),
        ("0.3", "1.3", "crop=1.3 is out of range"),
        ("0.3", "'a'", r"is no study: field 'sweep.doses' has 'a'; expected a list of numbers; of our own [^']*$"),
        ("[0, 0.3, [0.1, 0.2]]", "7", "field 'sweep.doses' has 7; expected a list of numbers"),
        ("doses", "dozes", "'sweep.doses' is missing; .*; field 'sweep.dozes' is unknown; expected one of: vary, d"),
        ("[recipe]", "recipe = 'digits'\n[other]", "field 'recipe' has 'digits'; expected either a command or a table"),
        ('name = "crops"', "name = 3", "field 'name' has 3; expected text"),
        ("seeds = 3", "seeds = 3\nbaseline = 0.7", "baseline=0.7 is not in the sweep"),
        ("seeds = 3", "seeds = 0", "seeds=0; expected how many seeds"),
        ("seeds = 3", "seeds = true", "field 'sweep.seeds' has True; expected how many seeds, or a list of seeds"),
        ('dataset = "fashion-mnist"', "", r"\[recipe\] has no field 'dataset'"),
        ("[sweep]", "[sweep", "is no TOML"),
        ("[recipe]", "", "is no study"),
    ],
)
def test_mistakes_are_said_with_file_and_field(tmp_path, old, new, message):
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        read_study(path)
    assert "bad.toml" in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b""])
def test_files_that_are_no_study(tmp_path, content):
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.toml"):
        read_study(path)


def test_a_folder_is_no_study(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_study(tmp_path)


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "studies").glob("*.toml")), ids=lambda p: p.stem)
def test_the_studies_that_ship_can_be_read(path):
    assert read_study(path).runs()
