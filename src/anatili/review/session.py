"""A review from its files to what comes out of it: draws, labels, decisions, corrections, figures, labels, diffs."""

import json
import threading
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from anatili.atomic_files import whole_file
from anatili.audit.items import ItemFile, Subject
from anatili.audit.labels import AGREEMENT, LABELS
from anatili.audit.lint import lint
from anatili.lang import codes, load_pack
from anatili.problem import Problem
from anatili.review.edits import MARK, Change, DataFile, corrected_toml, diff_of, label_of, open_file, unified_diff
from anatili.review.figures import Labeled, Row, answer_figures, item_figures, label_line, stratum_of
from anatili.review.journal import Journal, Line, read_journal
from anatili.review.sampling import ANSWERS_A_LANGUAGE, SEED, detect, draw, drawn_tasks, languages_of
from anatili.review.sources import Sources, read_lines
from anatili.review.state import Conflict, Judgment, ReviewState
from anatili.review.tasks import ANSWERS, BETTER, CLASS, FACT, ITEMS, YES, Task, answer_id, item_tasks, path_of
from anatili.text import show_path

EDIT, DRAW = "edit", "draw"
REVIEWS = Path("reviews")
LONGEST_NAME = 60


@dataclass(frozen=True)
class Options:
    """How a review is drawn. What is None is as it was drawn before, or as usual."""

    languages: tuple[str, ...] = ()
    """All, if empty."""
    answers: int | None = None
    """Answers a language."""
    seed: int | None = None


class Session:
    """A review that is open. Its methods may be called from several threads."""

    def __init__(self, sources: Sources, folder: Path, options: Options, *, writes: bool = True) -> None:
        """Open the review of `folder`. `writes`: whether it is opened for labeling; otherwise it is only read."""
        self.sources, self.folder = sources, folder
        self.lock = threading.Lock()
        self.files = opened_files(sources.files)
        self.languages = chosen_languages(sources, options.languages)
        self.journal = Journal(folder) if writes else None
        try:
            lines = self.journal.lines[1:] if self.journal else read_journal(folder)
            self.draws = self.draw_all(lines, options)
            self.reviewing = ReviewState(self.all_tasks(), lines)
            self.stale = [line for line in lines if line["kind"] == EDIT and not self.take_edit(line)]
        except BaseException:
            self.close()
            raise

    def draw_all(self, lines: Sequence[Line], options: Options) -> dict[str, Line]:
        """The draw of each language; one that was made before stays, whatever the detector has learned since."""
        draws = {line["language"]: line for line in lines if line["kind"] == DRAW}
        spoken = languages_of(self.sources.transcripts)
        for language in (code for code in self.languages if code in spoken):
            made = draws.get(language)
            if made and (options.answers or made["answers"], or_default(options.seed, made["seed"])) != (
                made["answers"],
                made["seed"],
            ):
                raise Problem(
                    f"{show_path(self.folder)} has {made['answers']} answers drawn with seed {made['seed']}: "
                    "leave --answers and --seed out, or name another folder with --out"
                )
            if not made and self.journal:
                count, seed = options.answers or ANSWERS_A_LANGUAGE, or_default(options.seed, SEED)
                draws[language] = draw(self.sources.transcripts, language, count, seed)
                self.journal.add(draws[language])
        return {code: line for code, line in draws.items() if code in self.languages}

    def all_tasks(self) -> Iterable[Task]:
        for line in self.draws.values():
            yield from drawn_tasks(self.sources.transcripts, line)
        yield from item_tasks(self.sources.topics, self.languages)

    def judge(self, task_id: str, digest: str, mode: str, judgment: Judgment) -> None:
        """Add a person's judgment of a task to the journal. When this returns it is on the disk."""
        with self.lock:
            line = self.reviewing.check(task_id, digest, mode, judgment)
            self.add_line(line)
            self.reviewing.take(line)

    def add_line(self, line: Line) -> None:
        if self.journal is None:
            raise Problem("this review is only read")
        self.journal.add(line)

    def edit(self, label: str, key: str, seen: str, text: str, name: str) -> None:
        """Keep a correction. `seen`: the text that the person saw, which others may have changed meanwhile."""
        with self.lock:
            file = self.file(label)
            key = file.next_new() if key == "" else key
            if file.text_of(key) != seen:
                raise Conflict(f"somebody has changed this meanwhile, to: {file.text_of(key)}")
            if not name.strip():
                raise Problem("write your name first")
            file.check(key, text)
            line = {"kind": EDIT, "file": label, "entry": key, "was": file.original(key), "text": text, "name": name}
            self.add_line(line)
            self.take_edit(line)

    def take_edit(self, line: Line) -> bool:
        """Take in a correction; False if its file is there and has another text now."""
        file = self.files.get(line["file"])
        return file is None or file.take(line["entry"], Change(line["was"], line["text"], line["name"]))

    def file(self, label: str) -> DataFile:
        if label not in self.files:
            raise Problem(f"there is no file {label!r} in this review")
        return self.files[label]

    def beside(self, file: DataFile, language: str) -> dict[str, str]:
        """Key -> text of the same file in another pack, if there is one; for translators."""
        if language not in codes() or file.is_list or not is_pack(file.path.parent):
            return {}
        path = load_pack(language).folder / file.path.name
        return {key: entry.text for key, entry in open_file(path).entries.items()} if path.is_file() else {}

    def rows(self, kind: str, language: str) -> list[Row]:
        return list(self.reviewing.of_job((kind, language, "")))

    def figures(self) -> dict[str, Any]:
        """Agreement of people, and how well the detector does, by language."""
        with self.lock:
            answers = {language: self.answer_figures(language) for language in self.draws}
            items = {
                language: item_figures(rows) for language in self.languages if (rows := self.rows(ITEMS, language))
            }
        return {"answers": answers, "items": items}

    def answer_figures(self, language: str) -> dict[str, Any]:
        line = self.draws[language]
        return {
            "seed": line["seed"],
            "drawn_from": line["sizes"],
            **answer_figures(self.rows(ANSWERS, language), self.labeled(language), line["sizes"]),
        }

    def labeled(self, language: str) -> list[Labeled]:
        """The answers of a language whose label is final."""
        final = {task.id: standing for task, standing in self.rows(ANSWERS, language) if standing.final}
        found = [
            (one.model, row, one.items[row["item"]])
            for one in self.sources.transcripts
            for row in one.rows
            if row["language"] == language and answer_id(one.model, row) in final
        ]
        labeled = []
        for (model, row, _), detected in zip(
            found, detect([(row, item) for _, row, item in found], language), strict=True
        ):
            task = self.reviewing.tasks[answer_id(model, row)]
            standing = final[task.id]
            judgment = standing.final
            assert judgment
            facts = tuple(judgment.values[part] == YES for part in task.parts if part.startswith(FACT))
            stratum, decided = stratum_of(task, self.draws[language]), bool(standing.differing())
            labeled.append(Labeled(task, judgment.values[CLASS], facts, detected, stratum, decided))
        return labeled

    def labels(self) -> dict[Path, list[dict[str, Any]]]:
        """The labels of each audit, for the file that the audit reads."""
        with self.lock:
            known = {one.task.id: one for language in self.draws for one in self.labeled(language)}
            standing = self.reviewing.standing
            return {
                one.path.parent / LABELS: [
                    label_line(row, known[name], standing[name])
                    for row in one.rows
                    if (name := answer_id(one.model, row)) in known
                ]
                for one in self.sources.transcripts
            }

    def export(self) -> dict[str, Any]:
        """Write labels and agreement beside the transcripts, where `anatili audit` looks for them; the figures too."""
        figures, written = self.figures(), []
        for path, lines in self.labels().items():
            if lines:
                check_is_of_a_review(path)
                write(path, "".join(map(line_of, lines)))
                write(path.parent / AGREEMENT, json.dumps(figures["answers"], ensure_ascii=False, indent=1) + "\n")
                written.append({"file": show_path(path), "labels": len(lines)})
        return {**figures, "labels": written}

    def diff(self) -> str:
        """All corrections of data files, and better wordings of items in which two agree or that a third decided."""
        with self.lock:
            return diff_of(self.files.values()) + "".join(
                unified_diff(label_of(topic.path), *corrected_toml(topic.path, self.better_wordings(topic)))
                for topic in self.sources.topics
            )

    def lint(self) -> list[str]:
        """What the lint of item files would find after the better wordings: a pattern may not know a new word."""
        with self.lock:
            topics = []
            for topic in self.sources.topics:
                _, text = corrected_toml(topic.path, self.better_wordings(topic))
                topics.append(replace(topic, file=ItemFile.model_validate(tomllib.loads(text.removeprefix(MARK)))))
            return lint(topics) if any(map(self.better_wordings, self.sources.topics)) else []

    def better_wordings(self, topic: Subject) -> dict[tuple[str | int, ...], str]:
        """Path in an item file -> the better wording."""
        places = {item.id: place for place, item in enumerate(topic.file.items)}
        changes = {}
        for task in self.reviewing.tasks.values():
            judgment = self.reviewing.standing[task.id].final
            if task.kind == ITEMS and judgment and task.item in places:
                for part, value in judgment.values.items():
                    if value == BETTER:
                        changes[path_of(places[task.item], part, task.language)] = judgment.texts[part]
        return changes

    def close(self) -> None:
        if self.journal:
            self.journal.close()


def opened_files(paths: Sequence[Path]) -> dict[str, DataFile]:
    """The data files by their labels; `Problem` if two have the same one."""
    files = {file.label: file for file in map(open_file, dict.fromkeys(paths))}
    if len(files) < len(set(paths)):
        raise Problem("two of the files have the same name: review them one after the other, each with its own --out")
    return files


def is_pack(folder: Path) -> bool:
    return (folder / "pack.toml").is_file()


def write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, "utf-8", newline="\n")


def or_default(value: int | None, default: int) -> int:
    return default if value is None else value


def check_is_of_a_review(path: Path) -> None:
    """`Problem` if a file holds labels that no review has written: they would be lost."""
    if path.is_file() and any("people" not in row for _, row in read_lines(path)):
        raise Problem(f"{show_path(path)} has labels from elsewhere: move it away first")


def line_of(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def chosen_languages(sources: Sources, languages: Sequence[str]) -> list[str]:
    """The languages of the answers and items, or those of them that are named; `Problem` for others."""
    known = dict.fromkeys(languages_of(sources.transcripts))
    known |= dict.fromkeys(code for topic in sources.topics for code in topic.languages)
    wrong = [code for code in languages if code not in known]
    if wrong:
        raise Problem(f"nothing here is in {', '.join(wrong)}; the languages are {', '.join(known) or 'not told'}")
    for code in known:
        load_pack(code)
    return list(languages or known)


def folder_for(names: Sequence[str]) -> Path:
    """The folder of a review: named by what is reviewed."""
    parts = [path.parent.name if path.suffix == ".jsonl" else path.stem for path in map(Path, names)]
    return REVIEWS / ("+".join(filter(None, parts))[:LONGEST_NAME] or "review")
