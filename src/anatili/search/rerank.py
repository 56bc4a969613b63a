"""How well each of some texts answers a query: by its words, and by embeddings if there is a model for them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log

from anatili.identify import identify
from anatili.lang import LanguagePack
from anatili.search.analysis import TERM, terms
from anatili.search.dense import Embedder, embed_texts, unit
from anatili.search.query import MOST_WORDS, meanings
from anatili.text import clean

SATURATION, LENGTH = 1.2, 0.75
"""BM25's k1 and b."""
USUAL_COSINE = 0.7
"""Cosine of unrelated texts by multilingual-e5-small, about: closeness is counted from here."""


def scores(
    query: str, texts: Sequence[str], packs: Mapping[str, LanguagePack], embedder: Embedder | None = None
) -> list[float]:
    """A score from 0 to 1 for each text; with an embedder, the mean of the scores by words and by closeness."""
    by_words = word_scores(query, texts, packs)
    if embedder is None:
        return by_words
    near = closeness(query, texts, embedder)
    return [(word + close) / 2 for word, close in zip(by_words, near, strict=True)]


def word_scores(query: str, texts: Sequence[str], packs: Mapping[str, LanguagePack]) -> list[float]:
    """BM25 of each text among the others, as a share of the most that the query can give."""
    words = list(dict.fromkeys(TERM.findall(clean(query))))[:MOST_WORDS]
    content = [word for word in words if not any(pack.lower(word) in pack.stopwords for pack in packs.values())]
    wanted = [{term for pack in packs.values() for term in meanings(word, pack)} for word in content or words]
    counts = [Counter(analyzed(text, packs)) for text in texts]
    lengths = [sum(count.values()) for count in counts]
    usual = max(1.0, sum(lengths) / len(lengths))
    total, sums = 0.0, [0.0] * len(texts)
    for meaning in wanted:
        frequencies = [max((count[term] for term in meaning), default=0) for count in counts]
        present = sum(frequency > 0 for frequency in frequencies)
        weight = log(1 + (len(texts) - present + 0.5) / (present + 0.5))
        total += weight
        for index, frequency in enumerate(frequencies):
            damping = SATURATION * (1 - LENGTH + LENGTH * lengths[index] / usual)
            sums[index] += weight * frequency / (frequency + damping) if frequency else 0.0
    return [value / total if total else 0.0 for value in sums]


def analyzed(text: str, packs: Mapping[str, LanguagePack]) -> list[str]:
    """The terms of a text, by the analyzer of its language."""
    verdict = identify(text)
    language = verdict.language if verdict.language in packs else next(iter(packs))
    return terms(language, verdict.script).of(text).split()


def closeness(query: str, texts: Sequence[str], embedder: Embedder) -> list[float]:
    """The cosine of each text with the query, from 0 (as close as unrelated texts) to 1."""
    import numpy as np

    before_query = getattr(embedder, "query_prefix", "")
    before_text = getattr(embedder, "passage_prefix", "")
    first = unit(np.array(embed_texts(embedder, [before_query + query])[0], dtype=np.float32))
    others = unit(np.array(embed_texts(embedder, [before_text + text for text in texts]), dtype=np.float32))
    return [float(max(0.0, (cosine - USUAL_COSINE) / (1 - USUAL_COSINE))) for cosine in others @ first]
