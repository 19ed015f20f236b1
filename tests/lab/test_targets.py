import pytest
import torch

from barnspider.lab import augment
from barnspider.lab.augment.targets import mix, smooth
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import Recipe
from conformance import constant, some_images

LABELS = torch.arange(12) % 4
PLAIN = torch.nn.functional.one_hot(LABELS, 4).float()


def mixed(**knobs):
    draws = {knob: torch.from_numpy(uniforms(0, knob, 0, 12, count)) for knob, count in augment.DRAWS.items()}
    return augment.mixed(some_images((12, 1, 8, 8)), LABELS, Recipe("digits", **knobs), draws, 4)


def test_labels_stay_labels_while_nothing_touches_them():
    images = some_images((12, 1, 8, 8))
    out, targets = augment.mixed(images, LABELS, Recipe("digits", crop=0.5), {}, 4)
    assert out is images
    assert targets is LABELS


def test_smoothing_is_monotone_and_off_at_0():
    distance = [float((smooth(PLAIN, constant(12, dose)) - PLAIN).abs().sum()) for dose in (0, 0.1, 0.5, 1)]
    assert distance[0] == 0
    assert distance == sorted(set(distance))
    assert torch.equal(smooth(PLAIN, constant(12, 0)), PLAIN)


def test_equal_smoothing_per_class_is_the_scalars_and_classes_differ():
    assert torch.equal(mixed(label_smoothing=0.3)[1], mixed(label_smoothing=(0.3,) * 4)[1])
    targets = mixed(label_smoothing=(0.0, 0.4, 0.0, 0.4))[1]
    assert torch.equal(targets[LABELS % 2 == 0], PLAIN[LABELS % 2 == 0])
    assert targets[1].tolist() == pytest.approx([0.1, 0.7, 0.1, 0.1])


@pytest.mark.parametrize("knobs", [{"mixup": 0.5}, {"cutmix": 1.0}, {"mixup": 0.5, "cutmix": 1.0}])
def test_targets_are_shares_whatever_is_on(knobs):
    targets = mixed(label_smoothing=0.2, **knobs)[1]
    assert targets.sum(1).tolist() == pytest.approx([1.0] * 12, abs=1e-5)
    assert (targets > 0).all()


def test_a_class_is_smoothed_before_it_is_mixed():
    share = torch.tensor([0.25, 0.25])
    expected = 0.75 * torch.tensor([0.5, 0.5]) + 0.25 * torch.tensor([0.0, 1.0])
    smoothed = smooth(torch.eye(2), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(mix(smoothed, share)[0], expected)


def test_a_batch_of_one_is_mixed_with_itself():
    images = some_images((1, 1, 8, 8))
    draws = {"mixup": torch.tensor([[0.9]]), "cutmix": torch.tensor([[0.9, 0.5, 0.5]])}
    recipe = Recipe("digits", mixup=0.5, cutmix=1)
    out, targets = augment.mixed(images, LABELS[:1], recipe, draws, 4)
    torch.testing.assert_close(out, images)
    torch.testing.assert_close(targets, PLAIN[:1])
