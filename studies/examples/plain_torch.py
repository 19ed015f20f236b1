"""A small network on handwritten digits, as a torch script is usually written. It knows nothing of barnspider.

Random resized crops of at least `--scale-min` of the area: torchvision's `RandomResizedCrop(scale=(scale_min, 1))`,
written out so that torch is enough. It leaves an .npz of arrays: label and guess, sample, p_label.
"""

import argparse
import math
import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset


class RandomResizedCrop:
    def __init__(self, scale_min):
        self.scale_min = scale_min

    def __call__(self, image):
        side = image.shape[-1]
        area = random.uniform(self.scale_min, 1.0)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        height = min(side, max(1, round(side * math.sqrt(area / ratio))))
        width = min(side, max(1, round(side * math.sqrt(area * ratio))))
        top, left = random.randint(0, side - height), random.randint(0, side - width)
        crop = image[:, top : top + height, left : left + width]
        return functional.interpolate(crop[None], (side, side), mode="bilinear", antialias=True)[0]


class Digits(Dataset):
    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(self.images[index]), self.labels[index]


parser = argparse.ArgumentParser()
parser.add_argument("--scale-min", type=float, default=1.0)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", required=True)
args = parser.parse_args()

random.seed(args.seed)
torch.manual_seed(args.seed)

digits = load_digits()
images, labels = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32), torch.tensor(digits.target)
train, test = train_test_split(np.arange(len(labels)), test_size=0.5, stratify=labels, random_state=0)

transform = RandomResizedCrop(args.scale_min) if args.scale_min < 1 else nn.Identity()
train_loader = DataLoader(Digits(images[train], labels[train], transform), batch_size=64, shuffle=True)
test_loader = DataLoader(TensorDataset(images[test], labels[test]), batch_size=256)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(32 * 4 * 4, 10),
)  # fmt: skip
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(args.epochs):
    total = 0.0
    for batch, target in train_loader:
        loss = functional.cross_entropy(model(batch), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(target)
    print(f"epoch {epoch + 1}: loss {total / len(train):.4f}")

model.eval()
with torch.no_grad():
    chances = torch.cat([model(batch).softmax(dim=1) for batch, _ in test_loader]).numpy()
label = labels[test].numpy()
np.savez(
    f"{args.out}.npz", sample=test, label=label, guess=chances.argmax(axis=1)[None],
    p_label=chances[np.arange(len(label)), label][None],
)  # fmt: skip
