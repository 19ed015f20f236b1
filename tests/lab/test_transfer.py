"""Transfer: features are the network's own, the probe is the right one, and nothing is done twice or in silence."""

import importlib.util
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from barnspider import InputError, TrainingError
from barnspider.lab import Recipe, Store, Sweep, nets
from barnspider.lab.checkpoint import Checkpoint
from barnspider.lab.data import from_arrays, load
from barnspider.lab.material import levels_of
from barnspider.lab.shift import Shift
from barnspider.lab.transfer import Tuning, logistic, transfer
from barnspider.lab.transfer import worker as worker_room
from barnspider.lab.transfer.features import features, head_of
from barnspider.lab.transfer.fitting import fit
from barnspider.lab.transfer.logistic import Labelled, Probe, chosen, follow
from barnspider.lab.transfer.plan import Transferring
from barnspider.lab.transfer.worker import result_of, work
from barnspider.lab.weights import Kept, read_weights
from barnspider.lab.worker import work as train_all

BASE = Recipe(dataset="digits", network="mlp", width=8, epochs=1, train_images=200)
KEEPING = Sweep(BASE, "rotation", doses=(0, 90), seeds=(0, 1), keep="weights")


@pytest.fixture(autouse=True)
def short_path(monkeypatch):
    """Workers try three strengths only: what is chosen among many is tested by `follow` itself."""
    monkeypatch.setattr(worker_room, "follow", partial(follow, strengths=(0.1, 0.03, 0.01)))


def kept_of(network="mlp", shape=(1, 8, 8), **fields):
    recipe = replace(BASE, network=network, **fields)
    net = nets.build(recipe, shape, 10, 0).eval()
    return Kept(
        net, recipe, 0, tuple("0123456789"), shape, torch.full((1, 1, 1), 70.0), torch.full((1, 1, 1), 90.0), ""
    )


def clouds(n, seed, classes=4, features=6):
    """Overlapping classes in correlated features, one of which never changes."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    centres = 0.6 * torch.randn(classes, features, generator=torch.Generator().manual_seed(99))
    x = centres[labels] + torch.randn(n, features, generator=draw)
    return Labelled(torch.cat([x @ (torch.eye(features) + 0.5), torch.ones(n, 1)], dim=1), labels)


@pytest.mark.parametrize("strength", [0.3, 0.01, 0.0001])
def test_the_probe_is_scikit_learns(strength):
    train, validation = clouds(400, 0), clouds(100, 1)
    probe, _ = follow(train, validation, 4, (strength,))
    x, other = (((s.features - probe.mean) / probe.std).double().numpy() for s in (train, validation))
    theirs = LogisticRegression(C=1 / (strength * 400), tol=1e-10, max_iter=100_000).fit(x, train.labels.numpy())
    ours = probe.probabilities(validation.features).numpy()
    assert np.abs(ours - theirs.predict_proba(other)).max() < 1e-4


def test_the_strength_is_the_one_of_the_smallest_validation_loss():
    train, validation = clouds(60, 0), clouds(400, 1)
    probe, path = follow(train, validation, 4)
    alone = [follow(train, validation, 4, (step.strength,))[1][0].loss for step in path]
    assert np.allclose([step.loss for step in path], alone, atol=1e-3)
    best = int(np.argmin(alone))
    assert 0 < best < len(path) - 1
    assert chosen(path) == path[best]
    assert len(path) <= best + 1 + logistic.PATIENCE
    exact, _ = follow(train, validation, 4, (path[best].strength,))
    assert torch.allclose(probe.weight, exact.weight, atol=1e-3)


def test_classes_without_training_images_are_never_answered_and_do_not_choose():
    train, validation = clouds(200, 0), clouds(100, 1)
    some = train.labels != 2
    probe, _ = follow(Labelled(train.features[some], train.labels[some]), validation, 6)
    p = probe.probabilities(validation.features)
    assert p.shape == (100, 6)
    assert not p[:, [2, 4, 5]].any()
    assert torch.allclose(p.sum(1), torch.ones(100, dtype=torch.float64))


def test_a_class_without_training_images_changes_nothing_of_the_path():
    train, validation = clouds(200, 0, classes=3), clouds(100, 1, classes=3)
    spread = torch.tensor([0, 2, 5])
    probe, path = follow(train, validation, 3)
    other, same = follow(*(Labelled(s.features, spread[s.labels]) for s in (train, validation)), 7)
    assert path == same
    assert torch.equal(other.probabilities(validation.features)[:, spread], probe.probabilities(validation.features))


def test_few_rows_at_a_time_give_the_same_probe(monkeypatch):
    train, validation = clouds(200, 0), clouds(100, 1)
    whole, path = follow(train, validation, 4, (0.1, 0.01))
    monkeypatch.setattr(logistic, "_PART", 4 * 7)
    parts, same = follow(train, validation, 4, (0.1, 0.01))
    assert torch.allclose(whole.weight, parts.weight, atol=1e-6)
    assert np.allclose([step.loss for step in path], [step.loss for step in same], atol=1e-8)
    guess, own = parts.answers(validation)
    p = parts.probabilities(validation.features)
    assert torch.equal(guess, p.argmax(1))
    assert torch.allclose(own, p[torch.arange(100), validation.labels])


def test_what_cannot_be_probed_is_said(monkeypatch):
    train, one = clouds(80, 0), torch.zeros(80, dtype=torch.int64)
    with pytest.raises(InputError, match="of 1 class; expected two classes or more"):
        follow(Labelled(train.features, one), train, 4)
    with pytest.raises(InputError, match="no validation image is of a class"):
        follow(train, Labelled(train.features, one + 7), 8)
    with pytest.raises(TrainingError, match="not all finite"):
        follow(Labelled(train.features * torch.inf, train.labels), train, 4)
    monkeypatch.setattr(logistic, "STEPS", 2)
    with pytest.raises(TrainingError, match="strength 1 did not converge: after 2 steps"):
        follow(train, train, 4)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("network", ["mlp", "resnet", "resnet8"])
def test_features_and_the_last_layer_give_the_logits(network, mirrored):
    kept, split = kept_of(network, mirrored=mirrored), load("digits").test
    images = kept.normalize(levels_of(torch.from_numpy(split.read(np.arange(len(split))))))
    head = kept.net.get_submodule(head_of(kept).name)
    with torch.inference_mode():
        found, logits = head(features(kept, split)), kept.net(images)
        logits = (logits + kept.net(images.flip(3))) / 2 if mirrored else logits
    assert torch.allclose(found, logits, atol=1e-4)


def test_features_of_an_mlp_equal_those_made_by_hand():
    kept, split = kept_of(), load("digits").validation
    w = {name: tensor.double().numpy() for name, tensor in kept.net.state_dict().items()}
    hidden = (split.read(np.arange(len(split))).reshape(len(split), 64) - 70.0) / 90.0
    for layer in ("first", "second"):
        hidden = np.maximum(hidden @ w[f"{layer}.weight"].T + w[f"{layer}.bias"], 0)
    assert np.allclose(features(kept, split).numpy(), hidden, atol=1e-4)


class Pooled(nn.Module):
    """Ends in a convolution; its linear layer gives no logits."""

    def __init__(self):
        super().__init__()
        self.gate, self.last = nn.Linear(8, 8), nn.Conv2d(1, 10, 3)

    def forward(self, images):
        return self.last(torch.sigmoid(self.gate(images)) * images).mean((2, 3))


class Distilled(nn.Module):
    """Two heads on two parts of what it sees, as DeiT and LeViT have; nothing they are given has a place for a bias."""

    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(32, 10, bias=False), nn.Linear(32, 10, bias=False)

    def forward(self, images):
        first, second = images.flatten(1).split(32, dim=1)
        return (self.one(first) + self.other(second)) / 2


class Twice(nn.Module):
    """Asks its last layer twice."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(64, 10)

    def forward(self, images):
        self.last(images.flip(3).flatten(1))
        return self.last(images.flatten(1))


def clipped():
    """Its logits are no linear layer's, but what is above 0 of them, as SqueezeNet's are."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.ReLU())


@pytest.mark.parametrize("network", [Pooled, Distilled, Twice, clipped])
def test_a_network_without_a_linear_head_is_refused(network):
    kept = replace(kept_of(), net=network().eval(), mean=torch.zeros(1, 1, 1))
    with pytest.raises(InputError, match="does not end in a linear layer"):
        features(kept, load("digits").test)


def pixel_head(channels=1, classes=10):
    """A head that is a convolution of one pixel, as that of timm's ResNetV2, behind another of them."""
    inner = [nn.Conv2d(channels, 6, 1), nn.Conv2d(6, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*inner, nn.Conv2d(6, classes, 1), nn.Flatten())


def test_a_head_of_one_pixel_is_a_linear_layer():
    torch.manual_seed(0)
    kept, split = replace(kept_of(), net=pixel_head().eval()), load("digits").validation
    images = kept.normalize(levels_of(torch.from_numpy(split.read(np.arange(len(split))))))
    found = features(kept, split)
    head = head_of(kept).layer
    with torch.inference_mode():
        assert torch.allclose(found @ head.weight[:, :, 0, 0].T + head.bias, kept.net(images), atol=1e-5)


HEADS = [
    ("torchvision/resnet18", "net.fc", 64), ("torchvision/mobilenet_v3_small", "net.classifier.3", 64),
    ("torchvision/vit_b_32", "net.heads.head", 224), ("torchvision/squeezenet1_1", "", 64),
    ("timm/resnet18", "net.fc", 64), ("timm/convnext_atto", "net.head.fc", 64),
    ("timm/vit_tiny_patch16_224", "net.head", 224), ("timm/resnetv2_50", "net.head.fc", 64),
    ("timm/levit_128s", "", 224),
]  # fmt: skip


@pytest.mark.parametrize(("network", "name", "side"), HEADS)
def test_heads_of_other_libraries_are_found(network, name, side, monkeypatch):
    if importlib.util.find_spec(network.partition("/")[0]) is None:
        pytest.skip(f"{network.partition('/')[0]} is not installed")
    monkeypatch.setattr("warnings.filters", [])  # a stranger's warnings are no failures of ours
    recipe, shape = Recipe("digits", network=network), (3, side, side)
    net = nets.build(recipe, shape, 7, 0).eval()
    kept = Kept(net, recipe, 0, tuple("abcdefg"), shape, torch.zeros(3, 1, 1), torch.ones(3, 1, 1), "")
    if name:
        assert head_of(kept).name == name
    else:
        with pytest.raises(InputError, match="does not end in a linear layer"):
            head_of(kept)


def others(shape, n_classes, _width):
    """A network as strangers write them: it leaves out by chance, counts batches, and its head is a pixel's."""
    body = [
        nn.Conv2d(shape[0], 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.AdaptiveAvgPool2d(2),
    ]
    return nn.Sequential(*body, nn.Conv2d(8, 16, 2), nn.ReLU(), nn.Conv2d(16, n_classes, 1), nn.Flatten())


@pytest.mark.parametrize("network", [f"{__name__}:others", "torchvision/resnet18", "timm/resnet18"])
def test_networks_of_others_are_frozen_and_tuned(network, tmp_path, monkeypatch):
    if "/" in network and importlib.util.find_spec(network.partition("/")[0]) is None:
        pytest.skip(f"{network.partition('/')[0]} is not installed")
    monkeypatch.setattr("warnings.filters", [])
    store = Store(tmp_path)
    ours = ":" in network
    base = Recipe("digits", network=network, epochs=2, train_images=200)
    train_here(Sweep(base, "rotation", doses=(0,), seeds=(0,), keep="weights"), store)
    (source,) = store.study().cells
    plan, data = planned(store)
    frozen = result_of(store, source, plan, data)
    assert frozen.about["features"] == (16 if ours else 512)
    assert (frozen.answers["test"].guess == data.test.labels).mean() > 0.5
    kept = read_weights(store, source.key)
    assert {*kept.net.state_dict()} - {*worker_room.start_of(kept).state} == {
        f"{head_of(kept).name}.{what}" for what in ("weight", "bias")
    }
    tuned = result_of(store, source, replace(plan, tuning=Tuning(epochs=6 if ours else 1, lr=0.2)), data)
    assert (tuned.answers["test"].guess == data.test.labels).mean() > (0.3 if ours else 0.1)


def test_images_are_fitted_by_the_rule():
    digits = load("digits")
    assert fit(digits, (1, 8, 8)) is digits
    colour = fit(digits, (3, 8, 8))
    assert np.array_equal(colour.test.images, np.repeat(digits.test.images, 3, axis=3))
    assert np.array_equal(fit(colour, (1, 8, 8)).test.images, digits.test.images)
    small = fit(digits, (1, 4, 4))
    assert small.shape == (1, 4, 4)
    assert np.abs(small.train.images.mean((1, 2)) - digits.train.images.mean((1, 2))).max() < 20  # antialiased
    assert small.fingerprint == digits.fingerprint
    assert np.array_equal(small.test.sample, digits.test.sample)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store whose weights are kept; tests copy it."""
    store = Store(tmp_path_factory.mktemp("trained"))
    train_here(KEEPING, store)
    return store


def train_here(sweep, store):
    """Train a sweep in this process, as a worker does."""
    store.plan(sweep.identity, sweep.runs(), sweep.as_dict())
    train_all(store, sweep.identity)


@pytest.fixture
def store(trained, tmp_path):
    shutil.copytree(trained.root, tmp_path / "runs")
    return Store(tmp_path / "runs")


def planned(store, tuning=None):
    """Plan a transfer to digits itself, as `transfer` does, but leave the work to this process."""
    from barnspider.lab.images import describe

    data = load("digits")
    plan = Transferring(store.study(), "digits", data.fingerprint, tuning)
    store.plan(plan.identity, plan.cells(), plan.as_dict())
    describe(store, data)
    return plan, data


def test_killed_between_backbones_it_goes_on_where_it_was(store, monkeypatch):
    plan, data = planned(store)
    seen, real = [], result_of

    def dies_at_the_third(store, source, *rest):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(source.key)
        return real(store, source, *rest)

    monkeypatch.setattr(worker_room, "result_of", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        work(store, plan.identity, data)
    assert len(store.missing(plan.cells())) == 2
    monkeypatch.setattr(
        worker_room, "result_of", lambda store, source, *rest: seen.append(source.key) or real(store, source, *rest)
    )
    work(store, plan.identity)
    assert sorted(seen) == sorted(cell.key for cell in plan.source.cells)
    answers = store.load(plan.cells())
    assert (answers.arms, answers.seed, answers.paired) == (("rotation=0", "rotation=90"), (0, 0, 1, 1), True)
    assert answers.left_out == ()


def test_it_is_the_same_bits_again_and_a_study_of_its_own(store):
    plan, data = planned(store)
    (first, *_), (cell, *_) = plan.source.cells, plan.cells()
    once, again = (result_of(store, first, plan, data) for _ in range(2))
    assert np.array_equal(once.answers["test"].p_label, again.answers["test"].p_label)
    assert store.study().identity == KEEPING.identity
    assert store.study(plan.name).of == KEEPING.identity
    assert Transferring.planned(store, plan.identity) == plan
    told = once.about
    assert (told["features"], told["of"]) == (8, first.key)
    assert told["strength"] == min(told["path"], key=lambda step: step["loss"])["strength"]
    assert cell.key != replace(plan, tuning=Tuning()).cells()[0].key != replace(plan, fingerprint="x").cells()[0].key


def test_tuning_starts_from_the_backbone_and_normalizes_as_it_does(store):
    plan, data = planned(store, Tuning(epochs=1, lr=1e-9))
    source = plan.source.cells[0]
    kept = read_weights(store, source.key)
    given = worker_room.start_of(kept)
    recipe = worker_room.recipe_of(kept, "rotation", "digits", plan.tuning)
    trained = worker_room.train(recipe, 0, data, start=given)
    after = trained.network.state_dict()
    assert all(torch.allclose(after[name], tensor, atol=1e-6) for name, tensor in given.state.items())
    assert set(after) - set(given.state) == {"head.weight", "head.bias"}
    assert trained.mean == tuple(kept.mean.flatten().tolist())
    result = result_of(store, source, replace(plan, tuning=Tuning(epochs=3, lr=0.1)), data)
    assert result.status == "done"
    assert (result.answers["test"].guess == data.test.labels).mean() > 0.3
    assert result.about["recipe"]["epochs"] == 3


def test_a_tuning_that_was_killed_goes_on_bit_for_bit(store, monkeypatch):
    plan, data = planned(store, Tuning(epochs=2))
    (source, *_), (cell, *others) = plan.source.cells, plan.cells()
    undisturbed = result_of(store, source, plan, data)
    for other in others:
        store.write(other.key, undisturbed)
    path, steps, real = store.root / "checkpoints" / cell.key, [], Checkpoint.save

    def dies_at_the_fifth(self, course, environment, seconds):
        real(self, course, environment, seconds)
        steps.append(course.step)
        if len(steps) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "due", lambda _: True)
    monkeypatch.setattr(Checkpoint, "save", dies_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        work(store, plan.identity, data)
    assert path.exists()
    work(store, plan.identity, data)
    assert steps[4:7] == [5, 5, 6], "it did not begin at its beginning"
    assert not path.exists()
    document, answers = store.document(cell.key), store.load([cell])
    assert document["validation_accuracy"] == undisturbed.about["validation_accuracy"]
    assert np.array_equal(answers.guess[0], undisturbed.answers["test"].guess)
    assert np.array_equal(answers.p_label[0], undisturbed.answers["test"].p_label.astype(np.float16))


def test_a_diverged_backbone_is_counted_as_diverged(store):
    plan, data = planned(store)
    first = plan.source.cells[0]
    assert result_of(store, replace(first, key="none"), plan, data).status == "diverged"


def test_without_weights_it_says_what_to_do(tmp_path):
    store = Store(tmp_path)
    plain = replace(KEEPING, keep="", doses=(0,), seeds=(0,))
    train_here(plain, store)
    with pytest.raises(InputError, match='add keep = "weights" above the tables of the study file and run it again'):
        transfer(store, "digits")


def test_backbones_without_weights_are_left_out_and_counted(store, monkeypatch):
    def here(store, study, missing, data, *_):
        work(store, study, data)
        return len(missing)

    monkeypatch.setattr("barnspider.lab.transfer.run._set_to_work", here)
    lost = KEEPING.runs()[1]
    shutil.rmtree(store.root / "weights" / lost.key)
    carried = transfer(store, "digits", workers=1)
    assert [(cell.arm, cell.seed) for cell in carried.lacking] == [(lost.arm, lost.seed)]
    assert carried.done == 3
    assert [(x.arm, x.seed, x.why) for x in carried.answers().left_out] == [(lost.arm, lost.seed, "missing")]
    assert transfer(store, "digits", workers=1).done == 0
    with pytest.raises(InputError, match="and has no weights of its own"):
        transfer(store, "digits", study=carried.plan.identity)


def test_one_class_to_train_on_is_refused(store, monkeypatch):
    images, labels = np.zeros((60, 8, 8), np.uint8), np.zeros(60, int)
    only = from_arrays({"x_train": images, "y_train": labels, "class_names": ["cat", "dog"]})
    monkeypatch.setattr("barnspider.lab.transfer.run.load", lambda *_, **__: only)
    with pytest.raises(InputError, match="training images of one class, cat; expected two classes or more"):
        transfer(store, "cats")


def test_a_probe_does_not_know_that_there_are_other_classes():
    weight = torch.tensor([[5.0, -5.0], [0.0, 0.0]], dtype=torch.float64)
    probe = Probe(torch.zeros(1), torch.ones(1), weight, torch.tensor([1, 3]), 4)
    assert probe.probabilities(torch.tensor([[1.0], [-1.0]])).argmax(1).tolist() == [1, 3]


def test_mistakes_in_tuning():
    with pytest.raises(InputError, match="epochs=0; expected at least 1"):
        Tuning(epochs=0)
    with pytest.raises(InputError, match="lr=nan; expected a number above 0"):
        Tuning(lr=float("nan"))


@pytest.mark.parametrize("tuning", [None, Tuning(epochs=1)])
def test_a_transfer_that_is_anothers_by_now_is_dropped(store, monkeypatch, tuning):
    plan, data = planned(store, tuning)
    first, *others = plan.cells()

    def taken_over(store, source, plan, *rest):
        if plan.key(source) == first.key:
            (store.root / "claims" / first.key).write_text("another's")
        return result_of(store, source, plan, *rest)

    monkeypatch.setattr("barnspider.lab.transfer.worker.result_of", taken_over)
    work(store, plan.identity, data, shift=Shift(waits=False))
    assert store.missing([first, *others]) == [first]
    assert (store.root / "claims" / first.key).read_text() == "another's"
