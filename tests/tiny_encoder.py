"""A sentence-transformers model that is made in a moment."""

from __future__ import annotations

import json
from pathlib import Path

WORDS = (
    "red green apple apples juice engine engines oil for milk bread the a of soda water "
    "5 w 30 - ##s ##w x y z 0 1 2 3 4 6 7 8 9"
).split()


def make_tiny_encoder(folder: Path) -> Path:
    """Write one with random weights and about a hundred tokens into an empty folder."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *letters]
    tokens = list(dict.fromkeys(tokens))
    backend = BertWordPieceTokenizer(vocab={token: i for i, token in enumerate(tokens)})
    PreTrainedTokenizerFast(
        tokenizer_object=backend._tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    modules = [("", "models.Transformer"), ("1_Pooling", "models.Pooling")]
    (folder / "modules.json").write_text(
        json.dumps(
            [
                {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.{kind}"}
                for i, (path, kind) in enumerate(modules)
            ]
        )
    )
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 64}')
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        '{"word_embedding_dimension": 32, "pooling_mode_mean_tokens": true}'
    )
    return folder
