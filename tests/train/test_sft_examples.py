"""The words of test sets are kept out of the SFT examples."""

import json
from collections import Counter

import pytest

pytest.importorskip("torch")

from anatili import sample
from anatili.document import Kept, write_shard
from anatili.problem import Problem
from anatili.recipe import Recipe
from anatili.stage import Quiet, Task
from anatili.train.tune import choose

NAMES = ("kk", "ru", "en", "tr")


def task_of(folder, *, benchmarks=(), held=(), **tune):
    recipe = Recipe.model_validate(
        {"name": "t", "language": "kk", "beside": NAMES[1:], "tune": tune, "mark": {"benchmarks": list(benchmarks)}}
    )
    rows = [Kept(str(n), text, "", url, "s", "", "", "kk", "Cyrl") for n, (url, text) in enumerate(held)]
    write_shard(folder / "cut" / "held-out" / "part-0.parquet", Kept, rows)
    return Task(
        recipe, recipe.tune, folder, {name: folder / name for name in ("cut", "pairs")}, folder / "out", None, Quiet()
    )


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """The examples of a recipe that sets nothing."""
    return choose(task_of(tmp_path_factory.mktemp("usual")))[0]


def kinds(task):
    chosen, left_out = choose(task)
    return Counter(conversation["kind"] for conversation in chosen), left_out


def listed(folder, name, texts):
    """A benchmark file that holds these texts, a line of them a line."""
    (folder / name).write_text("\n".join(dict.fromkeys(texts)) + "\n", "utf-8")
    return name


def test_no_example_stays_whose_words_are_those_of_a_benchmark(usual, tmp_path):
    before = Counter(conversation["kind"] for conversation in usual)
    pages = [page for pages in sample.parallel() for page in pages.values()]
    asked = [turn["content"] for conversation in sample.further() for turn in conversation["messages"]]
    said = [text for row in sample.sentences() for text in row.values()]
    words = listed(tmp_path, "all.txt", [*(text for page in pages for text in page[1:]), *asked, *said])
    after, left_out = kinds(task_of(tmp_path, benchmarks=[words]))
    assert before["question"] > 500
    assert before["translation"] > 2000
    assert {kind: after[kind] for kind in ("question", "translation", "grounded", "unanswerable")} == dict.fromkeys(
        ("question", "translation", "grounded", "unanswerable"), 0
    )
    assert after["refusal"] == before["refusal"]
    assert left_out == before.total() - after.total()


@pytest.mark.parametrize("part", ["title", "question", "answer"])
def test_each_part_of_an_example_alone_takes_it_out(usual, tmp_path, part):
    page = sample.parallel()[7]
    place = ("title", "question", "answer").index(part) + 1
    words = listed(tmp_path, "one.txt", [page["kk"][place]])
    after, _ = choose(task_of(tmp_path, benchmarks=[words]))
    stayed = {json.dumps(conversation["messages"]) for conversation in after}
    gone = [conversation for conversation in usual if json.dumps(conversation["messages"]) not in stayed]
    assert gone
    for conversation in gone:
        assert any(page["kk"][place] in message["content"] for message in conversation["messages"])
    assert len(gone) < 60  # the examples of one page, and those that show it among their passages


def test_a_passage_that_a_benchmark_holds_is_not_shown(tmp_path):
    _, (_, _, text) = next(item for item in sample.passages().items() if item[1][0] == "kk")
    line = max(text.splitlines(), key=len)
    words = listed(tmp_path, "passage.txt", [line.upper()])
    chosen, _ = choose(task_of(tmp_path, benchmarks=[words], kinds=["grounded", "unanswerable"]))
    assert chosen
    assert not [
        conversation
        for conversation in chosen
        if any(line in message["content"] for message in conversation["messages"])
    ]


def test_a_line_of_one_word_does_not_take_every_example_that_has_it(tmp_path):
    words = listed(tmp_path, "answers.txt", ["Қазақстан", "Иә", "A"])
    _, left_out = kinds(task_of(tmp_path, benchmarks=[words]))
    assert left_out < 5


def test_examples_of_a_file_are_checked_whatever_source_they_name(tmp_path):
    turns = [{"role": "user", "content": "Абай қай жылы туған?"}, {"role": "assistant", "content": "1845 жылы."}]
    rows = [
        {"messages": turns, "language": "kk", "source": "https://a.example/1"},
        {"messages": [turns[0] | {"content": "Мұхтар Әуезов кім?"}, turns[1]], "language": "kk"},
    ]
    turns[1]["content"] += "\u2028Жидебайда."  # ends a line for `str.splitlines`, not in JSON lines
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in rows)
    (tmp_path / "own.jsonl").write_text(f"\ufeff{lines}", "utf-8", newline="")
    words = listed(tmp_path, "short.txt", ["абай қай жылы туған"])
    assert kinds(task_of(tmp_path, benchmarks=[words], instructions="own.jsonl")) == (Counter(own=1), 1)
    assert kinds(task_of(tmp_path, instructions="own.jsonl", held=[("https://a.example/1", "мәтін")]))[1] == 1


def test_a_translation_is_held_out_with_either_of_its_pages(tmp_path):
    pages = sample.parallel()[3]
    told = pages["ru"][2:]
    chosen, _ = choose(task_of(tmp_path, held=[(pages["ru"][0], "мәтін")], kinds=["translation"]))
    assert not [
        conversation
        for conversation in chosen
        if any(text in m["content"] for m in conversation["messages"] for text in told)
    ]


def test_no_example_is_needed_where_none_is_learned(tmp_path):
    task = task_of(tmp_path, instructions="")
    with pytest.raises(Problem, match=r"no SFT example is in a language of the recipe.*epochs = 0"):
        choose(task)
    assert choose(task_of(tmp_path, instructions="", epochs=0)) == ([], 0)


def test_what_is_held_out_of_the_sample_is_in_no_example(usual):
    contents = {message["content"] for conversation in usual for message in conversation["messages"]}
    questions = {conversation["messages"][0]["content"] for conversation in sample.further(held_out=True)}
    sentences = {text for row in sample.sentences(held_out=True) for text in row.values()}
    assert len(questions) > 300
    assert len(sentences) > 300
    assert not questions & contents
    assert not [text for text in contents if text.partition(": ")[2] in sentences or text in sentences]
    taught = {conversation["messages"][0]["content"] for conversation in sample.further()}
    assert len(taught & contents) > 0.99 * len(taught)


def test_a_question_that_its_page_does_not_answer_is_declined_with_the_page_shown(tmp_path):
    chosen, _ = choose(task_of(tmp_path, kinds=["unanswerable"]))
    pages = sample.passages()
    asked = {
        conversation["messages"][0]["content"]: conversation["source"]
        for conversation in sample.further()
        if len(conversation["messages"]) == 1
    }
    shown = [conversation for conversation in chosen if conversation["messages"][-2]["content"] in asked]
    assert len(shown) == len(asked)
    assert all(pages[conversation["source"]][1] in conversation["messages"][0]["content"] for conversation in shown)
