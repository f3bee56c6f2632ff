"""Small claims: most is not all, and a star or a picture says what the facts do not."""

from __future__ import annotations

import pytest

from recsys.blurbs import UserContext, fact_sheet, verify_truth

from .conftest import ROLES

BOTTLE = fact_sheet(
    {
        "item_id": "1",
        "title": "Acme steel bottle",
        "description": (
            "The bottle fits most cup holders and keeps drinks cold for 12 hours. It can be used "
            "in most freezers for some foods. All lids of the set are made of steel at 40 °C. "
            "Most brushes clean the bottle. The brushes have a hook. "
            "Rated \u2460 by the \u2663 club of bottles."
        ),
    },
    ROLES,
)


def _ok(text: str) -> bool:
    return verify_truth(text, BOTTLE, UserContext()).ok


@pytest.mark.parametrize(
    "text",
    [
        "It fits most cup holders.",
        "It can be used in most freezers for some foods.",
        "All lids of the set are made of steel.",
        "Every lid of the set is made of steel.",
        "The brushes have a hook.",
        "All brushes have a hook.",
        "The bottle keeps all drinks cold for 12 hours.",
        "Acme\u00ae steel bottle: all lids are made of steel at 40 \u00b0C.",
    ],
)
def test_what_the_facts_say_of_all_passes(text: str) -> None:
    assert _ok(text)


@pytest.mark.parametrize(
    "text",
    [
        "It fits every cup holder.",
        "It fits all cup holders.",
        "It can be used in all freezers for all foods.",
        "It can be used in any freezer.",
    ],
)
def test_most_is_not_all(text: str) -> None:
    verdict = verify_truth(text, BOTTLE, UserContext())
    assert any(reason.startswith("relation: ") for reason in verdict.reasons)


@pytest.mark.parametrize("mark", ["\u2605\u2605\u2605", "\U0001f3c6", "\u2714", "\U0001f331"])
def test_stars_and_pictures_are_refused(mark: str) -> None:
    verdict = verify_truth(f"{mark} It fits most cup holders.", BOTTLE, UserContext())
    assert any(reason.startswith("characters: ") for reason in verdict.reasons)
