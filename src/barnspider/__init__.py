"""Who pays for your regularizer? Per-class effects of augmentation and weight decay, with honest intervals."""

from barnspider.confusion import Confusion, confusion
from barnspider.effects import Effects, Method, estimate
from barnspider.errors import BarnspiderError, DataError, InputError, StoreError, TrainingError
from barnspider.flows import Flows, flows
from barnspider.gate import Finding, Gate, Verdict
from barnspider.grouping import grouped
from barnspider.joining import concat
from barnspider.predictions import LeftOut, Predictions
from barnspider.readings import Readings, readings
from barnspider.report import write_report
from barnspider.simulate import Simulated, simulate
from barnspider.sources import read_predictions
from barnspider.tables import from_frame, from_scores, read_label_sets, read_table, with_label_sets, write_table

__version__ = "0.1.0.dev0"

__all__ = [
    "BarnspiderError",
    "Confusion",
    "DataError",
    "Effects",
    "Finding",
    "Flows",
    "Gate",
    "InputError",
    "LeftOut",
    "Method",
    "Predictions",
    "Readings",
    "Simulated",
    "StoreError",
    "TrainingError",
    "Verdict",
    "concat",
    "confusion",
    "estimate",
    "flows",
    "from_frame",
    "from_scores",
    "grouped",
    "read_label_sets",
    "read_predictions",
    "read_table",
    "readings",
    "simulate",
    "with_label_sets",
    "write_report",
    "write_table",
]
