"""The store: a folder of runs, each written once and sealed; and packed files of its studies."""

from barnspider.store.choosing import Kept
from barnspider.store.folder import Store
from barnspider.store.looking import Looked
from barnspider.store.opening import opened
from barnspider.store.packed import Packed, is_packed
from barnspider.store.packing import PACKED_SPLITS, pack
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
from barnspider.store.sending import Sent, receive, send

__all__ = [
    "PACKED_SPLITS",
    "SPLITS",
    "Answers",
    "Cell",
    "Failure",
    "Images",
    "Kept",
    "Looked",
    "Packed",
    "Planned",
    "Result",
    "Sent",
    "Store",
    "Study",
    "Weights",
    "averaged_name",
    "is_packed",
    "opened",
    "pack",
    "receive",
    "send",
    "slug",
]
