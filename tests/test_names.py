import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from barnspider.names import visible


@given(st.text())
def test_nothing_in_a_name_acts_on_a_terminal(name):
    shown = visible(name)
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"]), max_size=60))
def test_ordinary_names_are_shown_as_they_are(name):
    assert visible(name) == name


def test_very_long_names_are_cut():
    assert len(visible("a" * 10_000)) == 60
