"""A person asks who received the answers that a class lost."""

import json

import numpy as np
import pytest


@pytest.fixture
def work(tmp_path):
    """Of 60 desks, the new model takes half for screens, right on 12 of them; of 60 pugs a third for boxers."""
    label = np.repeat(["desk", "screen", "pug", "boxer"], 60)
    new, later = label.copy(), label.copy()
    new[:30], new[120:140] = "screen", "boxer"
    later[120:130] = "boxer"
    rows = [f"{arm},{seed},{i},{a},{b}" for arm, guess in (("plain", label), ("new", new), ("later", later))
            for seed in (0, 1) for i, (a, b) in enumerate(zip(label, guess, strict=True))]  # fmt: skip
    (tmp_path / "preds.csv").write_text("arm,seed,sample,label,prediction\n" + "\n".join(rows) + "\n")
    sets = [[x] for x in label.tolist()]
    sets[:12] = [["desk", "screen"]] * 12
    (tmp_path / "sets.json").write_text(json.dumps(sets))
    (tmp_path / "groups.csv").write_text("class,group\npug,dog\nboxer,dog\n")
    (tmp_path / "alike.csv").write_text("class,other,similarity\nboxer,pug,0.6\n")
    return tmp_path


FLOWS = ("flows", "preds.csv", "--baseline", "plain")


def test_who_received_what(barnspider, work):
    said = barnspider(*FLOWS, "--label-sets", "sets.json", "--groups", "groups.csv").stdout
    lines = [line.split() for line in said.splitlines()]
    assert ["*", "desk", "screen", "60", "0.0", "%", "+50.0"] in [line[:7] for line in lines]
    assert any(line[:3] == ["*", "pug", "boxer"] and line[-1] == "fine-grained" for line in lines)
    assert any(line[0:1] == ["co-occurring"] and "+30.0" in line and "+12.0" in line for line in lines)
    assert "* screen" in said  # who received
    assert "* desk => screen: +50.0" in said


def test_one_class_against_its_own_best(barnspider, work):
    said = barnspider(*FLOWS, "--against", "own-best", "--class", "pug", "--arm", "new").stdout
    assert "from each class's own best arm (chosen on half of the images and runs" in said
    assert "Its own best arm is plain." in said
    assert "later" not in said
    row = next(line for line in said.splitlines() if line.startswith("* boxer"))
    assert "+33.3" in row


def test_json_and_markdown(barnspider, work):
    alike = ("--similarity", "alike.csv", "--similar", "0.5")
    found = json.loads(barnspider(*FLOWS, *alike, "--top", "1", "--json").stdout)
    assert found["schema"] == "barnspider/flows/1"
    assert [arm["arm"] for arm in found["arms"]] == ["later", "new"]
    assert [len(arm["flows"]) for arm in found["arms"]] == [1, 1]
    assert found["arms"][0]["flows"][0]["kind"] == "ambiguous or fine-grained"
    assert found["kinds"]["thresholds"]["similar"] == 0.5
    assert r"| \* pug | boxer |" in barnspider(*FLOWS, "--markdown").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--arm", "newer"), "'newer' is unknown; expected one of"),
        (("--groups", "preds.csv"), "expected the columns class (or sample) and group"),
        (("--similarity", "groups.csv"), "no 'other'"),
    ],
)
def test_bad_input(barnspider, work, options, said):
    done = barnspider(*FLOWS, *options, check=2)
    assert said in done.stderr
    assert done.stdout == ""
