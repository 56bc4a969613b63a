"""Ask the assistant the questions of bench/by_hand.toml and write docs/asked.md: what came, and how a person judged it.

python bench/by_hand.py              # ask, and write the page; answers that have changed count as not judged
python bench/by_hand.py --answers    # only print the answers, to be judged
"""

import argparse
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anatili.engine import Sampling
from anatili.serve.assistant import Assistant, open_assistant

QUESTIONS = Path(__file__).with_name("by_hand.toml")
PAGE = Path(__file__).parent.parent / "docs" / "asked.md"
MODEL = "kazakh-26m"
INTRODUCTION = f"""
What {MODEL} with the bundled texts answers to questions as a new user types them, in four languages, with slips and
mixed languages. Each answer was judged by reading it beside the page, and nothing was tuned to these questions.
"Declined" means that the texts have the answer, "rightly declined" that they do not. `python bench/by_hand.py` asks
again; an answer that has changed has to be judged again.
"""
VERDICTS = ("right", "wrong", "declined", "rightly declined", "not judged")


@dataclass(frozen=True)
class Judged:
    """A question with its answer of now, and what a person said of it."""

    language: str
    question: str
    ideal: str
    answer: str
    verdict: str


def ask_all(assistant: Assistant) -> list[Judged]:
    rows = []
    for row in tomllib.loads(QUESTIONS.read_text("utf-8"))["question"]:
        given = assistant.ask(row["ask"], sampling=Sampling(temperature=0.0, max_tokens=150))
        answer = " ".join(given.text.split())
        verdict = row.get("verdict", "") if answer == row.get("answer", "") else "not judged"
        rows.append(Judged(row["language"], row["ask"], row["ideal"], answer, verdict))
    return rows


def page(rows: Sequence[Judged]) -> str:
    counts = Counter(row.verdict for row in rows)
    totals = ", ".join(f"{verdict} {counts[verdict]}" for verdict in VERDICTS if counts[verdict])
    lines = [
        "# Thirty questions, asked by hand",
        "",
        INTRODUCTION.strip(),
        "",
        f"**Of {len(rows)}: {totals}.**",
        "",
        "| | question | answer | verdict |",
        "|---|---|---|---|",
    ]
    lines += [f"| {row.language} | {cell(row.question)} | {cell(row.answer)} | {row.verdict} |" for row in rows]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", action="store_true")
    options = parser.parse_args()
    rows = ask_all(open_assistant(MODEL))
    if options.answers:
        for row in rows:
            print(f"{row.language} {row.question}\n    ideal: {row.ideal or 'not in the texts'}\n    {row.answer}")
        return
    PAGE.write_text(page(rows), "utf-8")
    print(Counter(row.verdict for row in rows))


if __name__ == "__main__":
    main()
