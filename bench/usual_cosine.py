"""How close a question usually is to the sentence that answers best: `src/anatili/serve/cosines.json`.

    python bench/usual_cosine.py            # writes the file; needs the extra `dense`
    python bench/usual_cosine.py --check    # measures again and says whether all are within 0.002

The questions are those that were written for the sample's pages (of the half of the topics that is trained on): three
details of each page, and one that the page does not answer. The sentence is the one that the decision finds best,
without embeddings. The cosines of a multilingual model differ by language: what is close in Kazakh is not in Turkish.
Fewer questions are put into each of the other languages by their words, and compared with the best sentence there.
"""

import argparse
import json
import os
from itertools import groupby
from statistics import mean

from asked import LANGUAGES, PACKS, Asked, asked, halves

from anatili.engine import similarity
from anatili.opening.sample_index import sample_run
from anatili.search.searcher import Search
from anatili.serve.decision import ASKED_IN, CANDIDATES, COSINES, decide
from anatili.serve.question import read_question
from anatili.serve.translated import translated

EVERY, EVERY_ABROAD = 6, 12
"""One topic in so many is asked: about fifty questions a language, and twenty-five of each two languages."""
WAYS = ("detail 1", "detail 2", "detail 3", "unanswered")
DIGITS, NEAR = 4, 0.002


def best_sentence(search: Search, row: Asked, code: str) -> tuple[str, str] | None:
    """The question and the sentence in a language that answers best with its title, if there is one."""
    question = read_question(row.question, row.language, PACKS)
    abroad = code != row.language
    reading = translated(question, PACKS[code], search) if abroad else question
    decision = decide(reading, search, search.find(reading.wide_query, CANDIDATES, code, code if abroad else ""))
    if not decision.hits or decision.hits[0].passage.language != code:
        return None
    passage = decision.hits[0].passage
    return question.text, f"{passage.title}. {passage.text[slice(*decision.spans[0])]}"


def measured(search: Search) -> dict[str, float]:
    seen: dict[str, list[float]] = {}
    for every, abroad in ((EVERY, False), (EVERY_ABROAD, True)):
        rows = [row for row in asked(halves()[0][::every]) if row.way in WAYS]
        for (_, own, _), some in groupby(rows, key=lambda row: (row.topic, row.language, row.way)):
            row = next(some)
            for code in LANGUAGES:
                if (code != own) == abroad and (pair := best_sentence(search, row, code)):
                    name = f"{own}{ASKED_IN}{code}" if abroad else own
                    seen.setdefault(name, []).append(similarity.answer_closeness(*pair))
    print({name: len(values) for name, values in seen.items()}, "questions")
    return {name: round(mean(values), DIGITS) for name, values in seen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    os.environ["ANATILI_EMBEDDINGS"] = "none"  # for the decision; here the model is asked directly
    table = measured(Search(sample_run(LANGUAGES, print).folder("index"), PACKS))
    print(table)
    if options.check:
        stored = json.loads(COSINES.read_text("utf-8"))
        same = all(abs(stored[code] - value) <= NEAR for code, value in table.items())
        print("the same" if same else f"{COSINES.name} is not what this script measures")
        raise SystemExit(not same)
    COSINES.write_text(json.dumps(table) + "\n", "utf-8")


if __name__ == "__main__":
    main()
