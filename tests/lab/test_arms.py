"""A study may have arms that are no dose of its knob: other recipes on the same data."""

import pytest

from barnspider import InputError
from barnspider.lab import Recipe, Sweep, read_study

STUDY = """
[recipe]
dataset = "digits"
[sweep]
vary = "rotation"
doses = [0, 30]
seeds = 2
[arms.longer]
epochs = 40
[arms."more, <b>"]
rotation = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
"""


@pytest.fixture
def written(tmp_path):
    def write(text=STUDY):
        path = tmp_path / "s.toml"
        path.write_text(text)
        return path

    return write


def test_arms_stand_beside_the_doses(written):
    sweep = read_study(written())
    assert isinstance(sweep, Sweep)
    runs = {run.arm: run for run in sweep.runs() if run.seed == 0}
    assert list(runs) == ["rotation=0", "rotation=30", "longer", "more, <b>"]
    assert (runs["longer"].recipe.epochs, runs["longer"].dose) == (40, None)
    assert runs["more, <b>"].recipe.rotation == tuple(map(float, range(10)))
    assert Sweep.from_dict(sweep.as_dict()) == sweep
    plain = Sweep(Recipe("digits"), "rotation", (0, 30), range(2), "s")
    assert (plain.identity, plain.runs()[0].key) == (sweep.identity, sweep.runs()[0].key)


def test_doses_of_their_classes_are_checked(written):
    sweep = read_study(written())
    sweep.check_classes([str(i) for i in range(10)])
    with pytest.raises(InputError, match="rotation has 10 doses; expected one for each of 3 classes"):
        sweep.check_classes(["a", "b", "c"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("epochs = 40", "epoch = 40", r"field of \[arms.longer\]='epoch' is unknown.*Did you mean 'epochs'"),
        ("epochs = 40", 'dataset = "other"', "arm 'longer' has no name, or other data"),
        ("[arms.longer]", '[arms."rotation=30"]', "holds the same value twice"),
        ("epochs = 40", 'rotation = "absent.json"', "absent.json' cannot be read"),
    ],
)
def test_mistakes_are_said(written, old, new, said):
    with pytest.raises(InputError, match=said):
        read_study(written(STUDY.replace(old, new)))
