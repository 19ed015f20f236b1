"""A timm network on handwritten digits, made of the parts that timm's train.py is made of, with its options' names.

The wheel of timm brings no train.py: it is in timm's repository, and this is no copy of it. It leaves one row for each
test image: sample, label, prediction, p_label.
"""

import argparse
import csv
import sys

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    # As usually published, it does not import beside a torch for CPUs only, for want of two operators that
    # classification never calls. Declared, they are missed no more.
    declared = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for name in [name for name in sys.modules if name.startswith("torchvision")]:
        del sys.modules[name]

import timm
import timm.data
import timm.loss
import timm.optim
import timm.scheduler
import timm.utils
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SIZE = (3, 32, 32)


class Digits(torch.utils.data.Dataset):
    """Pictures as a folder of them would give: the loader sets the transform."""

    def __init__(self, pictures, labels):
        self.pictures, self.labels, self.transform = pictures, labels, None

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(self.pictures[index]), int(self.labels[index])


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="test_resnet")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--smoothing", type=float, default=0.0)
    parser.add_argument("--reprob", type=float, default=0.0, help="probability of random erasing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    return parser.parse_args()


def load():
    digits = load_digits()
    pictures = [
        Image.fromarray((image * 15).astype("uint8")).convert("RGB").resize(SIZE[1:]) for image in digits.images
    ]
    train, test = train_test_split(range(len(pictures)), test_size=0.5, stratify=digits.target, random_state=0)
    return (
        Digits([pictures[i] for i in train], digits.target[train]),
        Digits([pictures[i] for i in test], digits.target[test]),
        test,
    )


def main():
    args = parse()
    timm.utils.random_seed(args.seed)
    train, test, numbers = load()
    options = {"input_size": SIZE, "batch_size": args.batch_size, "use_prefetcher": False, "num_workers": 0}
    train_loader = timm.data.create_loader(
        train, is_training=True, re_prob=args.reprob, re_mode="pixel", scale=(0.8, 1.0), hflip=0.0, color_jitter=0.0,
        **options,
    )  # fmt: skip
    test_loader = timm.data.create_loader(test, is_training=False, crop_pct=1.0, **options)
    model = timm.create_model(args.model, num_classes=10)
    optimizer = timm.optim.create_optimizer_v2(model, opt="adamw", lr=args.lr, weight_decay=0.05)
    scheduler, epochs = timm.scheduler.create_scheduler_v2(optimizer, num_epochs=args.epochs, warmup_epochs=1)
    loss_of = timm.loss.LabelSmoothingCrossEntropy(args.smoothing)
    for epoch in range(epochs):
        model.train()
        losses = timm.utils.AverageMeter()
        for pictures, labels in train_loader:
            loss = loss_of(model(pictures), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.update(loss.item(), len(labels))
        scheduler.step(epoch + 1)
        print(f"epoch {epoch + 1}: loss {losses.avg:.4f}")
    model.eval()
    with torch.no_grad():
        chances = torch.cat([model(pictures).softmax(dim=1) for pictures, _ in test_loader])
    with open(f"{args.out}.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sample", "label", "prediction", "p_label"])
        for number, label, row in zip(numbers, test.labels, chances, strict=True):
            rows.writerow([number, label, int(row.argmax()), float(row[label])])


if __name__ == "__main__":
    main()
