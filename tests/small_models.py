"""Small real models for tests: each shape that we export, with a tokenizer of its own kind, as Hugging Face folders."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from anatili.recipe import Pretrain, Tokenizer
from anatili.sample.topics import read_topics
from anatili.tokenizer import train as tokenizing
from anatili.train.init import from_scratch
from anatili.train.pretrain import save_model

TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ message['role'] }}\n{{ message['content'] }}"
    "{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>assistant\n{% endif %}"
)


def texts(*languages: str) -> list[str]:
    return [page.text for topic in read_topics() for code, page in topic.pages.items() if code in languages]


def byte_level(folder: Path, size: int = 1500) -> Path:
    """Our own kind of tokenizer in `folder`."""
    tokenizing.save(trained(size), folder, 256)
    return folder


@cache
def trained(size: int) -> Any:
    return tokenizing.train(iter(texts("kk", "ru", "en", "tr")), Tokenizer(vocabulary=size))


def sentencepiece(folder: Path, size: int = 1500, languages: tuple[str, ...] = ("kk", "ru", "en", "tr")) -> Path:
    """A tokenizer as Gemma's in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(like_gemma(size, languages), "utf-8")
    said = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(said), "utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE, "utf-8")
    return folder


@cache
def like_gemma(size: int, languages: tuple[str, ...]) -> str:
    """BPE over text with ▁ for spaces, every split of a piece a merge, bytes for the rest, as a tokenizer.json."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<unused0>", "<unused1>", "<start_of_turn>"]
    found = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    found.normalizer = normalizers.Replace(" ", "▁")
    found.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    found.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    trainer = trainers.BpeTrainer(vocab_size=size - 256, special_tokens=special, show_progress=False)
    found.train_from_iterator(texts(*languages), trainer)
    raw = json.loads(found.to_str())
    names = special + [f"<0x{byte:02X}>" for byte in range(256)]
    names += sorted((p for p in raw["model"]["vocab"] if p not in special), key=raw["model"]["vocab"].get)
    known = set(names)
    raw["model"]["vocab"] = {name: number for number, name in enumerate(names)}
    order = dict.fromkeys(a + b for a, b in raw["model"]["merges"])
    raw["model"]["merges"] = [
        [piece[:at], piece[at:]]
        for piece in order
        for at in range(1, len(piece))
        if piece[:at] in known and piece[at:] in known
    ]
    raw["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"String": " "},
        "behavior": "MergedWithPrevious",
        "invert": False,
    }
    raw["added_tokens"] = [{**token, "id": names.index(token["content"])} for token in raw["added_tokens"]]
    return json.dumps(raw, ensure_ascii=False)


def make_folder(folder: Path, shape: str, head: int = 32, *, tied: bool = True) -> Path:
    """A random model of a shape (`qwen3`, `llama`, `gemma3` with heads so wide) whose answers are not all alike."""
    import torch

    torch.manual_seed(3)
    place = folder / "tokenizer"
    if shape == "gemma3":
        sentencepiece(place)
        model = gemma(len(json.loads((place / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]), head)
    else:
        byte_level(place)
        vocabulary = len(json.loads((place / "tokenizer.json").read_text("utf-8"))["model"]["vocab"])
        settings = Pretrain(
            shape=shape, layers=2, hidden_size=64, heads=4, kv_heads=2, intermediate_size=96, context=256, tied=tied
        )
        model = from_scratch(settings, vocabulary, 0, 1)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(3)
        else:
            parameter.data.add_(torch.randn_like(parameter) * 0.1)
    save_model(model, place, folder / "model")
    return folder / "model"


def gemma(vocabulary: int, head: int) -> Any:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    return Gemma3ForCausalLM(
        Gemma3TextConfig(
            vocab_size=vocabulary,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=1,
            head_dim=head,
            query_pre_attn_scalar=head,
            max_position_embeddings=256,
            sliding_window=64,
            bos_token_id=2,
            eos_token_id=1,
            pad_token_id=0,
        )
    )
