"""A review from the transcripts to labels that an audit's judge is held against, and from items to a diff."""

import json
import threading

import pytest
from audit.test_items import PAIR
from chat_server import ChatServer
from review.reviewing import REFUSALS, decide_all, label_all, label_answer, open_session, write_audit

from anatili.audit import lint as lint_module
from anatili.audit.figures import read_rows
from anatili.audit.items import item_files
from anatili.audit.judge import judge_answers, read_judge
from anatili.audit.labels import AGREEMENT, LABELS, read_agreement
from anatili.engine import open_engine
from anatili.problem import Problem
from anatili.review.journal import read_journal
from anatili.review.sampling import CALLED, OTHERS
from anatili.review.state import DECISION, LABEL, Conflict, Judgment
from anatili.review.tasks import ANSWERS, BETTER, ITEMS, RIGHT, WRONG

JOB = (ANSWERS, "kk", LABEL)
ANSWER = "Түрксіб құрылысы 1927 жылы басталды, ұзындығы 1445 шақырым. Жауап нөмірі {number}."


@pytest.fixture
def items(tmp_path):
    path = tmp_path / "pair.toml"
    path.write_text(PAIR, "utf-8")
    return path


@pytest.fixture
def audit(tmp_path, items):
    """An audit with one refusal in each ten answers."""

    def answer(item, language, number):
        return REFUSALS[language] + f" ({number})" if number % 10 == 0 else ANSWER.format(number=number)

    return write_audit(tmp_path / "audits" / "one", items, answer, number=150).parent


def test_200_are_drawn_half_of_what_is_called_refusal_and_always_the_same(tmp_path, audit, items):
    session = open_session(tmp_path / "a", audit, items=(items,))
    line = session.draws["kk"]
    assert line["sizes"] == {CALLED: 30, OTHERS: 270}
    assert len(line["order"]) == len(set(line["order"])) == 200
    assert len(line["called"]) == 30, "there are no more"
    session.close()
    again = open_session(tmp_path / "b", audit, items=(items,))
    assert again.draws == session.draws
    again.close()
    other = open_session(tmp_path / "c", audit, items=(items,), answers=40, seed=8)
    assert len(other.draws["kk"]["called"]) == 20
    assert set(other.draws["kk"]["order"]) - set(line["order"])
    other.close()
    with pytest.raises(Problem, match="has 40 answers drawn with seed 8"):
        open_session(tmp_path / "c", audit, items=(items,), answers=200)


def test_a_draw_stays_when_the_detector_learns(tmp_path, audit, items, monkeypatch):
    session = open_session(tmp_path / "a", audit, items=(items,), answers=20)
    session.close()
    monkeypatch.setattr("anatili.audit.classes.by_phrases", lambda text, facts, pack: "answered")
    again = open_session(tmp_path / "a", audit, items=(items,))
    assert again.draws == session.draws
    again.close()


def test_two_label_blind_to_each_other_and_a_third_decides(tmp_path, audit, items):
    session = open_session(tmp_path / "a", audit, items=(items,), answers=20, languages=("kk",))
    refuses = lambda name, answer: "refused" if "Кешіріңіз" in answer else "answered"  # noqa: E731
    assert label_all(session, "kk", "Айша", says=refuses) == 20
    assert session.reviewing.next("айша ", JOB) is None, "the same person by another spelling"
    strict = lambda name, answer: refuses(name, answer) if "нөмірі 1" not in answer else "evaded"  # noqa: E731
    assert label_all(session, "kk", "Болат", says=strict) == 20
    assert session.reviewing.next("Сәуле", JOB) is None
    assert session.reviewing.next("Айша", (ANSWERS, "kk", DECISION)) is None, "one of the two does not decide"
    (before,) = session.reviewing.jobs("Сәуле")
    assert before["to_decide"] == before["undecided"] > 0
    task = session.reviewing.next("Сәуле", (ANSWERS, "kk", DECISION))
    with pytest.raises(Problem, match="a third person decides"):
        label_answer(session, "Болат", task, "answered", mode=DECISION)
    assert decide_all(session, "kk", "Сәуле", "evaded") == before["to_decide"]
    with pytest.raises(Conflict, match="two others have done this"):
        label_answer(session, "Сәуле", task, "answered")
    with pytest.raises(Conflict, match="somebody else has decided"):
        label_answer(session, "Дана", task, "answered", mode=DECISION)
    figures = session.figures()["answers"]["kk"]
    assert (figures["final"], figures["undecided"]) == (20, 0)
    assert figures["people"]["refusals"]["kappa"]["value"] == 1.0
    assert figures["people"]["classes"]["kappa"]["value"] < 1.0
    assert figures["detector"]["refusals"]["hit"]["value"] == 1.0
    assert not figures["detector"]["refusals"]["validated"], "20 answers are too few"
    session.close()


def test_what_was_said_is_there_after_a_stop_and_not_of_other_text(tmp_path, audit, items):
    session = open_session(tmp_path / "a", audit, items=(items,), answers=4, languages=("kk",))
    label_all(session, "kk", "Айша", says=lambda name, answer: "answered")
    first = session.reviewing.last_of("Айша", JOB)
    label_answer(session, "Айша", first, "evaded", facts=(1,))
    session.close()
    again = open_session(tmp_path / "a", audit, items=(items,))
    values = again.reviewing.standing[first.id].labels["айша"].values
    assert (values["class"], values["fact1"], values["fact2"]) == ("evaded", "yes", "no")
    assert again.reviewing.jobs("Айша")[0]["mine"] == 4
    again.close()
    path = audit / "transcripts.jsonl"
    path.write_text(path.read_text("utf-8").replace(first.shown["answer"], "Басқа жауап."), "utf-8")
    changed = open_session(tmp_path / "a", audit, items=(items,))
    assert changed.reviewing.jobs("Айша")[0]["mine"] < 4
    changed.close()


def test_two_at_once_lose_nothing_and_a_third_gets_other_answers(tmp_path, audit, items):
    session = open_session(tmp_path / "a", audit, items=(items,), answers=30, languages=("kk",))
    shown = [session.reviewing.next(name, JOB).id for name in ("Айша", "Болат", "Сәуле")]
    assert shown[0] == shown[1] != shown[2]
    threads = [
        threading.Thread(target=label_all, args=(session, "kk", name), kwargs={"says": lambda name, answer: "answered"})
        for name in ("Айша", "Болат")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session.close()
    lines = [line for line in read_journal(tmp_path / "a") if line["kind"] == LABEL]
    assert len({(line["task"], line["name"]) for line in lines}) == len(lines) == 60


@pytest.mark.parametrize(
    ("values", "name", "message"),
    [
        ({"class": "refused"}, "Айша", "fact1: choose one of yes, no"),
        ({"class": "rude"}, "Айша", "class: choose one of answered"),
        ({"class": "refused"}, "  ", "write your name first"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, audit, items, values, name, message):
    session = open_session(tmp_path / "a", audit, items=(items,), answers=4)
    task = session.reviewing.next("Айша", JOB)
    with pytest.raises(Problem, match=message):
        session.judge(task.id, task.digest, LABEL, Judgment(name, values, {}))
    with pytest.raises(Conflict, match="has changed"):
        session.judge(task.id, "0", LABEL, Judgment("Айша", values, {}))
    with pytest.raises(Problem, match="no such task"):
        session.judge("0", task.digest, LABEL, Judgment("Айша", values, {}))
    assert [line["kind"] for line in session.journal.lines] == ["review", "draw", "draw"]
    session.close()


def test_the_labels_are_what_a_judge_is_held_against(tmp_path, audit, items):
    """Two people label, the export is written beside the transcripts, and the audit reads its judge's kappa from it."""
    session = open_session(tmp_path / "a", audit, items=(items,), answers=60)
    kinds = {"kk": "refused", "en": "deflected"}
    for language, kind in kinds.items():
        label_all(
            session,
            language,
            "Айша",
            "Болат",
            says=lambda name, answer, kind=kind, text=REFUSALS[language]: (
                kind if answer.startswith(text) else "answered"
            ),
        )
    session.close()
    session = open_session(tmp_path / "a", audit, items=(items,), writes=False)
    result = session.export()
    assert [written["labels"] for written in result["labels"]] == [120]
    lines = [json.loads(line) for line in (audit / LABELS).read_text("utf-8").splitlines()]
    assert lines[0].keys() == {"item", "language", "number", "label", "facts", "people", "decided"}
    assert "Айша" not in (audit / LABELS).read_text("utf-8") + (audit / AGREEMENT).read_text("utf-8")
    assert read_agreement(audit)["kk"]["hit"]["value"] == 1.0
    server = ChatServer(lambda prompt: "БАСТАРТТЫ" if "Кешіріңіз" in prompt else "БЕРДІ ANSWERED")
    judge_answers(open_engine(server.url), audit)
    judged = read_judge(audit, read_rows(audit)[1])
    assert judged.languages["kk"].is_valid
    assert judged.languages["kk"].kappa == 1.0
    assert judged.languages["kk"].labels == 60
    assert judged.languages["en"].kappa == 0.0, "this judge calls everything answered in English"
    assert not judged.languages["en"].is_valid
    session.export()
    (audit / LABELS).write_text('{"item":"x","language":"kk","number":0,"label":"refused"}\n', "utf-8")
    with pytest.raises(Problem, match="has labels from elsewhere"):
        session.export()
    (audit / LABELS).write_text('{"item":"x"}\n', "utf-8")
    with pytest.raises(Problem, match=r"labels.jsonl:1: a label is a line of JSON"):
        read_judge(audit, read_rows(audit)[1])


def review_item(session, name, task, mode=LABEL, **verdicts):
    """Say of each part of an item that it is right, or what `verdicts` has: a value, and a text."""
    values = dict.fromkeys(task.parts, RIGHT) | {part: value for part, (value, _) in verdicts.items()}
    texts = {part: text for part, (_, text) in verdicts.items() if text}
    session.judge(task.id, task.digest, mode, Judgment(name, values, texts))


def test_items_are_reviewed_the_same_way_and_become_a_diff(tmp_path, items, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = items.read_bytes()
    session = open_session(tmp_path / "a", items, languages=("kk",))
    label, decision = (ITEMS, "kk", LABEL), (ITEMS, "kk", DECISION)
    task = session.reviewing.next("Айша", label)
    assert set(task.parts) == {"question", "full_answer", "evasive_answer", *(f"fact{n}" for n in range(1, 7))}
    better = task.texts["fact2"].replace("жылы шықты", "жылы қабылданды")
    review_item(session, "Айша", task, fact2=(BETTER, better), full_answer=(WRONG, "тыныс белгісі"))
    review_item(session, "Болат", task, full_answer=(WRONG, "үтір жоқ"))
    assert session.reviewing.standing[task.id].differing() == ["fact2"], "notes are not compared"
    assert session.diff() == "", "one person is not enough"
    decided = session.reviewing.next("Сәуле", decision)
    review_item(session, "Сәуле", decided, mode=DECISION, fact2=(BETTER, better), full_answer=(WRONG, ""))
    diff = session.diff()
    assert [line for line in diff.splitlines()[3:] if line.startswith(("+", "-"))] == [
        f'-kk = "{task.texts["fact2"]}"',
        f'+kk = "{better}"',
    ]
    assert diff.startswith("--- a/pair.toml\n")
    assert items.read_bytes() == before
    assert session.lint() == []
    with pytest.raises(Problem, match="fact2: write the better wording"):
        review_item(session, "Сәуле", decided, mode=DECISION, fact2=(BETTER, task.texts["fact2"]))
    assert session.figures()["items"]["kk"]["people"]["parts"]["n"] == 9
    year = better.replace("{1928", "{1929")
    review_item(session, "Сәуле", decided, mode=DECISION, fact2=(BETTER, year), full_answer=(WRONG, ""))
    assert any("`full_answer` does not state it" in problem for problem in session.lint())
    session.close()


def test_an_audit_of_some_topics_and_pairs_is_reviewed_without_naming_them(tmp_path):
    famine = next(path for path in item_files() if path.stem == "famine")
    audit = write_audit(tmp_path / "audit", famine, lambda item, language, number: "Жауап.", pairs=1).parent
    session = open_session(tmp_path / "out", audit)
    assert {(job["kind"], job["language"], job["tasks"]) for job in session.reviewing.jobs("Айша")} == {
        ("answers", "kk", 2 * 4),
        ("answers", "en", 2 * 4),
    }
    session.close()


def test_bundled_items_are_not_linted_again_before_a_review(tmp_path, monkeypatch):
    monkeypatch.setattr(lint_module, "lint", lambda topics: pytest.fail("the tests have done that"))
    session = open_session(tmp_path / "out", "items", languages=("kk",))
    assert len(session.sources.topics) == len(list(item_files()))
    session.close()


BAD = {
    "empty": ("transcripts.jsonl", "", "is empty"),
    "no header": ("transcripts.jsonl", '{"kind":"open"}\n', "does not begin as transcripts"),
    "damaged": ("transcripts.jsonl", "HEAD{]\n", r"transcripts.jsonl:2: this line is damaged"),
    "no answers": ("transcripts.jsonl", 'HEAD{"kind":"facts"}\n', "no answers to open questions yet"),
    "no answer": ("transcripts.jsonl", 'HEAD{"kind":"open","question":"?"}\n', "`answer` is missing"),
    "other items": ("transcripts.jsonl", '{"kind":"audit","model":"x","items":"y"}\n{"kind":"open"}\n', "--items"),
    "unfit items": ("items.toml", PAIR.replace('control = "turksib-building"', 'control = "gone"'), "no item 'gone'"),
    "broken TOML": ("words.toml", "a = [\n", "words.toml:1"),
    "empty file": ("words.txt", " \n", "is empty: there is nothing to review"),
    "a picture": ("page.png", "x", "cannot be reviewed"),
    "no file": ("../none", "", "no file none, and no pack of that name"),
    "a folder": ("", "", "has nothing to review"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_gives_a_sentence(tmp_path, items, audit, kind, monkeypatch):
    name, text, message = BAD[kind]
    folder = tmp_path / "given"
    folder.mkdir()
    head = (audit / "transcripts.jsonl").read_text("utf-8").splitlines(keepends=True)[0]
    if name and not name.startswith(".."):
        (folder / name).write_text(text.replace("HEAD", head), "utf-8")
    monkeypatch.chdir(tmp_path)
    given = "none" if name.startswith("..") else folder / name
    with pytest.raises(Problem, match=message):
        open_session(tmp_path / "a", given, items=(items,))
    assert not (tmp_path / "a").exists()


def test_a_line_that_is_still_being_written_is_left_out(tmp_path, items, audit):
    with (audit / "transcripts.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind":"op')
    open_session(tmp_path / "a", audit, items=(items,), answers=4).close()


def test_two_audits_of_one_model_cannot_be_told_apart(tmp_path, items, audit):
    write_audit(tmp_path / "two", items, lambda item, language, number: "Жауап.")
    with pytest.raises(Problem, match="both audits of made-up"):
        open_session(tmp_path / "a", audit, tmp_path / "two", items=(items,))
    with pytest.raises(Problem, match="name what to review"):
        open_session(tmp_path / "a")
    with pytest.raises(Problem, match="nothing here is in fr; the languages are kk, en"):
        open_session(tmp_path / "a", audit, items=(items,), languages=("fr",))
