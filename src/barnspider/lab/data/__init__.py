"""A data set's name -> uint8 images, labels, class names, fingerprint. Needs no torch. `docs/data.md` has every form.

    "digits"          scikit-learn's 1,797 handwritten digits, 8x8, grey; split here: 897 / 300 / 600
    "fashion-mnist"   60,000 + 10,000 images, 28x28, grey; 5,000 of the former are for validation
    "cifar10", ...    what you have on your disk, as published
    "....npz"         x_train, y_train (and x_test, y_test, class_names), grey or colour
    a folder, .zip or .parquet   of encoded images by class: decoded once, into a memory map that all processes share

Validation images are always split from the training images, stratified, by a seed of their own: never by a run's.
"""

from barnspider.finding import Finding
from barnspider.lab.data.arrays import from_arrays
from barnspider.lab.data.checkup import Checkup, examine
from barnspider.lab.data.keeping import keep
from barnspider.lab.data.loading import NAMED, leaves_out, load
from barnspider.lab.data.parts import Dataset, Split, balanced
from barnspider.lab.data.twins import Twin, told, twins

__all__ = [
    "NAMED",
    "Checkup",
    "Dataset",
    "Finding",
    "Split",
    "Twin",
    "balanced",
    "examine",
    "from_arrays",
    "keep",
    "leaves_out",
    "load",
    "told",
    "twins",
]
