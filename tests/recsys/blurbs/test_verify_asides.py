"""What the facts name in passing is not said outright."""

from __future__ import annotations

import pytest

from recsys.blurbs import UserContext, fact_sheet, verify_truth
from recsys.blurbs.verify import Verdict

from .conftest import ROLES


def judged(facts: str, text: str) -> Verdict:
    item = {
        "item_id": "1", "title": "Acme Train Set", "description": facts, "category": "Toys",
        "brand": "Acme",
    }  # fmt: skip
    return verify_truth(text, fact_sheet(item, ROLES), UserContext())


@pytest.mark.parametrize(
    ("facts", "text", "fault"),
    [
        ("Optional remote control.", "A train set with a remote control.", "optional"),
        ("Remote control (optional).", "A train set with a remote control.", "optional"),
        ("Steel rails, optional remote control.", "A train set with a remote.", "optional"),
        ("Compatible with Lego tracks.", "A train set by Lego.", 'by "Lego"'),
        ("Compatible with Lego tracks.", "A train set, made by Lego.", 'by "Lego"'),
    ],
)
def test_what_is_named_in_passing_is_not_said_outright(facts: str, text: str, fault: str) -> None:
    verdict = judged(facts, text)
    assert any(fault in reason for reason in verdict.reasons), verdict


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ("Steel rails, optional remote control.", "A train set with steel rails."),
        ("Optional remote control.", "A train set with an optional remote control."),
        ("Optional lamp. It comes with a lamp.", "A train set with a lamp."),
        ("Compatible with Lego tracks.", "A train set by Acme."),
        ("Designed by Lego.", "A train set designed by Lego."),
        ("Powered by USB.", "A train set powered by USB."),
        ("USB cable, powered through it.", "A train set powered by USB cable."),
    ],
)
def test_what_the_facts_say_may_be_said(facts: str, text: str) -> None:
    verdict = judged(facts, text)
    assert not any("optional" in r or " by " in r for r in verdict.reasons), verdict.reasons
