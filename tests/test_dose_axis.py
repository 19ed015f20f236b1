"""The axis of the doses: a usual parameter is a straight line of the dose, and nothing else is read as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import barnspider as barn
from barnspider.dose_axis import UNKNOWN, DoseAxis, Usual

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: x + 0.0)


@pytest.mark.parametrize(
    ("text", "offset", "slope"),
    [
        ("scale=1-dose", 1, -1),
        ("magnitude = 30 * dose", 0, 30),
        ("m=dose*30", 0, 30),
        ("a = (2 + dose) / 4", 0.5, 0.25),
        ("b=-dose*3-1e2", -100, -3),
        ("c = 1/3*dose + .1", 0.1, 1 / 3),
        ("d=--+dose", 0, 1),
        ("e=2*(1-dose)*3", 6, -6),
    ],
)
def test_straight_lines_are_read(text, offset, slope):
    usual = Usual.parse(text)
    assert (usual.offset, usual.slope) == pytest.approx((offset, slope))
    assert usual.at(0.25) == pytest.approx(offset + slope / 4)


@given(NUMBERS, NUMBERS.filter(bool))
def test_what_is_written_down_is_read_again(offset, slope):
    usual = Usual("any name", offset, slope)
    assert Usual.parse(str(usual)) == usual


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("scale", "no name before an equals sign"),
        ("=1-dose", "no name before an equals sign"),
        ("a=", "is more than numbers"),
        ("a==dose", "is more than numbers"),
        ("a=1-x", "is more than numbers"),
        ("a=__import__('os')", "is more than numbers"),
        ("a=١-dose", "is more than numbers"),
        ("a=dose*dose", "no straight line"),
        ("a=1/dose", "no straight line"),
        ("a=dose**2", "no straight line"),
        ("a=dose//2", "no straight line"),
        ("a=dose/0", "no straight line"),
        ("a=dose dose", "no straight line"),
        ("a=2dose", "no straight line"),
        ("a=dose(1)", "no straight line"),
        ("a=1 if", "is more than numbers"),
        ("a=" + "(" * 195, "no straight line"),
        ("a=" + "9" * 190 + "e99*dose - 1e308 * dose * 10", "at most 200"),
        ("a=1e999-dose", "too large"),
        ("a=3", "does not depend on the dose"),
        ("a=dose-dose", "does not depend on the dose"),
        ("x" * 201 + "=dose", "at most 200"),
    ],
)
def test_all_else_is_refused_in_one_sentence(text, why):
    with pytest.raises(barn.InputError, match=why) as refused:
        Usual.parse(text)
    assert "expected NAME=EXPRESSION" in str(refused.value)
    assert len(str(refused.value)) < 600


def test_the_title_has_a_line_for_each_scale_and_shows_strangers_words():
    assert UNKNOWN.title() == ["dose"]
    assert DoseAxis("weight_decay").title() == ["dose of weight decay"]
    assert DoseAxis("", Usual.parse("a\u202eb = 1 - dose")).title() == ["dose", "below: a\\u202eb"]
