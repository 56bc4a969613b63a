"""The tokenizer in a GGUF file, as llama.cpp would cut text."""

from pathlib import Path
from typing import Any

from anatili.problem import Problem
from anatili.text import show_path
from anatili.weights import SPLIT_RULES

NORMAL = 1
"""Kind of an ordinary token in GGUF."""


def read_vocabulary(file: Path) -> Any:
    """The tokenizer in a GGUF file; `Problem` if it splits text by a rule that we do not have."""
    from gguf import GGUFReader
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    fields = GGUFReader(file).fields
    if fields["tokenizer.ggml.model"].contents() == "llama":
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
        pieces = fields["tokenizer.ggml.tokens"].contents()
    else:
        pieces = fields["tokenizer.ggml.tokens"].contents()
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level(file, fields, pieces))
    for name in ("bos", "eos"):
        place = fields.get(f"tokenizer.ggml.{name}_token_id")
        if place:
            setattr(tokenizer, f"{name}_token", pieces[int(place.contents())])
    return tokenizer


def byte_level(file: Path, fields: dict[str, Any], pieces: list[str]) -> Any:
    """A byte-level BPE tokenizer made from a GGUF file's pieces, merges and the name of its split rule."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    rule = fields["tokenizer.ggml.pre"].contents()
    if rule not in SPLIT_RULES:
        raise Problem(f"{show_path(file)} splits text by the rule {rule!r}; known are {', '.join(SPLIT_RULES)}")
    merges = [tuple(merge.split(" ", 1)) for merge in fields["tokenizer.ggml.merges"].contents()]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    found = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=rule == "llama-bpe"))
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT_RULES[rule]), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    found.decoder = decoders.ByteLevel()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    special = [piece for piece, kind in zip(pieces, kinds, strict=True) if kind != NORMAL]
    found.add_special_tokens([AddedToken(piece, special=True, normalized=False) for piece in special])
    return found
