import json
from datetime import date

import pytest

from barnspider import InputError
from barnspider.gate import Allowance, read_allowances, read_budgets
from barnspider.gate.rules import margin

CLASSES = ("cat", "dog", "barn spider", "NA", "001")


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("b.csv", 'class,max_drop\nbarn spider,0.05\n"NA",0\n001,5e-3\n'),
        ("b.csv", b"\xef\xbb\xbfmax_drop;class\r\n0.05;barn spider\r\n\r\n0;NA\r\n0.005;001\r\n"),
        ("b.toml", '[max_drop]\n"barn spider" = 0.05\nNA = 0\n001 = 0.005\n'),
        ("b.json", '{"max_drop": {"barn spider": 0.05, "NA": 0, "001": 0.005}}'),
    ],
)
def test_budgets_from_files(tmp_path, name, text):
    assert read_budgets(written(tmp_path, name, text), CLASSES) == {"barn spider": 0.05, "NA": 0.0, "001": 0.005}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'class,arm,reason,expires\ndog,,"wrong, see #1",2027-01-31\ncat,mixup,old,never\n'),
        (
            "a.toml",
            '[[allow]]\nclass="dog"\nreason="wrong, see #1"\nexpires=2027-01-31\n'
            '[[allow]]\nclass="cat"\narm="mixup"\nreason="old"\nexpires="never"\n[max_drop]\ndog = 0.1\n',
        ),
        (
            "a.json",
            json.dumps(
                {
                    "allow": [
                        {"class": "dog", "reason": "wrong, see #1", "expires": "2027-01-31"},
                        {"class": "cat", "arm": "mixup", "reason": "old", "expires": "never"},
                    ]
                }
            ),
        ),
    ],
)
def test_allowances_from_files(tmp_path, name, text):
    found = read_allowances(written(tmp_path, name, text), CLASSES)
    assert found == (
        Allowance("dog", "wrong, see #1", date(2027, 1, 31)),
        Allowance("cat", "old", None, arm="mixup"),
    )
    assert [x.until for x in found] == ["until 2027-01-31", "for ever"]


def test_one_file_may_hold_both(tmp_path):
    text = '[max_drop]\ndog = 0.1\n[[allow]]\nclass="cat"\nreason="x"\nexpires=2027-01-31\n'
    path = written(tmp_path, "gate.toml", text)
    assert read_budgets(path, CLASSES) == {"dog": 0.1}
    assert [x.class_ for x in read_allowances(path, CLASSES)] == ["cat"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "b.csv",
            "class,max_drop\ndog,0.05\ncat,2\n",
            r"b.csv', line 3: max_drop=2.0; expected a proportion .*two points",
        ),
        ("b.csv", "class,max_drop\ndog,5%\n", r"b.csv', line 2: max_drop='5%'; expected a proportion"),
        ("b.csv", 'class;max_drop\ndog;"0,05"\n', r"b.csv', line 2: max_drop='0,05'; expected a proportion"),
        ("b.csv", "class,max_drop\ndog,nan\n", r"b.csv', line 2: max_drop=nan"),
        ("b.csv", "class,max_drop\ndog,-0.1\n", r"b.csv', line 2: max_drop=-0.1"),
        ("b.csv", "class,max_drop\ndog,\n", r"b.csv', line 2: max_drop is missing; expected class, max_drop"),
        ("b.csv", "class,max_drop\n\n\ndgo,0.1\n", r"b.csv', line 4: class='dgo' is unknown; .* Did you mean 'dog'\?"),
        ("b.csv", "class,max_drop\ndog,0.1\ndog,0.2\n", r"b.csv', line 3: class='dog' stands twice"),
        ("b.csv", "class,margin\ndog,0.1\n", r"b.csv', header: column='margin' is unknown; .* class, max_drop"),
        ("b.csv", "class,max_drop,class\ndog,0.1,cat\n", r"b.csv', line 1: the column 'class' stands twice"),
        ("b.csv", "class,max_drop\ndog,0.1,3\n", r"b.csv', line 2: the row has 3 fields"),
        ("b.csv", "", "b.csv' is empty"),
        ("b.csv", b"class,max_drop\nd\xf6g,0.1\n", r"b.csv', line 2: byte 0xf6 is not UTF-8"),
        ("b.toml", "[max_drop]\ndog = 2\n", r"b.toml', class 'dog': max_drop=2; expected a proportion"),
        ("b.toml", '[max_drop]\ndog = "0.1x"\n', r"b.toml', class 'dog': max_drop='0.1x'"),
        ("b.toml", "[max_drop]\ndog = true\n", r"b.toml', class 'dog': max_drop=True"),
        ("b.toml", "[max_drop]\ndog = 0.1\ndog = 0.2\n", "b.toml' cannot be read as TOML"),
        ("b.toml", "[budgets]\ndog = 0.1\n", "b.toml' has no 'max_drop'; expected a table 'max_drop'"),
        ("b.toml", "max_drop = 0.1\n", "b.toml': 'max_drop' is a float; expected a table"),
        ("b.toml", "[max_drop]\ndog=0.1\n[alow]\n", r"b.toml': table='alow' is unknown; .* Did you mean 'allow'\?"),
        ("b.toml", b"[max_drop]\nd\xf6g = 0.1\n", "b.toml' cannot be read as TOML: .*utf-8"),
        ("b.json", '{"max_drop": {"dog": 0.1, "dog": 0.2}}', "b.json' cannot be read as JSON: 'dog' stands twice"),
        ("b.json", "[" * 100_000, "b.json' cannot be read as JSON"),
        ("b.json", "[1]", "b.json' has no 'max_drop'"),
        ("b.json", '{"max_drop": {"dog": NaN}}', r"b.json', class 'dog': max_drop=nan"),
        ("b.json", '{"max_drop": {"dog": [1]}}', r"b.json', class 'dog': max_drop=\[1\]"),
        ("b.json", '{"max_drop": {"dog": null}}', r"b.json', class 'dog': max_drop is missing"),
    ],
)
def test_mistakes_in_budgets(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message):
        read_budgets(written(tmp_path, name, text), CLASSES)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.csv",
            "class,reason,expires\ndog,,never\n",
            r"a.csv', line 2: reason is missing; expected class, reason, exp",
        ),
        ("a.csv", 'class,reason,expires\ndog,"  ",never\n', r"a.csv', line 2: reason='  '; expected why"),
        ("a.csv", "class,reason\ndog,why\n", r"a.csv', header: expires is missing; expected the columns class"),
        ("a.csv", "class,reason,expires\ndog,x,soon\n", r"line 2: expires='soon'; expected a date such as .*or never"),
        ("a.csv", "class,reason,expires\ndog,x,31.1.2027\n", r"line 2: expires='31.1.2027'; expected a date such as"),
        ("a.csv", "class,reason,expires\ndog,x,2027-02-30\n", r"line 2: expires='2027-02-30' is no day \(day "),
        ("a.csv", "class,reason,expires\ndig,x,never\n", r"a.csv', line 2: class='dig' is unknown"),
        ("a.csv", "class,reason,expires\ndog,x,never\ndog,y,never\n", r"a.csv', line 3: dog is allowed twice"),
        (
            "a.csv",
            "class,reason,expiry\ndog,x,never\n",
            r"a.csv', header: column='expiry' is unknown; .* Did you mean 'expires'\?",
        ),
        (
            "a.toml",
            '[[allow]]\nclass="dog"\nreason=3\nexpires="never"\n',
            r"a.toml', allow number 1: reason=3; expected a",
        ),
        (
            "a.toml",
            '[[allow]]\nclass="dog"\nreason="x"\nexpires=2027-01-01T00:00:00\n',
            "allow number 1: expires='2027-",
        ),
        ("a.toml", "allow = 3\n", "a.toml': 'allow' is a int; expected a list"),
        ("a.json", '{"allow": [1]}', "a.json': 'allow' is a list; expected a list 'allow' of tables"),
        (
            "a.json",
            '{"allow": [{"class": 1, "reason": "x", "expires": "never"}]}',
            "allow number 1: class=1; expected the",
        ),
        ("a.json", '{"allow": [{"class": "dog", "reason": "x", "expires": 3}]}', "allow number 1: expires='3'"),
    ],
)
def test_mistakes_in_allowances(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message):
        read_allowances(written(tmp_path, name, text), CLASSES)


@pytest.mark.parametrize("name", ["none.csv", "none.toml", "none.json"])
def test_a_file_that_is_not_there(tmp_path, name):
    for read in (read_budgets, read_allowances):
        with pytest.raises(InputError, match=f"{name}' cannot be opened: No such file"):
            read(tmp_path / name, CLASSES)


def test_a_budget_for_each_of_many_classes_is_read_in_one_pass(tmp_path):
    classes = [f"class {c}" for c in range(10_000)]
    path = written(tmp_path, "b.csv", "class,max_drop\n" + "".join(f"{name},0.05\n" for name in classes))
    assert read_budgets(path, classes) == dict.fromkeys(classes, 0.05)


@pytest.mark.parametrize("value", ["0.1", True, None, float("nan"), 1, -1e-9, float("inf")])
def test_what_is_no_margin(value):
    with pytest.raises(InputError, match="max_drop="):
        margin(value)
