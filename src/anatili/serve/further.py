"""Further questions of a conversation are about what was answered before: "Where was he born?" after "Who is Abai?".

The earlier question is asked again with the further one, so another page that has the words of both may answer more
probably: that of a writer who was born in the district of Abai. A question that names nothing itself is then answered
from the document that answered before, if that does so about as probably.
"""

from collections.abc import Sequence
from dataclasses import replace

from anatili.lang import LanguagePack
from anatili.search.searcher import Search
from anatili.serve.common_words import is_everyday
from anatili.serve.decision import Decision, decide, network
from anatili.serve.passages_found import passages_found
from anatili.serve.question import Question

AS_PROBABLE = 0.75
"""Share of the probability of the best answer that the document which answered before must reach (docs/log.md)."""


def understood(question: Question, before: Sequence[Question]) -> Question:
    """A question after the messages `before`; if nothing tells what it is about, it is none."""
    asked = [earlier for earlier in before if earlier.role == "question"]
    return replace(question, role="talk") if question.after(asked).is_empty else question


def names_nothing(question: Question, pack: LanguagePack) -> bool:
    """Whether a question is about what was said before: it points back, or has no name, number or special word."""
    if question.points_back:
        return True
    names = (word for word in question.words if word[0].isdigit() or is_capital(word, question))
    return not any(names) and all(is_everyday(pack.lower(word), pack) for word in question.words)


def is_capital(word: str, question: Question) -> bool:
    """Whether a word has a capital that the start of the message does not explain."""
    return word[0].isupper() and not question.text.startswith(word)


def from_document(search: Search, reading: Question, found: Decision, document: str) -> Decision | None:
    """The answer of a document to a question read together with earlier ones, if it is about as probable as what was
    found in all; the passages found elsewhere come after it."""
    if found.hits[0].passage.document == document:
        return found
    hits = passages_found(reading, search)
    own = decide(reading, search, [hit for hit in hits if hit.passage.document == document])
    if own.probability < max(network().threshold, AS_PROBABLE * found.probability):
        return None
    rows = zip(found.hits, found.spans, found.shares, strict=True)
    others = [row for row in rows if row[0].passage.document != document]
    return replace(
        own,
        hits=(*own.hits, *(hit for hit, _, _ in others)),
        spans=(*own.spans, *(span for _, span, _ in others)),
        shares=(*own.shares, *(share for _, _, share in others)),
    )
