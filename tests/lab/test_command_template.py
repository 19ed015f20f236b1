import pytest
from hypothesis import given
from hypothesis import strategies as st

from barnspider import InputError
from barnspider.lab.command.template import filled, join_words, placeholders, plain_number, split_words

VALUES = {"dose": 0.9, "seed": 3, "arm": "crop=0.9", "out": "/s t/p"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{dose}", "0.9"),
        ("{1-dose}", "0.1"),
        ("{ 1 - dose }", "0.1"),
        ("{100*dose}", "90"),
        ("{-dose}", "-0.9"),
        ("{(1-dose)/3}", "0.03333333333333333"),
        ("{dose/1e6}", "0.0000009"),
        ("{1000+seed}", "1003"),
        ("{10*seed + 0.5}", "30.5"),
        ("{arm}", "crop=0.9"),
        ("--out={out}.csv", "--out=/s t/p.csv"),
        ("{{dose}}", "{dose}"),
        ('{{"scale": {dose}}}', '{"scale": 0.9}'),
        ("{worker}", "{worker}"),
        ("{worker+dose}", "{worker+dose}"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_placeholders_are_filled_in(text, expected):
    assert filled(text, VALUES) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{doze}", "placeholder='doze' is unknown.*Did you mean 'dose'"),
        ("{1-doze}", "placeholder='doze' is unknown"),
        ("{}", "no placeholder"),
        ("{dose**2}", "no placeholder"),
        ("{dose.real}", "no placeholder"),
        ("{dose[0]}", "no placeholder"),
        ("{abs(dose)}", "no placeholder"),
        ("{__import__('os')}", "no placeholder"),
        ("{dose if seed else 1}", "no placeholder"),
        ("{'a'*9}", "no placeholder"),
        ("{True}", "no placeholder"),
        ("{1j}", "no placeholder"),
        ("{1e999}", "no placeholder"),
        ("{1 2}", "no placeholder"),
        ("{" + "(" * 300 + "}", "no placeholder"),
        ("{out+1}", "reckons with out, which is text; expected {out}"),
        ("{dose:.3f}", "asks for a format"),
        ("{dose!r}", "asks for a format"),
        ("{dose", "expected {name}"),
        ("dose}", "expected {name}"),
    ],
)
def test_what_is_no_placeholder_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        placeholders(text)
    with pytest.raises(InputError, match=message):
        filled(text, VALUES)


def test_a_division_by_zero_names_the_dose():
    with pytest.raises(
        InputError, match=r"\{1/dose\} in '-C\{1/dose\}' cannot be reckoned at dose=0: division by zero"
    ):
        filled("-C{1/dose}", {"dose": 0.0})
    with pytest.raises(InputError, match="cannot be reckoned"):
        filled("{dose*1e299*1e299}", {"dose": 1.0})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_dose_is_written_with_all_its_digits(dose):
    assert float(plain_number(dose)) == dose
    assert float(filled("{dose}", {"dose": dose})) == dose


@given(st.integers(0, 1000))
def test_arithmetic_is_that_of_decimal_fractions(thousandths):
    dose = thousandths / 1000
    assert float(filled("{1-dose}", {"dose": dose})) == (1000 - thousandths) / 1000


@given(st.lists(st.text(), min_size=1))
def test_words_survive_being_written_as_one_line(words):
    import shlex

    assert shlex.split(join_words(words)) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a 'b c' \"d\" e\\ f", ("a", "b c", "d", "e f")),
        ("a --s={1 - dose} {{ x }}", ("a", "--s={1-dose}", "{{", "x", "}}")),
        ("a $HOME *.py ~", ("a", "$HOME", "*.py", "~")),
    ],
)
def test_a_line_is_split_as_a_shell_splits_it(line, words):
    assert split_words(line) == words


@pytest.mark.parametrize("word", ["|", "&&", ">", ";", "2>&1"])
def test_what_only_a_shell_understands_is_refused(word):
    with pytest.raises(InputError, match="is for a shell, and none is started"):
        split_words(f"python train.py {word} x")
    with pytest.raises(InputError, match="cannot be split into words"):
        split_words("python 'train.py")
