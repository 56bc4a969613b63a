"""How close a question usually is to the sentence that answers best: `src/anatili/serve/cosines.json`.

    python bench/usual_cosine.py            # writes the file; needs the extra `dense`
    python bench/usual_cosine.py --check    # measures again and says whether all are within 0.002

The questions are those that were written for the sample's pages (of the half of the topics that is trained on): three
details of each page, and one that the page does not answer. The sentence is the one that the decision finds best,
without embeddings. The cosines of a multilingual model differ by language: what is close in Kazakh is not in Turkish.
"""

import argparse
import json
import os
from itertools import groupby
from statistics import mean

from asked import LANGUAGES, PACKS, Asked, asked, halves

from anatili import meaning
from anatili.opening.sample_index import sample_run
from anatili.search.searcher import Search
from anatili.serve.decision import CANDIDATES, COSINES, decide
from anatili.serve.question import read_question

EVERY = 6
"""One topic in so many is asked: about fifty questions a language."""
WAYS = ("detail 1", "detail 2", "detail 3", "unanswered")
DIGITS, NEAR = 4, 0.002


def best_sentence(search: Search, row: Asked) -> tuple[str, str] | None:
    """The question and the sentence that answers best with its title, if that is in the question's language."""
    question = read_question(row.question, row.language, PACKS)
    decision = decide(question, search, search.find(question.query, CANDIDATES, row.language))
    if not decision.hits or decision.hits[0].passage.language != row.language:
        return None
    passage = decision.hits[0].passage
    return question.text, f"{passage.title}. {passage.text[slice(*decision.spans[0])]}"


def measured(search: Search) -> dict[str, float]:
    rows = [row for row in asked(halves()[0][::EVERY]) if row.way in WAYS]
    seen: dict[str, list[float]] = {code: [] for code in LANGUAGES}
    for (_, code, _), some in groupby(rows, key=lambda row: (row.topic, row.language, row.way)):
        if pair := best_sentence(search, next(some)):
            seen[code].append(meaning.answer_closeness(*pair))
    print({code: len(values) for code, values in seen.items()}, "questions")
    return {code: round(mean(values), DIGITS) for code, values in seen.items()}


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
