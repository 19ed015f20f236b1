"""Choose with every class in view, on some answers, and judge on others: one dose for all, or one for each class.

parting    what chooses and what judges
choosing   one dose for all, by several objectives
rules      rules that give each class a dose
composed   prescribe(): a rule -> Prescription, and what the answers at hand foresee of it
"""

from barnspider.prescribe.choosing import OBJECTIVES, Choice, Choices, choose
from barnspider.prescribe.composed import COMPOSED, compose, prescribe
from barnspider.prescribe.parting import Parted, judged_by, part
from barnspider.prescribe.rules import RULES

__all__ = [
    "COMPOSED",
    "OBJECTIVES",
    "RULES",
    "Choice",
    "Choices",
    "Parted",
    "choose",
    "compose",
    "judged_by",
    "part",
    "prescribe",
]
