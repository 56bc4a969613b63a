"""The passages in which the answer to a question is looked for."""

from anatili.documents.passages import SOURCE
from anatili.search.searcher import Hit, Search, snippet
from anatili.serve.decision import CANDIDATES, uses_embeddings
from anatili.serve.question import Question


def passages_found(question: Question, search: Search) -> list[Hit]:
    """The best passages by the words of a question, at most `CANDIDATES`; those in its language first.

    Of one's own documents, if they have no more than that many in the language, all others too: where sentences are
    read together with the question, one may answer that has none of its words.
    """
    hits = search.find(question.wide_query, CANDIDATES, question.language)
    if not uses_embeddings() or len(hits) >= CANDIDATES:
        return hits
    passages = search.some(question.language, CANDIDATES + 1)
    if len(passages) > CANDIDATES or any(passage.source != SOURCE for passage in passages):
        return hits
    known = {hit.passage.id for hit in hits}
    others = sorted((passage for passage in passages if passage.id not in known), key=lambda passage: passage.id)
    return [*hits, *(Hit(passage, 0.0, (), 0.0, snippet(passage.text, ())) for passage in others)][:CANDIDATES]
