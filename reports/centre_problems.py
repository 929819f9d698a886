"""What a centre gets back about its submission: a workbook with every problem, and one page that sums them up."""

from __future__ import annotations

from reports.problem_page import write_page
from reports.problem_workbook import write_workbook

__all__ = ["write_page", "write_workbook"]
