"""Heal a study: prescribe doses, train them, look who is still harmed, adjust; judge everything with fresh seeds.

plan      what is tried, and what it costs in runs
loop      train, audit, adjust, until nobody is harmed or the budget ends
healing   heal(): all of it, resumable
"""

from barnspider.heal.healing import Healed, heal
from barnspider.heal.loop import weakened
from barnspider.heal.plan import FREE, METHODS, Bill, Healing

__all__ = ["FREE", "METHODS", "Bill", "Healed", "Healing", "heal", "weakened"]
