"""A study on the nodes of a Ray cluster: `hand` works on a node, `crew` has all hands work, `nodes` alone knows Ray."""

from barnspider.lab.cluster.crew import Crew
from barnspider.lab.cluster.job import Asked
from barnspider.lab.cluster.making import make_on_ray

__all__ = ["Asked", "Crew", "make_on_ray"]
