"""How others train the same network on the same images: the loop that most people write, and timm's."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from barnspider.errors import TrainingError
from barnspider.lab import nets
from barnspider.lab.data import Dataset, Split, balanced
from barnspider.lab.nets.foreign import import_torchvision
from barnspider.lab.recipe import Recipe

WORKERS = 2
"""Of a DataLoader."""

Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]
Transform = Callable[[Any], torch.Tensor]


class Pictures(TorchDataset[tuple[torch.Tensor, int]]):
    """One image at a time, as torchvision's data sets give them: a Pillow image through a transform, and its label."""

    def __init__(self, split: Split, transform: Transform) -> None:
        self.images, self.labels, self.transform = split.images, split.labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        image = self.images[i]
        return self.transform(Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)), int(self.labels[i])


def moments(split: Split) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel, grey levels from 0 to 1."""
    levels = split.images.reshape(-1, split.images.shape[3]) / np.float32(255)
    return levels.mean(0).tolist(), levels.std(0).tolist()


# --- the loop that most people write --------------------------------------------------------------------------------


def usual(recipe: Recipe, seed: int, data: Dataset) -> tuple[float, float]:
    """Return seconds and test accuracy: Dataset, DataLoader, transforms of each image, default layout and threads."""
    split = balanced(data.train, recipe.train_images, 0)
    augmented, plain = transforms(recipe, split)
    train = DataLoader(Pictures(split, augmented), batch_size=recipe.batch, shuffle=True, num_workers=WORKERS)
    validation, test = (
        DataLoader(Pictures(part, plain), batch_size=512, num_workers=WORKERS) for part in (data.validation, data.test)
    )
    torch.manual_seed(seed)
    random.seed(seed)
    net = nets.build(recipe, data.shape, len(data.classes), seed)
    optimizer = torch.optim.SGD(
        net.parameters(),
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=True,
        weight_decay=_number(recipe.weight_decay),
    )
    return fit(net, optimizer, recipe, (train, len(train)), validation, test)


def transforms(recipe: Recipe, split: Split) -> tuple[Transform, Transform]:
    """Return torchvision's transforms for training and for evaluation; without torchvision, Pillow's like them."""
    mean, std = moments(split)
    try:
        v2 = import_torchvision("torchvision.transforms.v2")
    except TrainingError:
        plain = Normalized(mean, std)
        return Augmented(1 - _number(recipe.crop), _number(recipe.flip), plain), plain
    ending = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
    crop = v2.RandomResizedCrop(split.images.shape[1:3], scale=(1 - _number(recipe.crop), 1.0))
    return v2.Compose([crop, v2.RandomHorizontalFlip(_number(recipe.flip)), *ending]), v2.Compose(ending)


class Normalized:
    """ToTensor and Normalize, as torchvision does it."""

    def __init__(self, mean: list[float], std: list[float]) -> None:
        self.mean, self.std = torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]

    def __call__(self, image: Image.Image) -> torch.Tensor:
        pixels = torch.from_numpy(np.array(image))
        pixels = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()
        return (pixels.float() / 255 - self.mean) / self.std


class Augmented:
    """RandomResizedCrop and RandomHorizontalFlip by Pillow, as torchvision does it."""

    def __init__(self, smallest: float, flip: float, then: Normalized) -> None:
        self.smallest, self.flip, self.then = smallest, flip, then

    def __call__(self, image: Image.Image) -> torch.Tensor:
        left, top, width, height = self.box(*image.size)
        box = (left, top, left + width, top + height)
        image = image.crop(box).resize(image.size, Image.Resampling.BILINEAR)
        if random.random() < self.flip:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return self.then(image)

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        for _ in range(10):
            area = width * height * random.uniform(self.smallest, 1)
            ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                return random.randint(0, width - w), random.randint(0, height - h), w, h
        return 0, 0, width, height


# --- timm's ---------------------------------------------------------------------------------------------------------


def timms(recipe: Recipe, seed: int, data: Dataset) -> tuple[float, float]:
    """Return seconds and test accuracy with timm's loader, transforms and optimizer, as its train.py uses them."""
    import_torchvision("torchvision")  # which timm imports, and which may need our help for that
    from timm.optim import create_optimizer_v2

    split = balanced(data.train, recipe.train_images, 0)
    train, validation, test = timms_loaders(recipe, split, data)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  timm draws from it
    net = nets.build(recipe, data.shape, len(data.classes), seed)
    decay = _number(recipe.weight_decay)
    optimizer = create_optimizer_v2(net, opt="sgd", lr=recipe.lr, momentum=recipe.momentum, weight_decay=decay)
    return fit(net, optimizer, recipe, (train, len(train)), validation, test)


def timms_loaders(recipe: Recipe, split: Split, data: Dataset) -> list[Any]:
    """Return timm's loaders of training, validation and test images."""
    from timm.data.loader import create_loader

    mean, std = moments(split)
    common = {
        "input_size": data.shape, "mean": tuple(mean), "std": tuple(std), "num_workers": WORKERS,
        "use_prefetcher": False, "device": torch.device("cpu"), "interpolation": "bilinear",
    }  # fmt: skip
    scale = (1 - _number(recipe.crop), 1.0)
    augmented = {"is_training": True, "scale": scale, "hflip": _number(recipe.flip), "color_jitter": 0.0}
    pictures = [Pictures(part, Normalized(mean, std)) for part in (split, data.validation, data.test)]
    train = create_loader(pictures[0], batch_size=recipe.batch, **augmented, **common)  # it sets the transform
    return [train, *(create_loader(part, batch_size=512, crop_pct=1.0, **common) for part in pictures[1:])]


# --- both -----------------------------------------------------------------------------------------------------------


def fit(
    net: torch.nn.Module,
    optimizer: Any,
    recipe: Recipe,
    train: tuple[Batches, int],
    validation: Batches,
    test: Batches,
) -> tuple[float, float]:
    """Train with a line up and a line down, evaluate after each epoch; return seconds and test accuracy."""
    batches, count = train
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.lr, recipe.epochs * count,
        pct_start=0.2, anneal_strategy="linear", cycle_momentum=False, div_factor=1e3,
    )  # fmt: skip
    start = time.perf_counter()
    for _ in range(recipe.epochs):
        net.train()
        for images, labels in batches:
            optimizer.zero_grad()
            functional.cross_entropy(net(images), labels).backward()
            optimizer.step()
            schedule.step()
        accuracy(net, validation)
    result = accuracy(net, test)
    return time.perf_counter() - start, result


@torch.no_grad()
def accuracy(net: torch.nn.Module, batches: Batches) -> float:
    """Return the share of right answers."""
    net.eval()
    right = [net(images).argmax(1) == labels for images, labels in batches]
    return float(torch.cat(right).float().mean())


def _number(dose: Any) -> float:
    assert isinstance(dose, float)
    return dose
