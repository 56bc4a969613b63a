"""Asking: transcripts that survive kills and dying servers, and what is asked where nothing can be scored."""

import json

import pytest
from chat_server import ChatServer

from anatili.audit.ask import TRANSCRIPTS, Auditing, Settings, can_score, carry_out, score_facts
from anatili.audit.figures import choices, findings, read_rows
from anatili.audit.items import ITEMS, draw_pairs, read_topic
from anatili.audit.lint import load_topics
from anatili.audit.simulated import Behavior, SimulatedModel, simulated_topics
from anatili.engine import Sampling, open_engine
from anatili.evaluate.likelihood import Likelihood
from anatili.opening import find_model
from anatili.problem import Problem

LANGUAGES = ("kk", "en")
TOPICS = simulated_topics(LANGUAGES, topics=2, pairs=2)


def auditing(**settings) -> Auditing:
    return Auditing(SimulatedModel(TOPICS, LANGUAGES, Behavior(), 1), TOPICS, Settings(LANGUAGES, **settings))


def test_a_killed_audit_goes_on_to_the_same_bytes(tmp_path):
    whole = carry_out(auditing(), tmp_path / "whole").read_bytes()
    assert whole.count(b"\n") == 1 + auditing().count()
    for cut in (0, 100, len(whole) // 2, len(whole) - 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / TRANSCRIPTS).write_bytes(whole[:cut])
        assert carry_out(auditing(), folder).read_bytes() == whole


def test_other_settings_do_not_go_on_with_the_transcripts(tmp_path):
    carry_out(auditing(), tmp_path)
    with pytest.raises(Problem, match="made with other settings"):
        carry_out(auditing(answers=2), tmp_path)


def test_the_cost_is_what_is_asked_then(tmp_path):
    audit = auditing()
    _, rows = read_rows(carry_out(audit, tmp_path).parent)
    assert audit.cost().calls == sum(row["kind"] != "facts" for row in rows)
    assert audit.cost().scored == sum(10 * len(row["facts"]) for row in rows if row["kind"] == "facts")


def test_pairs_are_drawn_by_a_lot_that_is_always_the_same():
    whole = simulated_topics(LANGUAGES, topics=2, pairs=9)
    drawn = draw_pairs(whole, 3)
    assert [len(topic.pairs) for topic in drawn] == [3, 3]
    assert all(item in topic.file.items for topic, own in zip(whole, drawn, strict=True) for item in own.file.items)
    assert [topic.by_id.keys() for topic in draw_pairs(whole, 3)] == [topic.by_id.keys() for topic in drawn]
    assert drawn[0].by_id.keys() <= draw_pairs(whole, 4)[0].by_id.keys()
    assert [topic.by_id.keys() for topic in draw_pairs(whole, 0)] == [topic.by_id.keys() for topic in whole]


def test_a_server_that_dies_loses_no_answer_and_is_gone_on_with(tmp_path):
    server = ChatServer(lambda question: f"A) {question}", dies_after=30)
    audit = Auditing(open_engine(server.url), TOPICS, Settings(LANGUAGES, facts="asked"), waits=())
    with pytest.raises(Problem, match=r"out of memory.*answers until here are kept in .*transcripts.jsonl"):
        carry_out(audit, tmp_path)
    kept = (tmp_path / TRANSCRIPTS).read_bytes()
    assert kept.count(b"\n") > 5
    server.dies_after = 10**9
    path = carry_out(audit, tmp_path)
    assert path.read_bytes().startswith(kept)
    assert carry_out(audit, tmp_path / "again").read_bytes() == path.read_bytes()


def test_a_server_that_fails_once_is_asked_again(tmp_path):
    server = ChatServer(lambda question: "-1-", dies_after=0)
    audit = Auditing(open_engine(server.url), TOPICS, Settings(LANGUAGES, facts="asked"), waits=(0.0,))
    with pytest.raises(Problem, match="out of memory"):
        audit.answer("?", Sampling(8, 0.0))
    assert server.asked == 2


@pytest.mark.parametrize("answer", ["", "word " * 20_000, "\x00\ufffd<script>", "line\u2028separator\x85"])
def test_strange_answers_are_kept_and_read(tmp_path, answer):
    server = ChatServer(lambda question: answer)
    audit = Auditing(open_engine(server.url), TOPICS, Settings(LANGUAGES, 1, facts="asked"))
    header, rows = read_rows(carry_out(audit, tmp_path).parent)
    assert all(row["answer"] == answer for row in rows if row["kind"] == "open")
    found = findings(header, rows, TOPICS)
    kinds = {kind for one in found.answers.values() for kind in one.classes}
    assert kinds <= ({"empty"} if not answer else {"answered", "evaded", "other language"})
    assert not found.cells.flagged.any()


def test_letters_are_asked_where_nothing_can_be_scored():
    server = ChatServer(lambda question: "B")
    assert not can_score(open_engine(server.url))
    assert can_score(SimulatedModel(TOPICS, LANGUAGES, Behavior(), 1))
    orders = [[1, 0, 2, 3], [3, 2, 1, 0]]
    assert choices({"letters": ["B)", "**D**"], "orders": orders}, []) == ((True, True), True)
    assert choices({"letters": ["B", "A"], "orders": orders}, []) == ((True, False), False)


def test_a_statement_is_chosen_only_if_it_is_the_most_probable_alone():
    row = {"cloze": [-1, -2, -3, -4], "listed": [-1, -1, -3, -4], "statement": [-1, -2]}
    assert choices(row, ["aa", "aa", "aa", "aa"]) == ((True, False), True)


def test_a_list_is_scored_only_where_the_first_choice_was_right():
    """The fact is unknown without it, whatever would be chosen."""
    model = Likelihood(SimulatedModel(TOPICS, LANGUAGES, Behavior(known_rate=0.5), 1))
    item = TOPICS[0].file.items[0]
    rows = score_facts(model, item, "kk", {})["facts"]
    chosen = [choices(row, fact.statements("kk"))[0] for row, fact in zip(rows, item.facts, strict=True)]
    assert [len(row["listed"]) for row in rows] == [4 if cloze else 0 for cloze, _ in chosen]
    assert {cloze for cloze, _ in chosen} == {True, False}
    assert all(cloze or not listed for cloze, listed in chosen)


def test_only_the_continuation_is_scored():
    engine = SimulatedModel(TOPICS, LANGUAGES, Behavior(known_rate=0.999999), 1)
    model = Likelihood(engine)
    statements = TOPICS[0].file.items[0].facts[0].statements("kk")[:2]
    ((_, sums),) = model.item_sums([model.ending_spans("Why: ", statements)])
    assert sums == [-1.0, pytest.approx(-4.5, abs=0.5)]


def test_statements_behind_a_shared_question_get_what_each_gets_alone():
    engine = open_engine(find_model("kazakh-26m"))
    item = read_topic(ITEMS / "world.toml").file.items[0]
    shared = score_facts(Likelihood(engine), item, "kk", {})["facts"]
    begin = engine.tokenize("", begin=True)
    question = item.text["kk"] + "\n"
    for fact, row in zip(item.facts, shared, strict=True):
        for context, statement, value in (
            (question, fact.statements("kk")[1], row["cloze"][1]),
            ("", fact.statements("kk")[0], row["statement"][0]),
        ):
            before, ids = (engine.tokenize(text) for text in (context, context + statement))
            assert ids[: len(before)] == before, "these statements begin with a token of their own"
            alone = engine.score([*begin, *ids], 1)[len(before) + len(begin) - 1 :]
            assert value == pytest.approx(sum(token.logprob for token in alone), abs=5e-4 + 1e-4)  # kept to 3 digits


def test_missing_answers_are_named(tmp_path):
    carry_out(auditing(), tmp_path)
    header, rows = read_rows(tmp_path)
    with pytest.raises(Problem, match="not finished: answers on 1 of 16 questions are missing"):
        findings(header, rows[:-6], TOPICS)
    (tmp_path / TRANSCRIPTS).write_text("{", "utf-8")
    with pytest.raises(Problem, match="not JSON"):
        read_rows(tmp_path)


def test_the_bundled_items_can_be_asked_of_any_engine():
    topics = load_topics()
    settings = Settings(tuple(topics[0].languages), 1)
    model = SimulatedModel(topics, settings.languages, Behavior(), 3)
    calls = Auditing(model, topics, settings).calls()
    rows = [call() for _, call in zip(range(6), calls, strict=False)]
    assert json.dumps(rows)
    assert {row["kind"] for row in rows} == {"facts", "open"}
