"""Who pays for your regularizer? Per-class effects of augmentation and weight decay, with honest intervals."""

from barnspider.errors import BarnspiderError, DataError, InputError, StoreError, TrainingError
from barnspider.predictions import LeftOut, Predictions, concat

__version__ = "0.1.0.dev0"

__all__ = [
    "BarnspiderError",
    "DataError",
    "InputError",
    "LeftOut",
    "Predictions",
    "StoreError",
    "TrainingError",
    "concat",
]
