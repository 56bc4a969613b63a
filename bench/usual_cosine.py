"""How close a question usually is to the sentence that answers best: `src/anatili/serve/cosines.json`.

    python bench/usual_cosine.py            # writes the file; needs the extra `dense`
    python bench/usual_cosine.py --check    # measures again and says whether all are within 0.002

The questions are those that were written for the sample's pages (of the half of the topics that is trained on): three
details of each page, and one that the page does not answer; and those on the documents of bench/everyday.toml and
bench/folders.toml, twelve at a time. The sentence is the one that the decision finds best, without embeddings.
The cosines of a multilingual model differ by language: what is close in Kazakh is not in Turkish. Fewer questions are
put into each of the other languages by their words, and compared with the best sentence there.
"""

import argparse
import json
import os
from collections.abc import Iterator
from itertools import chain, groupby
from statistics import mean

from asked import LANGUAGES, PACKS, Asked, asked, halves
from everyday import Everyday, indexed, sets_of
from folder_examples import read_folders

from anatili.engine import similarity
from anatili.opening.sample_index import sample_run
from anatili.search.searcher import Search
from anatili.serve.decision import (
    ASKED_IN,
    CANDIDATES,
    COSINES,
    best_sentence,
    decide,
    network_for_documents,
    ranked,
)
from anatili.serve.features import features
from anatili.serve.question import Question, read_question
from anatili.serve.translated import translated

EVERY, EVERY_ABROAD = 6, 12
"""One topic in so many is asked: about fifty questions a language, and twenty-five of each two languages."""
EVERY_OWN = 3
"""One of so many questions that a document answers is asked."""
WAYS = ("detail 1", "detail 2", "detail 3", "unanswered")
DIGITS, NEAR = 4, 0.002


def quoted(search: Search, row: Asked, code: str) -> tuple[str, str] | None:
    """The question and the quotation in a language that answers best with its title, if there is one."""
    question = read_question(row.question, row.language, PACKS)
    abroad = code != row.language
    reading = translated(question, PACKS[code], search) if abroad else question
    decision = decide(reading, search, search.find(reading.wide_query, CANDIDATES, code, code if abroad else ""))
    if not decision.hits or decision.hits[0].passage.language != code:
        return None
    passage = decision.hits[0].passage
    return question.text, f"{passage.title}. {passage.text[slice(*decision.spans[0])]}"


def of_document(search: Search, question: Question) -> tuple[str, str] | None:
    """The question and the sentence of a document in its language that answers best with the title, if there is one."""
    hits = search.find(question.query, CANDIDATES, question.language)
    candidates, rows = features(question, search, hits)
    if not candidates:
        return None
    best = candidates[
        best_sentence(candidates, *ranked(question.language, hits, candidates, rows, network_for_documents().ranking))
    ]
    passage = hits[best.hit].passage
    if passage.language != question.language:
        return None
    return question.text, f"{passage.title}. {passage.text[best.start : best.end]}"


def in_texts(search: Search) -> Iterator[tuple[str, str, float]]:
    """Table, name and cosine of each question on the sample."""
    for every, abroad in ((EVERY, False), (EVERY_ABROAD, True)):
        rows = [row for row in asked(halves()[0][::every]) if row.way in WAYS]
        for (_, own, _), some in groupby(rows, key=lambda row: (row.topic, row.language, row.way)):
            row = next(some)
            for code in LANGUAGES:
                if (code != own) == abroad and (pair := quoted(search, row, code)):
                    name = f"{own}{ASKED_IN}{code}" if abroad else own
                    yield "abroad" if abroad else "texts", name, similarity.answer_closeness(*pair)


def some_of(document: Everyday) -> list[str]:
    """Questions on a document: as on the sample's pages, about three that it answers for one that it does not."""
    answered = [text for text, *holds in document.asked if holds][::EVERY_OWN]
    return answered + [text for text, *holds in document.asked if not holds][: round(len(answered) / 3)]


def in_documents() -> Iterator[tuple[str, str, float]]:
    """Table, language and cosine of questions on documents of one's own."""
    documents, _ = read_folders()
    for together in (some for some in sets_of(documents) if len({document.language for document in some}) > 1):
        with indexed(together) as search:
            for document in together:
                for text in some_of(document):
                    question = read_question(text, document.language, PACKS)
                    if question.role == "question" and (pair := of_document(search, question)):
                        yield "documents", document.language, similarity.answer_closeness(*pair)


def measured(search: Search) -> dict[str, dict[str, float]]:
    seen: dict[str, dict[str, list[float]]] = {}
    for table, name, cosine in chain(in_texts(search), in_documents()):
        seen.setdefault(table, {}).setdefault(name, []).append(cosine)
    print({f"{table}, {name}": len(values) for table, names in seen.items() for name, values in names.items()})
    return {
        table: {name: round(mean(values), DIGITS) for name, values in names.items()} for table, names in seen.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    os.environ["ANATILI_EMBEDDINGS"] = "none"  # for the decision; here the model is asked directly
    table = measured(Search(sample_run(LANGUAGES, print).folder("index"), PACKS))
    print(table)
    if options.check:
        stored = json.loads(COSINES.read_text("utf-8"))
        values = ((stored[name][code], value) for name, row in table.items() for code, value in row.items())
        same = all(abs(kept - value) <= NEAR for kept, value in values)
        print("the same" if same else f"{COSINES.name} is not what this script measures")
        raise SystemExit(not same)
    COSINES.write_text(json.dumps(table) + "\n", "utf-8")


if __name__ == "__main__":
    main()
