"""Chinese texts: letters of other scripts are seen, those of the facts are let through."""

from __future__ import annotations

import pytest

from recsys.blurbs import UserContext, fact_sheet, verify_truth

from .conftest import ROLES

ROW = {
    "item_id": "1",
    "title": "Café保温杯 500ml",
    "description": "采用304不锈钢制成。杯盖带有蓝色硅胶圈。电阻10Ω。",
}
SHEET = fact_sheet(ROW, ROLES, locale="zh")


@pytest.mark.parametrize(
    "text", ["采用304不锈钢制成。", "Café保温杯，采用304不锈钢制成。", "保温杯 500ml，电阻10Ω。"]
)
def test_han_ascii_and_letters_of_the_facts_pass(text: str) -> None:
    assert verify_truth(text, SHEET, UserContext(), "zh").ok


@pytest.mark.parametrize(
    "tail", ["やすい", "самый", "세계", "für", "ｄüｒ", "ไทย"]
)  # fmt: skip
def test_letters_of_other_scripts_are_refused(tail: str) -> None:
    verdict = verify_truth(
        f"采用304不锈钢制成，杯盖带有蓝色硅胶圈，{tail}。", SHEET, UserContext(), "zh"
    )
    assert any(reason.startswith("language: ") for reason in verdict.reasons)
