"""Ask a model twenty questions in four languages, with passages and without, and write its answers down to be read.

    python bench/answers.py kazakh-270m -o answers.tsv

Questions are in bench/questions.toml. The column `held` says whether an answer holds a word that a right one must hold
(for the last six: that with passages there is none); people judge by reading, so it is a help, not the score.

    python bench/answers.py kazakh-270m --unseen 20

asks so many of the sample's held-out questions (never taught, but on pages of the bundled sample, and written by who
wrote those that are taught) and as many that their page does not answer: how much of the words of the right answer is
said (F1 over stems, without the question's; 0 for none), and how often the model declines.
"""

import argparse
import csv
import sys
import tomllib
from collections import Counter
from pathlib import Path

from anatili import sample
from anatili.engine import Sampling
from anatili.search.analysis import terms
from anatili.serve.assistant import Assistant, open_assistant
from anatili.serve.citations import Report

QUESTIONS = Path(__file__).with_name("questions.toml")
LANGUAGES = ("kk", "ru", "en", "tr")


def ask(assistant: Assistant, question: str, language: str, *, search: bool) -> tuple[str, bool]:
    """The answer on one line, and whether it is that nothing was found."""
    prepared = assistant.prepare([{"role": "user", "content": question}], language, search=search)
    chunks = assistant.answer(prepared, Sampling(temperature=0.0, max_tokens=100), Report())
    said = " ".join("".join(chunk.text for chunk in chunks).split())
    return said, assistant.no_answer(language) in said


def f1(said: str, right: str, question: str, language: str) -> float:
    """Overlap of the stems of an answer with those of the right one, apart from those of the question (as in SQuAD)."""
    asked = set(terms(language).of(question).split())
    mine, wanted = (
        Counter(word for word in terms(language).of(text).split() if word not in asked) for text in (said, right)
    )
    common = (mine & wanted).total()
    return 2 * common / (mine.total() + wanted.total()) if common else 0.0


def unseen(assistant: Assistant, count: int) -> None:
    """Ask held-out questions in each language; print F1 and how often there was none, as it should be and not."""
    print("language  asked  F1     declined  unanswerable  declined")
    for language in LANGUAGES:
        rows = [row["messages"] for row in sample.further(held_out=True) if row["language"] == language]
        answered = [row for row in rows if len(row) == 2][:count]
        without = [row for row in rows if len(row) == 1][:count]
        scores, declined = [], 0
        for ask_, right in answered:
            said, none = ask(assistant, ask_["content"], language, search=True)
            declined += none
            scores.append(0.0 if none else f1(said, right["content"], ask_["content"], language))
        rightly = sum(ask(assistant, row[0]["content"], language, search=True)[1] for row in without)
        mean = sum(scores) / len(scores)
        print(f"{language:8}  {len(answered):5}  {mean:.3f}  {declined:8}  {len(without):12}  {rightly:8}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--unseen", type=int, default=0, help="Ask so many held-out questions a language instead")
    options = parser.parse_args()
    assistant = open_assistant(options.model)
    if options.unseen:
        unseen(assistant, options.unseen)
        return
    questions = tomllib.loads(QUESTIONS.read_text("utf-8"))["question"]
    held: dict[tuple[str, bool], int] = {}
    file = options.out.open("w", encoding="utf-8", newline="") if options.out else sys.stdout
    table = csv.writer(file, delimiter="\t", lineterminator="\n")
    table.writerow(["language", "passages", "held", "question", "answer"])
    for language in LANGUAGES:
        for search in (True, False):
            for row in questions:
                said, none = ask(assistant, row[language], language, search=search)
                right = any(word.lower() in said.lower() for word in row["right"]) if row["right"] else none
                held[language, search] = held.get((language, search), 0) + right
                table.writerow([language, "yes" if search else "no", "yes" if right else "no", row[language], said])
    for (language, search), count in held.items():
        print(f"{language} {'with' if search else 'without'} passages: {count} of {len(questions)}", file=sys.stderr)


if __name__ == "__main__":
    main()
