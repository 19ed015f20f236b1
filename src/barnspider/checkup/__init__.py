"""What answers hold, and what of it looks wrong, before any statistics."""

from barnspider.checkup.examine import AnswersCheckup, ArmAnswers, examine

__all__ = ["AnswersCheckup", "ArmAnswers", "examine"]
