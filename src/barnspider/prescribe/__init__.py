"""Choose with every class in view, on some answers, and judge on others: one dose for all, or one for each class.

parting    what chooses and what judges
choosing   one dose for all, by several objectives
together   which classes are confused, and have one dose
rules      rules that give each class a dose
composed   prescribe(): a rule -> Prescription, and what the answers at hand foresee of it
judgement  every arm on untouched answers: against the baseline, the best single dose, each class's own best dose
"""

from barnspider.prescribe.choosing import OBJECTIVES, Choice, Choices, choose
from barnspider.prescribe.composed import COMPOSED, compose, prescribe
from barnspider.prescribe.judgement import Judged, Judgement, judge
from barnspider.prescribe.parting import Parted, judged_by, part
from barnspider.prescribe.rules import RULES, TOGETHER, Ladder

__all__ = [
    "COMPOSED",
    "OBJECTIVES",
    "RULES",
    "TOGETHER",
    "Choice",
    "Choices",
    "Judged",
    "Judgement",
    "Ladder",
    "Parted",
    "choose",
    "compose",
    "judge",
    "judged_by",
    "part",
    "prescribe",
]
