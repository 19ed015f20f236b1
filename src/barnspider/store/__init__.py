"""The store: a folder of runs, each written once and sealed."""

from barnspider.store.folder import Store
from barnspider.store.placing import slug
from barnspider.store.records import (
    SPLITS,
    Answers,
    Cell,
    Failure,
    Images,
    Planned,
    Result,
    Study,
    Weights,
    averaged_name,
)

__all__ = [
    "SPLITS",
    "Answers",
    "Cell",
    "Failure",
    "Images",
    "Planned",
    "Result",
    "Store",
    "Study",
    "Weights",
    "averaged_name",
    "slug",
]
