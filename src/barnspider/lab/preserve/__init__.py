"""Label preservation: do reference networks still see the class of a test image when a knob has changed it?

The plan needs no torch (`plan.py`); answering does (`seen_by.py`).

Source: Balestriero, Bottou & LeCun, "The effects of regularization and data augmentation are class dependent" (arXiv
2204.03632), their first experiment.
"""

from barnspider.lab.preserve.plan import Preserving
from barnspider.lab.preserve.run import preserve

__all__ = ["Preserving", "preserve"]
