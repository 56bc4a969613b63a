"""`mark`: what can be found out about a document. Marks decide nothing; `cut` does, by the recipe's thresholds."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from anatili import text
from anatili.document import Document, Mark, read_shard, write_shard
from anatili.lang import LanguagePack, PersonalPattern, load_pack
from anatili.lang.identify import identify
from anatili.recipe import MarkSettings
from anatili.refine.personal import count_kinds, find_personal
from anatili.stage import Task

LINK = re.compile(r"https?://|www\.")
SYMBOL = re.compile(r"[^\w\s.,;:!?'\"«»“”„’‘()\[\]%№/…–—-]")
MIXED = re.compile(r"(?=\w*[A-Za-zƏəÖö])(?=\w*[\u0400-\u052f])[^\W\d_]+")
SURE = 0.8
"""Confidence from which a line counts as being in another language."""


def run(task: Task) -> dict[str, Any]:
    """Mark each shard of `extract`, same rows in the same order; the summary counts documents by language."""
    counts = task.map_shards(
        mark_shard,
        task.inputs["extract"].glob("part-*.parquet"),
        languages=task.recipe.languages,
        settings=task.settings,
    )
    return {"languages": counts}


def mark_shard(source: Path, target: Path, languages: tuple[str, ...], settings: MarkSettings) -> None:
    packs = {code: load_pack(code) for code in languages}
    counts: Counter[str] = Counter()
    marks = []
    for document in read_shard(source, Document):
        found = look_at(document, packs, settings.line_letters)
        counts[f"{found.language} {found.script}".strip()] += 1
        marks.append(found)
    write_shard(target, Mark, marks, counts)


def personal_patterns(packs: dict[str, LanguagePack]) -> dict[str, PersonalPattern]:
    """The patterns of all packs; where two packs name the same kind, the main language's goes first."""
    merged: dict[str, PersonalPattern] = {}
    for pack in packs.values():
        for kind, pattern in pack.said.personal.items():
            merged.setdefault(kind, pattern)
    return merged


def look_at(document: Document, packs: dict[str, LanguagePack], line_letters: int) -> Mark:
    """All marks of one document. `line_letters`: letters a line must have for its language to count."""
    body = document.text
    verdict = identify(body)
    words = [word.lower() for word in text.words(body)]
    pack = packs.get(verdict.language)
    return Mark(
        id=document.id,
        words=len(words),
        language=verdict.language,
        script=verdict.script,
        confidence=verdict.confidence,
        alphabet=round(pack.alphabet_share(pack.normalize(body), verdict.script), 4) if pack else 0.0,
        stopwords=round(stopword_share(words, pack, verdict.script), 4) if pack else 0.0,
        other=round(other_share(body, verdict.language, line_letters), 4),
        repeats=round(repeated_lines(body), 4),
        repeated_words=round(repeated_sequence(words), 4),
        symbols=round(len(SYMBOL.findall(body)) / max(1, len(body)), 4),
        links=len(LINK.findall(body)),
        mixed=len(MIXED.findall(body)),
        blocked=sum(word in blocked_words(pack) for word in words) if pack else 0,
        personal=count_kinds(find_personal(body, personal_patterns(packs))),
    )


def blocked_words(pack: LanguagePack) -> frozenset[str]:
    return frozenset(pack.words.get("blocked.txt", ()))


def stopword_share(words: list[str], pack: LanguagePack, script: str) -> float:
    """Share of `words` that are stop words; transliterated ones if `script` is not the pack's main one."""
    stopwords = pack.stopwords
    if script != pack.main_script:
        schemes = [name for name in pack.said.transliteration if name.startswith(script)]
        stopwords = frozenset(pack.transliterate(word, scheme) for scheme in schemes for word in pack.stopwords)
    return sum(word in stopwords for word in words) / max(1, len(words))


def other_share(body: str, language: str, line_letters: int) -> float:
    """Share of letters in lines that are confidently in another language than the whole."""
    strange = total = 0
    for line in body.splitlines():
        letters = len(text.LETTER.findall(line))
        total += letters
        if letters >= line_letters:
            verdict = identify(line)
            strange += letters if verdict.language != language and verdict.confidence >= SURE else 0
    return strange / max(1, total)


def repeated_lines(body: str) -> float:
    """Share of characters in lines that stood before in the text."""
    seen: set[str] = set()
    again = 0
    for line in body.splitlines():
        key = line.strip()
        again += len(line) if key in seen else 0
        if key:
            seen.add(key)
    return again / max(1, len(body))


def repeated_sequence(words: list[str]) -> float:
    """Share of words covered by the most frequent sequence of three, if it comes more than once."""
    sequences = Counter(zip(words, words[1:], words[2:], strict=False))
    most = max(sequences.values(), default=0)
    return 3 * most / len(words) if most > 1 else 0.0
