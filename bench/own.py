"""Ask short documents of one's own (bench/own.toml): how many questions are answered rightly, wrongly, or declined.

    python bench/own.py [--half test] [--show] [--json]
    python bench/own.py --curve   # right against declined, at each threshold, in the worst language
    python bench/own.py --cross   # bench/cross.toml: questions in another language than the documents
    python bench/own.py --cross --half last   # ... and on documents written after all was settled
    python bench/own.py --cross --apart   # ... over the documents in one language only
    python bench/own.py --papers --half dev   # bench/papers.toml: sixteen other documents, with further questions

Each question is asked over all documents together, in the language of its document or, with `--cross`, in another one,
as `anatili ask FOLDER` does with the bundled model that quotes. An answer is right if it holds one of the listed words
and comes from the right document. ANATILI_EMBEDDINGS=none asks without embeddings. Intervals are Wilson's, 95 %.
"""

import argparse
import json
import tempfile
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from thresholds import THRESHOLDS, at_threshold

from anatili.confidence_intervals import wilson
from anatili.engine import Message
from anatili.serve.assistant import Answer, Assistant
from anatili.serve.over_documents import open_over_documents

DOCUMENTS, CROSS, PAPERS = (Path(__file__).with_name(f"{name}.toml") for name in ("own", "cross", "papers"))
LANGUAGES = ("kk", "ru", "en", "tr")


def outcome(answer: Answer, name: str, holds: list[str]) -> str:
    """`right`, `wrong` or `declined`; for a question that nothing answers, `declined` is right."""
    if not answer.citations:
        return "declined"
    source = answer.passages[answer.citations[0].number - 1].passage.url
    is_right = Path(source).name == name and any(word in answer.text for word in holds)
    return "right" if is_right else "wrong"


def ask_all(
    assistant: Assistant, documents: list[dict[str, Any]], *, show: bool
) -> dict[tuple[str, str], Counter[str]]:
    """(language, "answerable" or "absent") -> number of each outcome."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for document in documents:
        for question in document["questions"]:
            holds = question.get("holds", [])
            language = question.get("language", document["language"])
            before: list[Message] = [{"role": "user", "content": question["after"]}] if "after" in question else []
            answer = assistant.ask(question["ask"], language=language, before=before)
            ended = outcome(answer, document["name"], holds)
            counts.setdefault((language, "answerable" if holds else "absent"), Counter())[ended] += 1
            if show and ended != ("right" if holds else "declined"):
                print(f"{ended}\t{document['name']}\t{question['ask']}\t{' '.join(answer.text.split())[:160]}")
    return counts


def in_another_language(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents with the questions of bench/cross.toml instead of their own."""
    asked: dict[str, list[dict[str, Any]]] = {}
    for row in tomllib.loads(CROSS.read_text("utf-8"))["questions"]:
        for question in row["ask"]:
            (language,) = question.keys() & set(LANGUAGES)
            asked.setdefault(row["document"], []).append(
                {"ask": question[language], "language": language, "holds": question.get("holds", [])}
            )
    return [{**document, "questions": asked.get(document["name"], [])} for document in documents]


def curve(assistant: Assistant, documents: list[dict[str, Any]]) -> None:
    """Print what a threshold costs and gains: over all languages, and in the one in which it is least."""
    print("threshold  right  worst  wrong  absent declined  worst")
    for threshold in THRESHOLDS:
        with at_threshold(threshold):
            counts = ask_all(assistant, documents, show=False)
        shares = []
        for kind, ended in (("answerable", "right"), ("answerable", "wrong"), ("absent", "declined")):
            cells = [counts[language, kind] for language in LANGUAGES]
            shares += [sum(cell[ended] for cell in cells) / sum(cell.total() for cell in cells)]
            shares += [min(cell[ended] / cell.total() for cell in cells)]
        right, least, wrong, _, declined, fewest = shares
        print(f"{threshold:9.2f}  {right:5.2f}  {least:5.2f}  {wrong:5.2f}  {declined:15.2f}  {fewest:5.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["dev", "test", "both", "last"], default="test")
    parser.add_argument("--cross", action="store_true", help="ask in another language than the documents")
    parser.add_argument("--papers", action="store_true", help="ask the documents of bench/papers.toml")
    parser.add_argument("--apart", action="store_true", help="ask only over the documents in one language at a time")
    parser.add_argument("--model", default="kazakh-26m")
    parser.add_argument("--show", action="store_true", help="print each question that went wrong")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--curve", action="store_true")
    chosen = parser.parse_args()
    file = PAPERS if chosen.papers else CROSS if chosen.half == "last" else DOCUMENTS
    documents = tomllib.loads(file.read_text("utf-8"))["documents"]
    codes = LANGUAGES if chosen.apart else ("",)
    counts: dict[tuple[str, str], Counter[str]] = {}
    for together in ([one for one in documents if code in ("", one["language"])] for code in codes):
        for cell, outcomes in asked_over(together, chosen).items():
            counts.setdefault(cell, Counter()).update(outcomes)
    if chosen.curve:
        return
    rows = [row_of(language, counts) for language in LANGUAGES if (language, "answerable") in counts]
    if chosen.json:
        print(json.dumps(rows))
    else:
        show_table(rows)


def asked_over(documents: list[dict[str, Any]], chosen: argparse.Namespace) -> dict[tuple[str, str], Counter[str]]:
    """What came of the questions on the documents of the half, asked over all of `documents` together."""
    with tempfile.TemporaryDirectory() as folder:
        for document in documents:
            (Path(folder) / document["name"]).write_text(document["text"].strip() + "\n", "utf-8")
        assistant, collection = open_over_documents((folder,), chosen.model, Path("runs"), (), lambda text: None)
        try:
            collection.wait(lambda status: None)
            asked = [document for document in documents if chosen.half in ("both", document["half"])]
            asked = in_another_language(asked) if chosen.cross else asked
            if chosen.curve:
                curve(assistant, asked)
                return {}
            return ask_all(assistant, asked, show=chosen.show)
        finally:
            collection.close()
            collection.readers.close()


def row_of(language: str, counts: dict[tuple[str, str], Counter[str]]) -> dict[str, Any]:
    """The shares of the questions in a language, with their intervals."""
    answerable, absent = counts[language, "answerable"], counts[language, "absent"]
    n, m = answerable.total(), absent.total()
    return {
        "language": language,
        "answerable": n,
        "right": answerable["right"] / n,
        "wrong": answerable["wrong"] / n,
        "right_interval": wilson(answerable["right"], n),
        "absent": m,
        "declined": absent["declined"] / m,
        "declined_interval": wilson(absent["declined"], m),
    }


def show_table(rows: list[dict[str, Any]]) -> None:
    print("language  answerable  right                  wrong  absent  declined")
    for row in rows:
        (low, high), (least, most) = row["right_interval"], row["declined_interval"]
        right, declined = (
            f"{row['right']:.3f} [{low:.3f}, {high:.3f}]",
            f"{row['declined']:.3f} [{least:.3f}, {most:.3f}]",
        )
        print(
            f"{row['language']:8}  {row['answerable']:10}  {right}  {row['wrong']:.3f}  {row['absent']:6}  {declined}"
        )


if __name__ == "__main__":
    main()
