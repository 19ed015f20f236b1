"""What would happen on a GPU, as far as it can be seen without one: nothing is left behind on the CPU.

torch's meta device computes shapes only, and refuses what mixes devices, or what must wait for a number.
"""

import dataclasses

import pytest
import torch

from barnspider.lab import augment, drops, nets
from barnspider.lab.averaging import Average
from barnspider.lab.data import load
from barnspider.lab.material import Material
from barnspider.lab.recipe import KNOBS, Recipe

WAITS = {"randaugment"}
"""Knobs that wait for the device in each batch, to learn which images an operation is for."""

N, CLASSES = 16, 10


@pytest.mark.parametrize("knob", [s.knob for s in (*augment.STEPS, *augment.MIXING) if s.knob not in WAITS])
@pytest.mark.parametrize("per_class", [False, True])
def test_augmentations_stay_on_the_device(knob, per_class):
    dose = KNOBS[knob].strongest / 2
    recipe = Recipe("photos").with_(knob, (dose,) * CLASSES if per_class else dose)
    images = torch.empty(N, 3, 32, 32, device="meta")
    labels = torch.empty(N, dtype=torch.long, device="meta")
    draws = {knob: torch.empty(N, augment.DRAWS[knob], device="meta")}
    seen = augment.shown(images, labels, recipe, draws, CLASSES, lambda levels: levels)
    mixed, targets = augment.mixed(seen, labels, recipe, draws, CLASSES)
    assert (mixed.device.type, targets.device.type) == ("meta", "meta")
    assert mixed.shape == images.shape


@pytest.mark.parametrize("network", sorted(nets.NETWORKS))
def test_a_batch_goes_through_a_network_on_the_device(network):
    digits = load("digits")
    recipe = Recipe(
        "digits", network=network, width=4, batch=64, crop=0.5, cutmix=0.5, dropout=0.2, label_smoothing=0.1
    )
    if network != "mlp":
        recipe = dataclasses.replace(recipe, stochastic_depth=0.2)
    material = Material.of(digits, recipe, "meta")
    net = nets.build(recipe, digits.shape, CLASSES, 0).to("meta")
    average = Average.of(net, 1)
    batch = next(material.batches(recipe, 0, 0))
    loss = torch.nn.functional.cross_entropy(net(batch.images, batch.draws), batch.targets)
    loss.backward()
    average.add(0)
    on = {t.device.type for t in (loss, batch.images, *batch.draws.values(), *average.sums, *net.parameters())}
    assert on == {"meta"}
    assert set(batch.draws) == {"crop", "cutmix", *(k for k in drops.KNOBS if getattr(recipe, k))}
