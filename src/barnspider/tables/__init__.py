"""CSV, JSON lines, Parquet, npz, npy, data frames <-> Predictions; all checking of what users bring."""

from barnspider.tables.accepted import with_label_sets
from barnspider.tables.completeness import SamplesLeftOut
from barnspider.tables.frames import from_frame
from barnspider.tables.label_sets import LabelSets, read_label_sets
from barnspider.tables.read import join, read_table
from barnspider.tables.scores import NotLogits, Ties, from_scores
from barnspider.tables.write import NotWritten, write_table

__all__ = [
    "LabelSets",
    "NotLogits",
    "NotWritten",
    "SamplesLeftOut",
    "Ties",
    "from_frame",
    "from_scores",
    "join",
    "read_label_sets",
    "read_table",
    "with_label_sets",
    "write_table",
]
