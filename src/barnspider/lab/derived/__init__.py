"""Fixes that train nothing, made of networks that a study has kept: means of their answers or weights, moved logits.

They are baselines: what a dose for each class must be better than. Each is an arm of a study that is made of the
study, beside that study's own arms (`plan.py`, which needs no torch).
"""

from barnspider.lab.derived.plan import HOW, Deriving
from barnspider.lab.derived.run import derive

__all__ = ["HOW", "Deriving", "derive"]
