"""Gate: should this change be merged? Three verdicts: pass, fail, and cannot tell, with stated error rates.

rules      budgets (a class's own margin) and allowances (an excuse with a reason and an end), and their files
judging    Gate.check: Effects -> Verdict
verdict    Verdict, and how it prints and becomes JSON
comment    Verdict -> Markdown for a pull request
junit      Verdict -> the XML that test reports are made of
"""

from barnspider.gate.judging import Gate
from barnspider.gate.rules import Allowance, read_allowances, read_budgets
from barnspider.gate.verdict import Excused, Finding, OfArm, Verdict, Worst

__all__ = [
    "Allowance",
    "Excused",
    "Finding",
    "Gate",
    "OfArm",
    "Verdict",
    "Worst",
    "read_allowances",
    "read_budgets",
]
