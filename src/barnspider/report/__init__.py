"""Effects (and a verdict) -> one self-contained HTML page: no network, no server, nothing to install."""

from barnspider.report.page import write_report
from barnspider.report.study import Study, gather

__all__ = ["Study", "gather", "write_report"]
