"""Adaptive studies: few runs first, then more where they decide something, until nothing more can be decided."""

from barnspider.refine.rounds import Question, Round, first_round, next_round
from barnspider.refine.studies import refine

__all__ = ["Question", "Round", "first_round", "next_round", "refine"]
