"""References and networks of the user's own are asked once more; where they are gone or others, nobody can tell."""

import shutil
import sys
from functools import partial

import numpy as np
import pytest

from barnspider import InputError
from barnspider.lab import Recipe, Store, Sweep, worker
from barnspider.lab.data import load
from barnspider.lab.images import describe
from barnspider.lab.preserve import Preserving, preserve
from barnspider.lab.preserve.plan import of_study
from barnspider.lab.pretrained import pretrained
from barnspider.lab.transfer import Borrowing, borrowed
from barnspider.lab.transfer import worker as transferred
from barnspider.lab.transfer.logistic import follow
from barnspider.verifying import verify
from test_verifying import contents, rewrite

SWEEP = Sweep(
    Recipe("digits", network="mlp", width=8, epochs=1, batch=32, train_images=100),
    vary="rotation", doses=(0, 90), seeds=(0, 1), keep="weights",
)  # fmt: skip
NETS = """
import pathlib
import torch
from torch import nn

HERE = pathlib.Path(__file__).parent

def net(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

def one(shape, classes):
    return net(int((HERE / "one.txt").read_text()))

def two(shape, classes):
    return net(2)
"""


@pytest.fixture(scope="module")
def nets(tmp_path_factory):
    """A module of networks that are trained already, one of them by what stands in a file."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "their_nets.py").write_text(NETS)
    (folder / "one.txt").write_text("1")
    sys.path.append(str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("their_nets", None)


@pytest.fixture(scope="module", autouse=True)
def few_strengths():
    """Probes of few strengths, which are quick to find."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transferred, "follow", partial(follow, strengths=(0.1, 0.03)))
        yield


@pytest.fixture(scope="module")
def asked(tmp_path_factory, nets):
    """A store in which two trained references, and a user's own network, were asked; and others were borrowed."""
    store, data = Store(tmp_path_factory.mktemp("asked") / "runs"), load("digits")
    store.plan(SWEEP.identity, SWEEP.runs(), SWEEP.as_dict())
    describe(store, data)
    worker.work(store, SWEEP.identity, data)
    for plan in plans():
        preserve(plan, store, workers=1)
    told = borrowed(["a=their_nets:one", "b=their_nets:two"])
    sums = tuple(pretrained(network.function, data)[1] for network in told)
    lent = Borrowing(told, sums, "digits", data.fingerprint)
    store.plan(lent.identity, lent.cells(), lent.as_dict())
    transferred.work(store, lent.identity, data)
    return store


def plans() -> list[Preserving]:
    return [
        *of_study(SWEEP, (90,), models=2, draws=2),
        *of_study(SWEEP, (90,), pretrained=["their_nets:one"], draws=1),
    ]


@pytest.fixture
def store(asked, tmp_path):
    return Store(shutil.copytree(asked.root, tmp_path / "runs"))


@pytest.fixture
def another(nets):
    """What the user's own network is made of, to be changed."""
    file = nets / "one.txt"
    yield file
    file.write_text("1")


def forge(store: Store, keys: list[str]) -> None:
    for key in keys:
        path = store.root / "runs" / key / "test.npz"
        arrays = dict(np.load(path))
        arrays["guess"][:3] = (arrays["guess"][:3] + 1) % 10
        np.savez_compressed(path, **arrays)
        rewrite(store, key)


def test_references_are_asked_once_more_and_nothing_is_changed(store):
    before = contents(store)
    trained, theirs = plans()
    assert Preserving.planned(store, trained.name) == trained
    for plan, runs in ((trained, 8), (theirs, 2)):
        found = verify(store, plan.identity, sample=9)
        assert (found.status, found.exit_code, len(found.studies[0].again)) == ("agree", 0, runs)
        assert all(run.identical and run.promised for run in found.studies[0].again)
    forge(store, [cell.key for cell in store.study(trained.name).cells if cell.arm == "rotation=90"])
    found = verify(store, trained.identity, sample=8)
    assert (found.status, [run.differ for run in found.studies[0].again]) == ("disagree", [0, 3] * 4)
    assert "3 of 600 answers are others, though the environment is the same" in str(found)
    assert contents(store).keys() == before.keys()


def test_references_whose_weights_are_gone_are_left_out_and_without_any_nobody_can_tell(store):
    (trained, _), references = plans(), SWEEP.with_doses((0,)).runs()
    shutil.rmtree(store.root / "weights" / references[0].key)
    assert {run.seed for run in verify(store, trained.name, sample=9).studies[0].again} == {2, 3}, "of the second"
    shutil.rmtree(store.root / "weights" / references[1].key)
    found = verify(store, trained.name)
    assert (found.status, found.exit_code) == ("cannot tell", 3)
    assert found.studies[0].why_not == "the weights of its references are not kept"


def test_of_an_older_versions_plan_nobody_can_tell_until_it_is_planned_anew(store):
    (plan, _) = plans()
    older = {name: value for name, value in plan.as_dict().items() if name not in ("sweep", "network", "pretrained")}
    store.plan(plan.identity, plan.runs(), older)
    found = verify(store, plan.name)
    assert "planned by an older version, which did not write down whom it asked" in found.studies[0].why_not
    preserve(plan, store, workers=1)
    assert verify(store, plan.name, sample=1).status == "agree"


def test_networks_of_the_users_own_are_used_once_more_and_those_that_are_others_are_not(store, another):
    before, lent = contents(store), "pretrained-to-digits"
    found = verify(store, lent, sample=9)
    assert (found.status, [run.identical for run in found.studies[0].again]) == ("agree", [True, True])
    another.write_text("7")
    assert [run.arm for run in verify(store, lent).studies[0].again] == ["b"], "the other is what it was"
    (_, theirs) = plans()
    found = verify(store, theirs.identity)
    assert (found.status, found.exit_code) == ("cannot tell", 3)
    assert found.studies[0].why_not.startswith("their_nets:one returns another network than it did then")
    another.unlink()
    found = verify(store, theirs.identity)
    assert "pretrained='their_nets:one' cannot be made: FileNotFoundError" in found.studies[0].why_not
    assert contents(store) == before


def test_where_their_module_is_gone_nobody_can_tell(store, nets, monkeypatch):
    monkeypatch.delitem(sys.modules, "their_nets")
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(nets)])
    found = verify(store, "pretrained-to-digits")
    assert (found.exit_code, verify(store, plans()[1].identity).exit_code) == (3, 3)
    assert "cannot be imported" in found.studies[0].why_not
    assert "Python must find it in the current folder" in found.studies[0].why_not


def test_a_module_that_fails_when_it_is_imported_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken_nets.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="'broken_nets:one' cannot be imported: ZeroDivisionError"):
        pretrained("broken_nets:one", load("digits"))
