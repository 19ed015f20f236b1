"""Effects (and a verdict) -> one self-contained HTML page: no network, no server, nothing to install."""

from barnspider.report.page import write_report

__all__ = ["write_report"]
