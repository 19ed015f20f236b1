"""What a store must know of the images that runs answer: without it, answers are numbers without meaning."""

from __future__ import annotations

from barnspider.lab.data import Dataset
from barnspider.store import Images, Store


def describe(store: Store, data: Dataset) -> None:
    """Write down which images the runs answer, unless that is there and can be read.

    Raises
    ------
    StoreError
        When the folder cannot be written or the disk is full.
    """
    splits = {name: getattr(data, name) for name in ("test", "validation")}
    images = {name: Images(split.labels, split.sample) for name, split in splits.items()}
    store.describe_images(data.fingerprint, data.classes, data.name, images)
