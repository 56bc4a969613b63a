"""The tokenizer in a GGUF file, splitting text as llama.cpp does."""

from pathlib import Path
from typing import Any

from anatili.gguf.reader import open_gguf
from anatili.problem import Problem
from anatili.text import show_path
from anatili.weights import SPLIT_RULES

NORMAL = 1
"""Type of an ordinary token in GGUF."""


def read_tokenizer(file: Path) -> Any:
    """The tokenizer in a GGUF file; `Problem` if its split rule is unknown."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    fields = open_gguf(file).fields
    if fields["tokenizer.ggml.model"].contents() == "llama":
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
        tokens = fields["tokenizer.ggml.tokens"].contents()
    else:
        tokens = fields["tokenizer.ggml.tokens"].contents()
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level(file, fields, tokens))
    for name in ("bos", "eos"):
        token_id = fields.get(f"tokenizer.ggml.{name}_token_id")
        if token_id:
            setattr(tokenizer, f"{name}_token", tokens[int(token_id.contents())])
    return tokenizer


def byte_level(file: Path, fields: dict[str, Any], tokens: list[str]) -> Any:
    """A byte-level BPE tokenizer from a GGUF file's tokens, merges and the name of its split rule."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    rule = fields["tokenizer.ggml.pre"].contents()
    if rule not in SPLIT_RULES:
        raise Problem(f"{show_path(file)} splits text by the rule {rule!r}; known are {', '.join(SPLIT_RULES)}")
    merges = [tuple(merge.split(" ", 1)) for merge in fields["tokenizer.ggml.merges"].contents()]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=rule == "llama-bpe"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT_RULES[rule]), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind != NORMAL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer
