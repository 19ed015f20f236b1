"""CSV, Parquet, npz, data frames <-> Predictions; all checking of what users bring."""

from barnspider.tables.long_table import SamplesLeftOut
from barnspider.tables.read import from_frame, join, read_table
from barnspider.tables.write import NotWritten, write_table

__all__ = ["NotWritten", "SamplesLeftOut", "from_frame", "join", "read_table", "write_table"]
