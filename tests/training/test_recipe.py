from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import shipped
from recsys.devices import resolve_device
from recsys.errors import RecipeError
from training.recipe import Recipe
from training.recipe_toml import dump, valid_keys


def fault(*overrides: str, text: str = "") -> str:
    with pytest.raises(RecipeError) as caught:
        Recipe.from_toml(text, overrides)
    return str(caught.value)


def test_empty_text_is_all_defaults() -> None:
    assert Recipe.from_toml("") == Recipe()


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_recipes_survive_the_round_trip(name: str) -> None:
    recipe = shipped.find(name)
    assert recipe.name == name
    again = Recipe.from_toml(recipe.to_toml())
    assert again == recipe
    assert again.digest == recipe.digest


def test_an_override_wins_over_the_file_and_keeps_the_rest() -> None:
    text = "[ranker]\nlr = 0.5\nepochs = 7\n"
    recipe = Recipe.from_toml(text, ["ranker.lr=1e-3", "text.encoder=hashing"])
    assert recipe.ranker.lr == 1e-3
    assert recipe.ranker.epochs == 7
    assert recipe.text.encoder == "hashing"
    assert recipe.ranker.hidden == Recipe().ranker.hidden


def test_a_table_keeps_the_defaults_of_unnamed_keys_at_every_depth() -> None:
    recipe = Recipe.from_toml("[history.trainer]\nlr = 0.5\n")
    assert recipe.history.trainer.lr == 0.5
    assert recipe.history.trainer.epochs == Recipe().history.trainer.epochs


def test_an_unknown_key_names_itself_its_value_and_the_nearest() -> None:
    message = fault("ranker.lrr=0.25")
    assert "ranker.lrr" in message
    assert "0.25" in message
    assert "nearest valid key: ranker.lr" in message


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("rankr.lr=1", "ranker"),
        ("candidates.eese.reg=1", "candidates.ease"),
        ("candidates.ease.regg=1", "candidates.ease.reg"),
        ("history.trainer.epoch=3", "history.trainer.epochs"),
        ("lr=1", "lr"),
    ],
)
def test_the_nearest_key_is_sensible(override: str, nearest: str) -> None:
    assert fault(override).rpartition("nearest valid key: ")[2].endswith(nearest)


@pytest.mark.parametrize(
    ("override", "there"),
    [
        ("foo.bar=1", "a recipe has name, seed, device, split, text"),
        ("ranker.zzzz=1", "ranker has "),
    ],
)
def test_what_is_like_no_key_is_told_what_there_is(override: str, there: str) -> None:
    message = fault(override)
    assert there in message
    assert "nearest" not in message


def test_an_empty_list_is_told_to_hold_a_value() -> None:
    assert fault("evaluate.k=[]").endswith("evaluate.k = []: give at least 1 value")


def test_an_ill_typed_value_names_key_and_value() -> None:
    message = fault("ranker.lr=fast")
    assert "ranker.lr = 'fast'" in message
    assert "number" in message


def test_every_fault_is_told_at_once() -> None:
    message = fault("ranker.lr=fast", "seed=-1", "nonsense=1")
    assert "ranker.lr" in message
    assert "seed" in message
    assert "nonsense" in message


@pytest.mark.parametrize("override", ["ranker", "=3", "seed.deeper=1"])
def test_a_malformed_override_is_refused(override: str) -> None:
    text = "seed = 3\n" if override.startswith("seed") else ""
    assert override in fault(override, text=text)


def test_broken_toml_names_the_line() -> None:
    assert "line 2" in fault(text="seed = 1\nname = \n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"absent\.toml"):
        Recipe.from_toml(tmp_path / "absent.toml")


def test_the_cut_is_read_as_date_time_or_number() -> None:
    day = Recipe.from_toml("[split]\ncut = 2017-12-04\n")
    assert day.split.cut == datetime(2017, 12, 4)
    assert day.split.cut_time == 1_512_345_600_000_000
    assert Recipe.from_toml("", ["split.cut=42"]).split.cut_time == 42
    assert Recipe.from_toml("", ["split.cut=none"]).split.cut_time is None


def test_none_switches_an_optional_value_off() -> None:
    recipe = Recipe.from_toml("", ["candidates.ease.half_life_days=none"])
    assert recipe.generators()["ease"].half_life_days is None  # type: ignore[attr-defined]
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_a_generator_that_is_switched_off_is_not_fitted() -> None:
    everyone = Recipe().generators()
    fewer = Recipe.from_toml("", ["candidates.bpr.enabled=false"]).generators()
    assert set(everyone) - set(fewer) == {"bpr"}
    assert "enabled" not in type(fewer["ease"]).model_fields


def test_the_digest_ignores_the_name_and_sees_everything_else() -> None:
    base = Recipe()
    assert Recipe(name="other").digest == base.digest
    changed = [
        "seed=1",
        "ranker.lr=0.5",
        "candidates.ease.reg=1",
        "history.model.dim=16",
        "split.cut=2017-12-04",
    ]
    digests = {Recipe.from_toml("", [change]).digest for change in changed}
    assert len(digests | {base.digest}) == len(changed) + 1


def test_tuning_that_is_off_leaves_the_digest_as_it_was() -> None:
    recipe = Recipe.from_toml("", ["text.tuning.steps=7"])
    assert recipe.digest == Recipe().digest
    values = recipe.model_dump(mode="json", exclude={"name", "search"})
    del values["text"]["tuning"]
    as_before = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    assert recipe.digest == as_before
    on = Recipe.from_toml("", ["text.tuning.enabled=true"])
    longer = Recipe.from_toml("", ["text.tuning.enabled=true", "text.tuning.steps=7"])
    assert len({recipe.digest, on.digest, longer.digest}) == 3


@pytest.mark.parametrize("encoder", ["static", "hashing", "none"])
def test_only_a_sentence_encoder_is_tuned(encoder: str) -> None:
    message = fault("text.tuning.enabled=true", f"text.encoder={encoder}")
    assert f'text.encoder is "{encoder}"' in message
    assert "text.tuning.enabled = false" in message


def test_whole_numbers_and_floats_of_one_value_have_one_digest() -> None:
    one, same = "split.days=7", "split.days=7.0"
    assert Recipe.from_toml("", [one]).digest == Recipe.from_toml("", [same]).digest


def test_valid_keys_reach_into_every_table() -> None:
    keys = set(valid_keys(Recipe))
    assert {"seed", "ranker.lr", "candidates.ease.reg", "history.trainer.lr"} <= keys


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.one_of(
            st.booleans(),
            st.integers(-(2**53), 2**53),
            st.floats(allow_nan=False),
            st.text(),
            st.lists(st.integers(0, 9), max_size=3),
            st.datetimes(),
        ),
        max_size=5,
    )
)
def test_whatever_is_written_is_read_back(values: dict[str, object]) -> None:
    import tomllib

    assert tomllib.loads(dump(values)) == values
    assert tomllib.loads(dump({"table": values})).get("table", {}) == values


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (resolve_device("auto"), resolve_device("cpu")) == ("cpu", "cpu")
    with pytest.raises(RecipeError, match=r'device = "cuda".*"auto" or "cpu"'):
        resolve_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert (resolve_device("auto"), resolve_device("cuda:0")) == ("cuda", "cuda:0")
    with pytest.raises(RecipeError, match=r'device = "cuda:1".*finds 1 of them'):
        resolve_device("cuda:1")


def test_blurbs_have_a_locale_that_there_is() -> None:
    assert Recipe.from_toml("", ["blurbs.locale=zh"]).blurbs.locale == "zh"
    assert "blurbs.locale = 'fr'" in fault("blurbs.locale=fr")
