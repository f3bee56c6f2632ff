"""A sign belongs to its number: -40 is not 40, and 12+ is not 12."""

from __future__ import annotations

import pytest

from recsys.blurbs import FactSheet, UserContext, fact_sheet, verify_truth
from recsys.blurbs.locales import get_locale
from recsys.blurbs.sanitise import plain
from recsys.blurbs.tokens import quantities

from .conftest import ROLES

GLOVE = fact_sheet(
    {
        "item_id": "g1",
        "title": "Acme freezer glove",
        "description": (
            "The glove withstands temperatures of -40 degrees. It is rated for use from -20 °C to "
            "80 °C. It keeps hands warm for 12 hours. It fits about 30 hooks of the rack. "
            "The glove comes in a box with 5+ spare clips."
        ),
    },
    ROLES,
)
JACKET = fact_sheet(
    {
        "item_id": "z1",
        "title": "保温手套",
        "description": "采用304不锈钢扣制成。适用温度-20度至80度。可保冷12小时。",
    },
    ROLES,
    locale="zh",
)


def _ok(text: str, sheet: FactSheet, locale: str = "en") -> bool:
    return verify_truth(text, sheet, UserContext(), locale).ok


@pytest.mark.parametrize(
    "text",
    [
        "The glove withstands temperatures of -40 degrees.",
        "The glove withstands temperatures of \u221240 degrees.",
        "The glove withstands temperatures of minus 40 degrees.",
        "It is rated for use from -20 °C to 80 °C.",
        "It keeps hands warm for 12 hours.",
        "It fits ~30 hooks of the rack.",
        "The glove comes in a box with 5+ spare clips.",
        "The glove comes in a box with 5 spare clips.",
    ],
)
def test_signs_of_the_facts_may_be_said(text: str) -> None:
    assert _ok(text, GLOVE)


@pytest.mark.parametrize(
    "text",
    [
        "The glove withstands temperatures of 40 degrees.",
        "It is rated for use from 20 °C to 80 °C.",
        "It is rated for use from -20 °C to -80 °C.",
        "It keeps hands warm for -12 hours.",
        "It keeps hands warm for 12+ hours.",
        "It keeps hands warm for >12 hours.",
        "It keeps hands warm for <12 hours.",
        "It keeps hands warm for ~12 hours.",
    ],
)
def test_signs_that_the_facts_lack_are_refused(text: str) -> None:
    verdict = verify_truth(text, GLOVE, UserContext())
    assert any(reason.startswith("number: ") for reason in verdict.reasons)


def test_chinese_numbers_keep_their_sign() -> None:
    assert _ok("适用温度-20度至80度。", JACKET, "zh")
    assert _ok("适用温度零下20度至80度。", JACKET, "zh")
    assert not _ok("适用温度20度至80度。", JACKET, "zh")
    assert not _ok("可保冷12+小时。", JACKET, "zh")


def test_the_sheet_keeps_the_sign_and_drops_a_bullet() -> None:
    row = {"item_id": "s", "title": "Acme lens", "size": "-40 F", "style": "-4 nuts"}
    row["description"] = (
        "-40 °C is the least that the lens of this set was ever tried at.\n-4 nuts."
    )
    sheet = fact_sheet(row, ROLES)
    assert [f.text for f in sheet.facts][1:] == [
        "-40 F",
        "4 nuts",
        "-40 °C is the least that the lens of this set was ever tried at.",
        "4 nuts.",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("from -5 to 9 V", "-5"), ("-2.5", "-5/2"), ("Hose -6 ft", "6"), ("pack -12 pack", "12"),
        ("20 -30 degrees", "20"), ("1/4-20", "1/4"), ("+/-5 V", "5"), ("a-40 degrees", None),
    ],
)  # fmt: skip
def test_a_dash_before_a_number_is_a_minus_only_where_it_may_be(
    text: str, value: str | None
) -> None:
    found = quantities(text, get_locale("en"))
    assert [q.value for q in found][:1] == ([value] if value else [])


def test_fractions_powers_and_bounds_are_written_out() -> None:
    """NFKC alone would make 21/2, 106 and, without its sign, 40 of them."""
    assert plain("Hose barb 1\u00bd in") == "Hose barb 1-1/2 in"
    assert plain("2 \u00bd m, \u00be in, 10\u2076 steps, 5 m\u00b2") == (
        "2-1/2 m, 3/4 in, 10^6 steps, 5 m2"
    )
    assert plain("Noise < 40 dB, filters >0.3 mm") == "Noise under 40 dB, filters over 0.3 mm"
    assert plain("<b>5 mm</b> of steel -> 3") == "5 mm of steel - 3"
