from __future__ import annotations

import numpy as np
import pytest

from recsys.text import HashingEncoder, hashing
from recsys.types import FloatArray
from tests.contracts.text_encoder import TextEncoderContract


class TestHashingEncoder(TextEncoderContract):
    @pytest.fixture
    def encoder(self) -> HashingEncoder:
        return HashingEncoder(128)

    def test_the_hash_is_the_same_on_every_machine(self) -> None:
        # "ab": CRC-32 of the word is 0x9E83486D: odd, so +1 at 0x4F41A436 % 4 = 2;
        # its pieces "<ab" 0xE1C7D64E, "ab>" 0xAB7C4D3E, "<ab>" 0x2B3C5D0F get 1 / sqrt(3) each.
        from zlib import crc32

        expected = np.zeros(4)
        for feature, weight in [("ab", 1.0), *((p, 3**-0.5) for p in ("<ab", "ab>", "<ab>"))]:
            value = crc32(feature.encode())
            expected[(value >> 1) % 4] += weight if value & 1 else -weight
        assert crc32(b"ab") == 0x9E83486D
        np.testing.assert_allclose(
            HashingEncoder(4).encode(["ab"])[0], expected / np.linalg.norm(expected), rtol=1e-6
        )

    def test_case_and_width_do_not_matter(self) -> None:
        a, b, c = HashingEncoder().encode(["Cola ZERO", "cola zero", "ｃｏｌａ zero"])
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)

    def test_scripts_without_spaces_share_pieces(self) -> None:
        apple_juice, apple, oil = HashingEncoder().encode(["鲜榨苹果汁", "红苹果", "发动机油"])
        assert apple_juice @ apple > apple_juice @ oil

    @pytest.mark.parametrize(
        ("right", "wrong", "other"),
        [
            ("kühlschrank", "kühlschränke", "geschirrspüler"),
            ("шоколадный", "шоколадная", "стиральный"),
            ("σοκολάτα", "σοκολάτες", "απορρυπαντικό"),
            ("الشوكولاتة", "شوكولاتة", "المنظفات"),
        ],
    )
    def test_alphabets_beyond_ascii_have_long_pieces(
        self, right: str, wrong: str, other: str
    ) -> None:
        right_vector, wrong_vector, other_vector = HashingEncoder(4096).encode(
            [right, wrong, other]
        )
        assert right_vector @ wrong_vector > 0.25
        assert abs(right_vector @ other_vector) < 0.1

    def test_letters_alone_make_no_likeness(self) -> None:
        listen, silent = HashingEncoder(4096).encode(["ток", "кот"])
        assert abs(listen @ silent) < 0.1

    def test_vowel_signs_belong_to_their_word(self) -> None:
        assert hashing.WORD.findall("हिन्दी दूध। สบู่เหลว") == ["हिन्दी", "दूध", "สบู่เหลว"]

    def test_misspellings_stay_near(self) -> None:
        right, wrong, other = HashingEncoder().encode(["chocolate", "chocolatte", "detergent"])
        assert right @ wrong > 0.3 > abs(right @ other)

    def test_no_positions_are_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one position"):
            HashingEncoder(0)

    def test_many_texts_are_held_in_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        texts = ["red apples", "", "oil", "red oil", "milk"]
        whole = HashingEncoder().encode(texts)
        held: list[int] = []
        summed = hashing.unit_rows

        def remember(vectors: FloatArray) -> FloatArray:
            held.append(len(vectors))
            return summed(vectors)

        monkeypatch.setattr(hashing, "CHUNK", 2)
        monkeypatch.setattr(hashing, "unit_rows", remember)
        np.testing.assert_array_equal(HashingEncoder().encode(texts), whole)
        assert held == [2, 2, 1]
