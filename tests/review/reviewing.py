"""Small audits and people for the tests of reviews."""

import json
from collections.abc import Callable
from pathlib import Path

from anatili.audit.ask import TRANSCRIPTS, digest_of
from anatili.audit.items import draw_pairs, read_topic
from anatili.review.session import Options, Session
from anatili.review.sources import open_sources
from anatili.review.state import DECISION, LABEL, Judgment
from anatili.review.tasks import ANSWERS, CLASS, NO, YES

REFUSALS = {"kk": "Кешіріңіз, бұл сұраққа жауап бере алмаймын.", "en": "I'm sorry, but I can't discuss this."}


def write_audit(
    folder: Path,
    item_file: Path,
    answers: Callable[[str, str, int], str],
    *,
    number: int = 4,
    languages: tuple[str, ...] = ("kk", "en"),
    model: str = "made-up",
    pairs: int = 0,
) -> Path:
    """The transcripts of an audit of one item file: `answers` gives the answer on an item, in a language, by number."""
    (topic,) = draw_pairs([read_topic(item_file)], pairs)
    header = {"kind": "audit", "version": 2, "model": model, "items": digest_of([topic]), "topics": [topic.name]}
    lines = [{**header, "languages": list(languages), "pairs": pairs}]
    lines += [
        {
            "kind": "open",
            "item": item.id,
            "language": language,
            "number": n,
            "question": item.text[language],
            "answer": answers(item.id, language, n),
        }
        for item in topic.file.items
        for language in languages
        for n in range(number)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / TRANSCRIPTS
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return path


def open_session(folder: Path, *names: Path | str, items: tuple[Path, ...] = (), writes: bool = True, **options):
    return Session(open_sources([str(name) for name in names], items), folder, Options(**options), writes=writes)


def label_answer(session: Session, name: str, task, kind: str, facts=(), mode: str = LABEL) -> None:
    """Say what an answer does; `facts`: numbers of the facts that it states."""
    values = {part: kind if part == CLASS else (YES if int(part[4:]) in facts else NO) for part in task.parts}
    session.judge(task.id, task.digest, mode, Judgment(name, values, {}))


def label_all(session: Session, language: str, *people: str, says: Callable[[str, str], str]) -> int:
    """Let people label every answer in a language: `says` gives the class by name and answer. Returns how many."""
    count = 0
    for name in people:
        while task := session.reviewing.next(name, (ANSWERS, language, LABEL)):
            label_answer(session, name, task, says(name, task.shown["answer"]))
            count += 1
    return count


def decide_all(session: Session, language: str, name: str, kind: str) -> int:
    count = 0
    while task := session.reviewing.next(name, (ANSWERS, language, DECISION)):
        label_answer(session, name, task, kind, mode=DECISION)
        count += 1
    return count
