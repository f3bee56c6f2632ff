from __future__ import annotations

import pytest

from recsys.blurbs import UserContext, fact_sheet
from recsys.blurbs.anchors import AnchorChooser

from .conftest import ROLES

ROWS = [
    {"item_id": "tea", "title": "Green tea leaves", "categories": "Tea"},
    {"item_id": "soap", "title": "Olive hand soap", "categories": "Soap"},
    {"item_id": "rope", "title": "Hemp rope", "categories": "Rope"},
]


@pytest.fixture
def chooser() -> AnchorChooser:
    return AnchorChooser([fact_sheet(row, ROLES) for row in ROWS])


def anchors(found: list[UserContext]) -> list[str | None]:
    return [context.anchor for context in found]


def test_the_closest_label_is_named(chooser: AnchorChooser) -> None:
    found = chooser.contexts(["liquid soap", "black tea"], [0, 1])
    assert anchors(found) == ["black tea", "liquid soap"]


def test_a_tie_goes_to_the_habit_then_to_the_latest(chooser: AnchorChooser) -> None:
    both = ["rope hooks", "rope ties", "rope hooks", "rope ties", "nails"]
    assert anchors(chooser.contexts(both, [2])) == ["rope ties"]
    habit = ["nails", "rope hooks", "rope hooks", "rope hooks", "rope ties"]
    often = chooser.contexts(habit, [2])[0]
    assert (often.anchor, often.relation) == ("rope hooks", "often_buy")
    assert chooser.contexts(["nails", "rope ties"], [2])[0].relation == "bought"


def test_neither_unrelated_purchases_nor_the_item_itself_are_named(chooser: AnchorChooser) -> None:
    assert anchors(chooser.contexts(["dog food", "dog food", "motor oil"], [0, 2])) == [None, None]
    assert anchors(chooser.contexts(["Hemp rope", "bolts"], [2])) == [None]
    assert anchors(chooser.contexts(["Hemp rope"], [2])) == [None]
    assert anchors(chooser.contexts(["Hemp rope", "rope hooks"], [2])) == ["rope hooks"]


def test_what_may_not_be_shown_is_not_named(chooser: AnchorChooser) -> None:
    assert chooser.contexts(["Pregnancy test", "<b></b>"], [0]) == [UserContext()]
    assert chooser.contexts([], [0, 1]) == [UserContext(), UserContext()]


def test_shoppers_with_the_same_label_share_a_context(chooser: AnchorChooser) -> None:
    one = chooser.contexts(["black tea", "liquid soap"], [0])[0]
    other = chooser.contexts(["nails", "black tea"], [0])[0]
    assert one == other


def test_chinese_labels_are_compared_by_their_characters() -> None:
    rows = [{"item_id": "1", "title": "龙井绿茶礼盒"}, {"item_id": "2", "title": "橄榄洗手皂"}]
    chooser = AnchorChooser([fact_sheet(r, ROLES, locale="zh") for r in rows], "zh")
    assert anchors(chooser.contexts(["洗手液", "绿茶饮料"], [0, 1])) == ["绿茶饮料", "洗手液"]
