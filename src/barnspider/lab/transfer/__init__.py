"""Transfer: backbones of a study, trained at each dose, are used on another data set. Who pays there?

Frozen features and a probe on top (`features.py`, `logistic.py`), or the whole network trained on (`tuning.py`). Of
networks that were trained elsewhere, features and a probe. The plans need no torch (`plan.py`, `borrowing.py`).

Source: Balestriero, Bottou & LeCun, "The effects of regularization and data augmentation are class dependent" (arXiv
2204.03632), their experiment with iNaturalist.
"""

from barnspider.lab.transfer.borrowing import Borrowed, Borrowing, borrowed
from barnspider.lab.transfer.plan import Transferring, Tuning
from barnspider.lab.transfer.run import Carried, Lent, borrow, transfer

__all__ = ["Borrowed", "Borrowing", "Carried", "Lent", "Transferring", "Tuning", "borrow", "borrowed", "transfer"]
