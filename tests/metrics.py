"""The figures that floors hold, each counted in one place: on real data, own sets, and systems broken on purpose."""

import importlib.util
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType

from anatili.document import Document, Duplicate
from anatili.identify import identify
from anatili.lang import LanguagePack
from anatili.recipe import Cut
from anatili.refine.cut import why_not
from anatili.refine.mark import look_at
from anatili.warc import Page

ROOT = Path(__file__).parent.parent
OWN = Path(__file__).parent / "own"


def bench(name: str) -> ModuleType:
    """A program of `bench/` as a module."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", ROOT / "bench" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def language_of(text: str) -> str:
    return identify(text).language


def share(
    lines: Sequence[str], language: str, length: int = 10_000, labeler: Callable[[str], str] = language_of
) -> float:
    """Share of the lines, cut to so many characters, that are said to be in a language."""
    return sum(labeler(line[:length]) == language for line in lines) / len(lines)


def shingles(text: str) -> Counter[tuple[str, ...]]:
    tokens = re.findall(r"\w+", text)
    return Counter(tuple(tokens[i : i + 4]) for i in range(max(1, len(tokens) - 3)))


def extraction(pairs: Iterable[tuple[str, str]]) -> tuple[float, float, float]:
    """Precision, recall and F1 of (gold, extracted): of 4-grams, F1 of their means, as article-extraction-benchmark."""
    precision, recall = [], []
    for gold, text in pairs:
        wanted, got = shingles(gold), shingles(text)
        common = (wanted & got).total()
        precision.append(common / max(1, got.total()))
        recall.append(common / max(1, wanted.total()))
    p, r = sum(precision) / len(precision), sum(recall) / len(recall)
    return p, r, 2 * p * r / max(1e-9, p + r)


def passages(lines: Iterable[str], words: int = 80) -> list[str]:
    """Lines put together until they have so many words; what is left at the end is left out."""
    made, block = [], []
    for line in lines:
        block.append(line)
        if sum(len(x.split()) for x in block) >= words:
            made.append("\n".join(block))
            block = []
    return made


def refusals(texts: Iterable[str], packs: dict[str, LanguagePack], limits: dict[str, Cut]) -> Counter[str]:
    """Reason -> texts that the rules refuse for it; "" for those that are kept."""
    reasons: Counter[str] = Counter()
    for text in texts:
        document = Document("1", text, "", "", "s", "", "", "", "utf-8")
        reasons[why_not(document, look_at(document, packs, 25), Duplicate("1", "", "", 0.0), limits)[0]] += 1
    return reasons


def admitted(pages: Iterable[tuple[str, Page]], admits: Callable[..., str]) -> Counter[str]:
    """Label -> pages that a gate lets through."""
    return Counter(label for label, page in pages if admits(page.payload, lambda page=page: page.charset))


def lemma_share(gold: Iterable[tuple[str, str]], lemma: Callable[[str], str]) -> float:
    """Share of (form, lemma) whose lemma is found."""
    rows = list(gold)
    return sum(lemma(form) == wanted for form, wanted in rows) / len(rows)


def grouped(groups: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Pairs of forms that stand in one group."""
    by_group = defaultdict(set)
    for form, group in groups:
        by_group[group].add(form)
    return {(a, b) for group in by_group.values() for a in group for b in group if a < b}


def conflation(gold: Iterable[tuple[str, str]], stem: Callable[[str], str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of the pairs of forms that a stemmer brings together."""
    rows = list(gold)
    wanted, got = grouped(rows), grouped((form, stem(form)) for form, _ in rows)
    both = len(wanted & got)
    precision, recall = both / max(1, len(got)), both / max(1, len(wanted))
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)
