"""Ask a model twenty questions in four languages, with passages and without, and write its answers down to be read.

    python bench/answers.py kazakh-270m -o answers.tsv

Questions are in bench/questions.toml. The column `held` says whether an answer holds a word that a right one must hold
(for the last six: that with passages there is none); people judge by reading, so it is a help, not the score.
"""

import argparse
import csv
import sys
import tomllib
from pathlib import Path

from anatili.engine import Sampling
from anatili.serve.assistant import Assistant, open_assistant
from anatili.serve.citations import Report

QUESTIONS = Path(__file__).with_name("questions.toml")
LANGUAGES = ("kk", "ru", "en", "tr")


def ask(assistant: Assistant, question: str, language: str, *, search: bool) -> tuple[str, bool]:
    """The answer on one line, and whether it is that nothing was found."""
    ready = assistant.ready([{"role": "user", "content": question}], language, search=search)
    pieces = assistant.answer(ready, Sampling(temperature=0.0, limit=100), Report())
    said = " ".join("".join(piece.text for piece in pieces).split())
    return said, assistant.no_answer(language) in said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("-o", "--out", type=Path)
    options = parser.parse_args()
    assistant = open_assistant(options.model)
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
