from pathlib import Path

import pytest

from barnspider import InputError
from barnspider.lab import KNOBS, Recipe
from barnspider.lab.recipe import FIELDS


def test_knobs_are_fields_that_are_off_by_default():
    recipe = Recipe(dataset="digits")
    assert set(KNOBS) >= {"crop", "rotation", "flip", "cutout", "weight_decay"}
    assert all(getattr(recipe, name) == 0.0 for name in KNOBS)


def test_every_knob_is_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "knobs.md").read_text(encoding="utf-8")
    assert all(f"\n| `{name}` |" in text for name in KNOBS)


def test_a_knob_that_is_off_is_not_part_of_the_description():
    described = Recipe(dataset="digits", crop=(0.0, 0.0), flip=0.5).as_dict()
    assert "crop" not in described
    assert described["flip"] == 0.5


def test_whole_doses_are_numbers():
    assert Recipe(dataset="digits", rotation=30) == Recipe(dataset="digits", rotation=30.0)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("crop", 1.0, r"crop=1.0 is out of range; expected 0 \(off\) to 0.99"),
        ("crop", -0.1, "crop=-0.1 is out of range"),
        ("crop", float("nan"), "crop=nan is out of range"),
        ("crop", "0.5", "crop='0.5' is out of range"),
        ("crop", True, "crop=True is out of range"),
        ("crop", (), "is empty"),
        ("crop", (0.1, 2.0), "crop=2.0 is out of range"),
        ("weight_decay", (0.1, 0.2), "weight_decay takes one number"),
        ("epochs", 0, "epochs=0; expected a whole number of at least 1"),
        ("epochs", 1.5, "epochs=1.5"),
        ("batch", True, "batch=True"),
        ("lr", -1.0, "lr=-1.0"),
        ("lr", "fast", "lr='fast'"),
        ("momentum", 1.0, "momentum=1.0"),
        ("network", 3, "network=3"),
        ("mirrored", 1, "mirrored=1; expected true or false"),
        ("stem", "tiny", "stem='tiny' is unknown"),
        ("stem", "small", "stem='small' is for networks of torchvision and timm, not for 'mlp'"),
        ("dataset", None, "dataset=None"),
    ],
)
def test_bad_fields_are_said(field, value, message):
    with pytest.raises(InputError, match=message):
        Recipe(**{"dataset": "digits", field: value})


def test_an_unknown_knob_is_said():
    with pytest.raises(InputError, match=r"vary='corp' is unknown.*Did you mean 'crop'"):
        Recipe(dataset="digits").with_("corp", 0.1)


@pytest.mark.parametrize("field", FIELDS)
def test_a_plain_field_is_set_as_its_own_type(field):
    base = Recipe(dataset="digits")
    assert base.with_(field, float(getattr(base, field))) == base
    assert base.with_(field, float(getattr(base, field))).as_dict() == base.as_dict()
    assert base.without(field) == base


@pytest.mark.parametrize(
    ("knob", "dose", "usual"),
    [("crop", 0.92, 0.08), ("fixed_crop", 0.3, 0.7), ("randaugment", 0.3, 9), ("jitter", 0.5, 0.4)],
)
def test_usual_parameters_are_those_of_the_documentation(knob, dose, usual):
    assert KNOBS[knob].usual.at(dose) == pytest.approx(usual)
    assert KNOBS[knob].usual.at(0) >= 0
    assert {name for name, known in KNOBS.items() if known.usual} == {"crop", "fixed_crop", "randaugment", "jitter"}


def test_without_a_knob_is_with_that_knob_off():
    assert Recipe(dataset="digits", crop=(0.1, 0.2), epochs=3).without("crop") == Recipe(dataset="digits", epochs=3)


def test_knobs_for_colour_are_refused_on_grey_images_only_when_on():
    recipe = Recipe(dataset="digits", saturation=(0.0, 0.1))
    recipe.check_channels(3)
    recipe.without("saturation").check_channels(1)
    with pytest.raises(InputError, match=r"saturation=\(0\.0, 0\.1\) does nothing to grey images"):
        recipe.check_channels(1)


@pytest.mark.parametrize("network", ["torchvision/resnet18", "timm/resnet18", "my.module:factory"])
def test_what_a_foreign_network_cannot_honour_is_refused_at_once(network):
    for knob in ("dropout", "stochastic_depth"):
        with pytest.raises(InputError, match=f"{knob}=0.1 cannot be applied inside network='{network}'"):
            Recipe("digits", network=network).with_(knob, 0.1)
    if "/" in network:
        with pytest.raises(InputError, match="width=8 does nothing in network"):
            Recipe("digits", network=network, width=8)


def test_later_fields_are_described_only_when_they_say_something():
    assert not {"stem", "mirrored"} & set(Recipe("digits").as_dict())
    described = Recipe("digits", network="timm/resnet18", stem="small", mirrored=True)
    assert Recipe(**described.as_dict()) == described
