import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from barnspider.errors import InputError
from barnspider.lab.data import load
from barnspider.lab.nets import NETWORKS, build, whiten
from barnspider.lab.nets.whitening import directions
from barnspider.lab.random import uniforms
from barnspider.lab.recipe import Recipe
from barnspider.lab.train import train

SHAPES = [(1, 4, 4), (1, 8, 8), (3, 15, 15), (1, 28, 28), (3, 32, 32), (3, 64, 64), (3, 20, 48), (3, 97, 97)]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_any_size_grey_or_colour(network, shape):
    net = build(Recipe("x", network=network, width=4), shape, 7, seed=0)
    logits = net(torch.randn(5, *shape))
    assert logits.shape == (5, 7)
    assert logits.isfinite().all()
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("network", NETWORKS)
def test_weights_depend_on_the_seed_alone(network):
    base = Recipe("x", network=network, width=8)
    torch.manual_seed(1)
    first = build(base, (1, 8, 8), 10, seed=3)
    torch.manual_seed(2)
    same = build(base.with_("crop", 0.5).with_("weight_decay", 0.1), (1, 8, 8), 10, seed=3)
    other = build(base, (1, 8, 8), 10, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), same.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("network", NETWORKS)
def test_building_leaves_torchs_global_generator_alone(network):
    before = torch.get_rng_state()
    build(Recipe("x", network=network), (1, 8, 8), 10, seed=0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("network", NETWORKS)
def test_signals_neither_vanish_nor_explode_at_the_start(network):
    net = build(Recipe("x", network=network, width=64), (1, 16, 16), 10, seed=0)
    logits = net(torch.randn(256, 1, 16, 16))
    assert 0.3 < float(logits.detach().std()) < 5


@pytest.mark.parametrize(("network", "millions"), [("resnet", 15.7), ("resnet8", 55.8)])
def test_width_16_at_28_pixels_costs_what_performance_says(network, millions):
    net = build(Recipe("x", network=network, width=16), (1, 28, 28), 10, seed=0)
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(2, 1, 28, 28)).sum().backward()
    assert counter.get_total_flops() / 2 == pytest.approx(millions * 1e6, rel=0.01)


@pytest.mark.parametrize("network", ["wide-resnet", "resnet8"])
def test_three_stages_leave_out_in_proportion_to_depth(network):
    net = build(Recipe("x", network=network, width=4, stochastic_depth=0.3), (1, 16, 16), 10, seed=0)
    assert [stage.place for stage in net.stages] == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("width", [4, 8])
def test_a_narrow_shortcut_takes_every_second_pixel_whatever_its_width(width):
    net = build(Recipe("x", network="resnet8", width=width), (1, 8, 8), 10, seed=0).eval()
    shortcut, images = net.stages[1].shortcut, torch.randn(3, width, 8, 8)
    conv = next(module for module in shortcut.modules() if isinstance(module, torch.nn.Conv2d))
    plain = torch.nn.functional.conv2d(images, conv.weight, stride=2) / (1 + 1e-5) ** 0.5
    assert torch.allclose(shortcut(images), plain, atol=1e-6)


def test_unknown_network_is_named():
    with pytest.raises(InputError, match=r"network='resnett' is unknown.*Did you mean 'resnet'"):
        build(Recipe("x", network="resnett"), (1, 8, 8), 10, seed=0)


def test_images_too_small_are_named():
    with pytest.raises(InputError, match="images are 3 x 8 pixels; expected at least 4 x 4"):
        build(Recipe("x", network="resnet"), (1, 3, 8), 10, seed=0)


@pytest.mark.parametrize(
    ("network", "knob"),
    [
        ("mlp", "dropout"),
        ("resnet", "dropout"),
        ("resnet", "stochastic_depth"),
        ("resnet8", "dropout"),
        ("resnet8", "stochastic_depth"),
    ],
)
def test_what_is_left_out_depends_on_the_images_draws_and_keeps_the_mean(network, knob):
    width = 8 if network == "resnet8" else 64  # the others are slow enough
    net = build(Recipe("x", network=network, width=width).with_(knob, 0.3), (1, 16, 16), 10, seed=0)
    images = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)).expand(4000, 1, 16, 16)
    net.eval()  # batch normalization must not see what is left out
    draws = {knob: torch.from_numpy(uniforms(0, knob, 0, 4000, 2))}
    with torch.inference_mode():
        whole, left = net(images[:10]), net(images, draws)
        assert torch.equal(left[:10], net(images[:10], {knob: draws[knob][:10]}))
    assert torch.equal(whole, net(images[:10]))
    assert not torch.equal(whole[0], left[0])
    if network == "resnet":  # linear after the place where something is left out, but for the maximum over places
        assert float((left.mean(0) - whole[0]).abs().max()) < (0.1 if knob == "dropout" else 2) * float(whole.std())


def test_stochastic_depth_without_residual_branches_is_refused():
    with pytest.raises(InputError, match=r"stochastic_depth=0\.1 does nothing in network='mlp'"):
        build(Recipe("x", network="mlp", stochastic_depth=0.1), (1, 8, 8), 10, seed=0)


# -- the whitening stem ----------------------------------------------------------------------------------------------


def smooth(shape, n=400):
    """Images whose neighbouring pixels are alike."""
    noise = torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.avg_pool2d(noise, 3, stride=1, padding=1)


def test_directions_make_patches_uncorrelated_with_variance_one():
    images = smooth((3, 16, 16))
    filters = directions(images, 3, 1).view(27, 3, 3, 3)
    answers = torch.nn.functional.conv2d(images, filters).permute(1, 0, 2, 3).flatten(1)
    variances = answers.var(1)
    assert (torch.corrcoef(answers)[:9, :9] - torch.eye(9)).abs().max() < 0.01
    assert bool((variances < 1.01).all())
    assert bool((variances[:9] > 0.95).all())


@pytest.mark.parametrize(
    ("network", "shape", "width", "filters"),
    [("resnet", (1, 28, 28), 24, 24), ("resnet", (1, 28, 28), 64, 32), ("wide-resnet", (3, 16, 16), 7, 7)],
)
def test_a_whitening_stem_has_filters_and_their_negatives_and_is_frozen(network, shape, width, filters):
    net = build(Recipe("x", network=network, width=width, stem="whitening"), shape, 10, seed=0)
    whiten(net, smooth(shape))
    weight = net.stem.conv.weight
    half = -(-filters // 2)
    assert weight.shape[0] == filters
    assert torch.equal(weight[: filters - half], -weight[half:])
    net(smooth(shape, 4)).sum().backward()
    assert weight.grad is None


def test_the_whitening_stem_depends_on_the_images_not_on_the_seed():
    nets = [build(Recipe("x", network="resnet", width=8, stem="whitening"), (1, 16, 16), 10, seed) for seed in (0, 1)]
    for net in nets:
        whiten(net, smooth((1, 16, 16)))
    assert torch.equal(nets[0].stem.conv.weight, nets[1].stem.conv.weight)
    assert not torch.equal(nets[0].head.weight, nets[1].head.weight)


def test_a_network_with_a_whitening_stem_trains_and_repeats():
    recipe, data = Recipe("digits", network="resnet", width=8, epochs=3, batch=64, stem="whitening"), load("digits")
    one, same, plain = (train(r, 0, data) for r in (recipe, recipe, Recipe(**(recipe.as_dict() | {"stem": ""}))))
    assert (one.test.p_label == same.test.p_label).all()
    assert not (one.test.p_label == plain.test.p_label).all()
    assert one.validation_accuracy[-1] > 0.8


@pytest.mark.parametrize("network", ["mlp", "resnet8", "timm/resnet18"])
def test_other_networks_take_no_whitening_stem(network):
    with pytest.raises(InputError, match=f"stem='whitening' is for resnet, wide-resnet, not for '{network}'"):
        Recipe("x", network=network, stem="whitening")
