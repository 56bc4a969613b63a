"""What a model does when it speaks: in which language, how much it says by heart; and what of a test it has read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from anatili.document import Kept, read_shard
from anatili.engine import Sampling, say
from anatili.engine.local import TransformersEngine
from anatili.evaluate.texts import TextSet
from anatili.identify import identify
from anatili.interval import wilson
from anatili.text import words

ANSWER_TOKENS = 60
PREFIX, CONTINUATION = 32, 32
"""Tokens that are given, and that must follow exactly, for a text to count as known by heart."""
OVERLAP = 8
"""Words in a row that make a test's text count as seen."""


def purity_row(engine: TransformersEngine, questions: Sequence[str], language: str) -> dict[str, Any]:
    """Share of answers to questions in a language that are in that language; the others by the language they are in."""
    found: Counter[str] = Counter()
    for number, question in enumerate(questions):
        sampling = Sampling(limit=ANSWER_TOKENS, temperature=0.7, seed=number)
        answer = say(engine, [{"role": "user", "content": question}], sampling)
        found[identify(answer).language if answer.strip() else "empty"] += 1
    own = found.pop(language, 0)
    return {
        "measure": "answers in the language of the question",
        "language": language,
        "value": round(own / max(1, len(questions)), 4),
        "interval": wilson(own, len(questions)),
        "count": len(questions),
        "others": dict(found.most_common()),
    }


def memorisation_row(engine: TransformersEngine, texts: Sequence[str], language: str) -> dict[str, Any]:
    """Share of training texts whose next tokens are said exactly when their first ones are given, at temperature 0."""
    torch, asked, known = engine.torch, 0, 0
    begin = engine.tokenizer.bos_token_id
    for text in texts:
        ids = engine.tokenizer.encode(text, add_special_tokens=False)
        if len(ids) < PREFIX + CONTINUATION:
            continue
        asked += 1
        given = torch.tensor([[begin, *ids[:PREFIX]]], device=engine.device)
        with torch.inference_mode():
            said = engine.model.generate(
                given, max_new_tokens=CONTINUATION, do_sample=False, pad_token_id=0, eos_token_id=None
            )[0, PREFIX + 1 :].tolist()
        known += said == ids[PREFIX : PREFIX + CONTINUATION]
    return {
        "measure": f"training texts continued by heart ({PREFIX} tokens given, {CONTINUATION} exact)",
        "language": language,
        "value": round(known / asked, 4) if asked else None,
        "interval": wilson(known, asked),
        "count": asked,
    }


def training_texts(folder: Path, language: str, count: int) -> list[str]:
    """Documents of the corpus, spread evenly over its shards."""
    shards = sorted(folder.glob("part-*.parquet"))
    each = -(-count // max(1, len(shards)))
    found = []
    for shard in shards:
        mine = (d for d in read_shard(shard, Kept) if d.language == language)
        found += [document.text for document, _ in zip(mine, range(each), strict=False)]
    return found[:count]


def contamination_rows(sets: Sequence[TextSet], folder: Path) -> list[dict[str, Any]]:
    """For each set the share of its texts that share `OVERLAP` words in a row with the training corpus."""
    wanted: dict[tuple[str, ...], set[tuple[int, int]]] = {}
    for number, text_set in enumerate(sets):
        for place, text in enumerate(text_set.texts):
            for gram in grams(text):
                wanted.setdefault(gram, set()).add((number, place))
    seen: set[tuple[int, int]] = set()
    for shard in sorted(folder.glob("part-*.parquet")):
        for document in read_shard(shard, Kept):
            for gram in grams(document.text):
                if gram in wanted:
                    seen |= wanted[gram]
    rows = []
    for number, text_set in enumerate(sets):
        hit, count = sum(place[0] == number for place in seen), len(text_set.texts)
        rows.append(
            {
                "measure": f"texts that share {OVERLAP} words in a row with the training corpus",
                "texts": text_set.name,
                "language": text_set.language,
                "value": round(hit / count, 4),
                "interval": wilson(hit, count),
                "count": count,
            }
        )
    return rows


def grams(text: str) -> Iterable[tuple[str, ...]]:
    said = [word.lower() for word in words(text)]
    return (tuple(said[start : start + OVERLAP]) for start in range(len(said) - OVERLAP + 1))
