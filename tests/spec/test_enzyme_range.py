"""enzyme_range: what 100 % of an enzyme means in the total improvement score, and which of two equal ones counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def test_ranges_are_multiples_of_the_upper_limit_of_normal(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    assert_rows(
        derive_concept({}, "enzyme_range"),
        """
        enzyme   | place | range_multiple
        CK       | 1     | 15
        aldolase | 2     | 6
        LDH      | 3     | 3
        AST      | 4     | 3
        ALT      | 5     | 3
        """,
    )


def test_a_study_can_choose_another_range(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    ranges = derive_concept({}, "enzyme_range", rules={"tis_enzyme_range_ck": "10", "tis_enzyme_range_ldh": "2.5"})
    assert_rows(
        ranges,
        """
        enzyme   | range_multiple
        CK       | 10
        aldolase | 6
        LDH      | 2.5
        AST      | 3
        ALT      | 3
        """,
    )
