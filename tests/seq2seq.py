"""Small random encoder-decoder models of the three shapes that translate, with tokenizers of their own kinds."""

import json
from pathlib import Path
from typing import Any

from small_models import texts

from anatili.lang import codes, load_pack
from anatili.lang.translation import flores_code

SHAPES = ("nllb", "m2m100", "madlad")
SIZE = 700
"""Pieces of a tokenizer."""
WIDTH = {"d_model": 48}


def make(folder: Path, shape: str) -> Path:
    """A model of a shape with random weights, as a Hugging Face folder with safetensors."""
    import torch
    from safetensors.torch import load_file, save_file

    torch.manual_seed(5)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer, model = {"nllb": nllb, "m2m100": m2m100, "madlad": madlad, "pair": pair}[shape](folder)
    for name, parameter in model.named_parameters():
        # So that translations hang on their sentences, and do not say one token over and over: a small table of tokens.
        if parameter.ndim > 1 and "position" not in name:
            parameter.data.normal_(0, 0.1 if "shared" in name else 0.5 if "encoder_attn" in name else 0.35)
    model.generation_config.max_length = None
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    if shape in ("madlad", "pair"):  # as it is published: the shared table under the name of one of its places
        tensors = load_file(folder / "model.safetensors")
        tensors["decoder.embed_tokens.weight"] = shared = tensors.pop("shared.weight")
        tensors["lm_head.weight"] = torch.randn_like(shared) / 8
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        said = json.loads((folder / "config.json").read_text("utf-8"))
        del said["scale_decoder_outputs"]
        (folder / "config.json").write_text(json.dumps({**said, "tie_word_embeddings": False}), "utf-8")
    return folder


def nllb(folder: Path) -> Any:
    """BPE with all languages of the packs as tokens, and M2M100's shape."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import NllbTokenizer

    found = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    found.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=SIZE, special_tokens=special, show_progress=False)
    found.train_from_iterator(texts("kk", "ru", "en", "tr"), trainer)
    raw = json.loads(found.to_str())["model"]
    names = [flores_code(load_pack(code)) for code in codes()]
    merges = [tuple(pair) for pair in raw["merges"]]
    tokenizer = NllbTokenizer(vocab=raw["vocab"], merges=merges, extra_special_tokens=names)
    return tokenizer, many_to_many(len(tokenizer))


def m2m100(folder: Path) -> Any:
    """A SentencePiece model and a list of its pieces."""
    from transformers import M2M100Tokenizer

    model = sentencepiece(folder / "sentencepiece.bpe.model")
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *map(model.id_to_piece, range(3, len(model)))]
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}), "utf-8")
    tokenizer = M2M100Tokenizer(str(folder / "vocab.json"), str(folder / "sentencepiece.bpe.model"), num_madeup_words=8)
    return tokenizer, many_to_many(tokenizer.vocab_size + len(tokenizer.lang_token_to_id) + 8)


def many_to_many(size: int) -> Any:
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    return M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=size,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=96,
            decoder_ffn_dim=96,
            max_position_embeddings=256,
            scale_embedding=True,
            **WIDTH,
        )
    )


def madlad(folder: Path) -> Any:
    """Unigram pieces with <2kk> and its like among them; decoding begins with <unk>, weights are not tied."""
    return t5(folder, [f"<2{code}>" for code in codes()])


def pair(folder: Path) -> Any:
    """The same without tokens for languages: it goes from one language into one other."""
    return t5(folder, [])


def t5(folder: Path, own: list[str]) -> Any:
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

    model = sentencepiece(folder / "spiece.model", kind="unigram", own=own)
    pieces = [(model.id_to_piece(number), model.get_score(number)) for number in range(len(model))]
    tokenizer = T5Tokenizer(vocab=pieces, extra_ids=0, pad_token="<s>")
    settings = T5Config(
        vocab_size=len(model),
        d_kv=12,
        d_ff=96,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
        decoder_start_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        **WIDTH,
    )
    return tokenizer, T5ForConditionalGeneration(settings)


def sentencepiece(file: Path, kind: str = "bpe", own: list[str] | None = None) -> Any:
    from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

    with file.open("wb") as out:
        SentencePieceTrainer.train(
            sentence_iterator=iter(line for text in texts("kk", "ru", "en", "tr") for line in text.splitlines()),
            model_writer=out,
            vocab_size=SIZE,
            model_type=kind,
            character_coverage=1.0,
            minloglevel=2,
            num_threads=1,
            user_defined_symbols=own or [],
            unk_id=0,
            bos_id=1,
            eos_id=2,
            pad_id=-1,
        )
    return SentencePieceProcessor(model_file=str(file))
