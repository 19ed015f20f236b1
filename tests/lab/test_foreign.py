"""Networks of torchvision and timm; skipped where these are not installed."""

import importlib.util

import pytest
import torch

from barnspider.errors import InputError, TrainingError
from barnspider.lab import Recipe
from barnspider.lab.nets import build, foreign


def built(network, shape, seed=0, **fields):
    library = network.partition("/")[0]
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.filters", [])  # a stranger's warnings are no failures of ours
        return build(Recipe("x", network=network, **fields), shape, 7, seed)


@pytest.mark.parametrize("network", ["torchvision/resnet18", "timm/resnet18"])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_a_named_network_is_fitted_and_its_weights_depend_on_the_seed(network, shape):
    before = torch.get_rng_state()
    one, same, other = (built(network, shape, seed, stem="small") for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(next(one.parameters()), next(other.parameters()))
    assert one.net.conv1.stride == (1, 1)
    assert one.net.conv1.in_channels == shape[0]
    assert isinstance(one.net.maxpool, torch.nn.Identity)
    assert one(torch.zeros(3, *shape), {}).shape == (3, 7)


def test_the_stem_stays_unless_asked():
    assert built("torchvision/resnet18", (3, 64, 64)).net.conv1.stride == (2, 2)


@pytest.mark.parametrize(
    ("network", "fields", "message"),
    [
        ("torchvision/resnet17", {}, r"torchvision's network='resnet17' is unknown.*Did you mean 'resnet1"),
        ("timm/vit_tiny_patch16_224", {}, r"does not take images of \(3, 64, 64\)"),
        ("torchvision/googlenet", {}, r"answers two images with GoogLeNetOutputs; expected logits, \(2, 7\)"),
    ],
)
def test_networks_that_cannot_be_used_are_said(network, fields, message):
    with pytest.raises(InputError, match=message):
        built(network, (3, 64, 64), **fields)


def test_a_small_stem_is_not_made_smaller():
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 3, 2), torch.nn.MaxPool2d(2))
    with pytest.raises(InputError, match="stem='small' does nothing in network='n', whose stem is small"):
        foreign._shrink_stem(net, "n", 3)


def test_the_pooling_after_the_stem_is_left_out_and_no_other():
    layers = [torch.nn.Conv2d(1, 4, 7, 2), torch.nn.MaxPool2d(2), torch.nn.Conv2d(4, 4, 3), torch.nn.MaxPool2d(2)]
    net = torch.nn.Sequential(*layers)
    foreign._shrink_stem(net, "n", 1)
    assert [type(layer).__name__ for layer in net] == ["Conv2d", "Identity", "Conv2d", "MaxPool2d"]
    assert (net[0].kernel_size, net[0].stride) == ((3, 3), (1, 1))


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_a_library_that_is_not_there_is_named_with_its_extra(library, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name=name.split(".", maxsplit=1)[0])

    monkeypatch.setattr(foreign.importlib, "import_module", missing)
    with pytest.raises(
        TrainingError, match=r"torchvision is not installed; try: pip install 'barnspider\[torchvision\]'"
    ):
        build(Recipe("x", network=f"{library}/resnet18"), (3, 32, 32), 7, 0)
