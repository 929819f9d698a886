"""FLOOR 3: what a reader sees."""

from reports.ledger import Delivery
from reports.report import build_report
from reports.schedule import due

__all__ = ["Delivery", "build_report", "due"]
