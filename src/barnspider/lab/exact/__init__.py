"""The exact laboratory: a study's augmentations on a linear model, solved in closed form. No steps, no learning rate.

The plan needs no torch (`plan.py`), nor does the solver (`ridge.py`); drawing images does (`drawn.py`, `features.py`).
`world.py` has images whose truth is known.

Source of the claim that it shows: Balestriero, Bottou & LeCun, "The effects of regularization and data augmentation are
class dependent" (arXiv 2204.03632): an augmentation that does not preserve labels leaves a bias that more data do not
remove, and one that does leaves none.
"""

from barnspider.lab.exact.plan import FEATURES, PENALTIES, Exact
from barnspider.lab.exact.run import Solved, exact, growth

__all__ = ["FEATURES", "PENALTIES", "Exact", "Solved", "exact", "growth"]
