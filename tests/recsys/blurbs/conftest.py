from __future__ import annotations

import pytest

from recsys.blurbs import FactSheet, UserContext, fact_sheet
from recsys.schema import ColumnRoles

ROLES = ColumnRoles(
    title="title", description="description", category="categories", brand="brand", price="price"
)
FITTING = {
    "item_id": "f1",
    "title": "Dixon RN32 Stainless Steel 316 Hose Fitting, 1/4 NPT Male x 3/8 Hose ID Barbed.",
    "brand": "Dixon",
    "categories": "Industrial & Scientific,Plumbing,Hose Fittings",
    "description": (
        "This Dixon hose fitting is made of type 316 stainless steel and connects hose to "
        "female threaded pipe. It fits size 02 filters. Not suitable for drinking water. "
        "Works up to 150 psi. It contains no lead. The barbed end creates a tight seal on "
        "flexible hose."
    ),
    "price": 9.99,
}
CUP = {
    "item_id": "c1",
    "title": "虎牌不锈钢保温杯 500ml",
    "brand": "虎牌",
    "categories": "家居>水杯",
    "description": "杯身内胆采用316不锈钢制成。本产品不含双酚A。适用于车载杯架。保温6小时。",
}


@pytest.fixture(scope="session")
def roles() -> ColumnRoles:
    return ROLES


@pytest.fixture(scope="session")
def fitting() -> FactSheet:
    return fact_sheet(FITTING, ROLES)


@pytest.fixture(scope="session")
def cup() -> FactSheet:
    return fact_sheet(CUP, ROLES, locale="zh")


@pytest.fixture(scope="session")
def shopper() -> UserContext:
    return UserContext.of(["Hose clamps", "PTFE tape"], anchor="Hose clamps")


@pytest.fixture(scope="session")
def zh_shopper() -> UserContext:
    return UserContext.of(["咖啡豆", "茶叶"], anchor="咖啡豆", locale="zh")
