"""Multiple choice: forms, examples, orders, groups; what is wrong with a set is said, and nothing is lost."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import guides
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
import sets

from anatili.cli import main
from anatili.engine import Span
from anatili.evaluate import runner
from anatili.evaluate.compare import compare, read_folder
from anatili.evaluate.items import item_set
from anatili.evaluate.likelihood import Likelihood, cut
from anatili.evaluate.measure import Setup, measure
from anatili.evaluate.prompts import PromptForm, labels, options, prompts
from anatili.evaluate.summary import summary
from anatili.evaluate.task_data import read_rows
from anatili.problem import Problem
from anatili.stage import Quiet


@pytest.fixture
def engine(tmp_path):
    bigrams = guides.engine_guide(tmp_path)
    (tmp_path / "seen.txt").write_text("Алматы Астана қаласы ұзын сөз\n" * 9, "utf-8")
    return bigrams(tmp_path / "seen.txt")


def items_of(task):
    return item_set(task, read_rows(task, "kk"), "kk")


def test_examples_come_from_the_dev_part_and_are_not_scored(tmp_path, engine):
    task = sets.write(tmp_path)
    items = items_of(task)
    assert [len(items.items), len(items.examples)] == [10, 4]
    (context, endings), *_ = prompts(task, items, PromptForm(shots=2), engine)
    first, second, question = context.split("\n\n")
    assert first.endswith(f"Жауап: {items.examples[0].choices[items.examples[0].answer]}")
    assert second.startswith(items.examples[1].row["question"])
    assert question == f"{items.items[0].row['question']}\nЖауап:"
    assert endings == [f" {choice}" for choice in items.items[0].choices]
    with pytest.raises(Problem, match="5 examples are asked for, but the data has 4"):
        list(prompts(task, items, PromptForm(shots=5), engine))


def test_without_a_dev_part_an_item_is_never_its_own_example(tmp_path, engine):
    task = sets.write(tmp_path, [row | {"split": "test"} for row in sets.rows()])
    items = items_of(task)
    for sampler in ("first_n", "default"):
        contexts = [context for context, _ in prompts(task, items, PromptForm(shots=3, sampler=sampler), engine)]
        for item, context in zip(items.items, contexts, strict=True):
            *examples, question = context.split("\n\n")
            assert len(examples) == 3
            assert not any(item.row["question"] + "\n" in example for example in examples)
            assert item.row["question"] in question


def test_options_move_and_the_letter_goes_with_them(tmp_path):
    task = sets.write(tmp_path)
    item = items_of(task).items[0]
    form = PromptForm(form="letter", rotation=1)
    assert options(task, item, form).split("\n")[0] == f"A. {item.choices[1].strip()}"
    assert labels(task, item, form) == ["D", "A", "B", "C"]


def test_all_wordings_and_orders_are_measured(tmp_path, engine):
    task = sets.write(tmp_path)
    (row,) = measure(task, Likelihood(engine), Setup(form=PromptForm(form="letter"), vary=True))
    assert len(row["variants"]) == 2 * 4
    assert row["min"] <= row["mean"] <= row["max"]
    (row,) = measure(task, Likelihood(engine), Setup(form=PromptForm(), vary=True))
    assert [variant["form"]["wording"] for variant in row["variants"]] == [0, 1, 2]


def test_a_row_says_what_it_is_to_be_read_against(tmp_path, engine):
    task = sets.write(tmp_path)
    (row,) = measure(task, Likelihood(engine), Setup(folder=tmp_path / "out"))
    assert (row["count"], row["clusters"], row["chance"], row["majority"]) == (10, 5, 0.25, 0.3)
    assert row["begin_token"] == "\n"
    assert set(row["groups"]["subject"]) == {"a", "b"}
    assert sum(row["chosen"].values()) == sum(row["answers"].values()) == 10


def test_long_choices_are_scored_in_windows_and_a_long_context_is_cut(tmp_path, engine):
    rows = sets.rows()
    rows[6]["choices"][1] = "ұ" * 100_000
    rows[7]["question"] = "с" * 100_000
    (row,) = measure(sets.write(tmp_path, rows), Likelihood(engine), Setup())
    assert row["count"] == 10
    assert row["notes"] == ["2 of 10 items are longer than the model's context: their beginning was cut off"]
    spans = cut(list(range(10)), 7, [99], 5)
    assert spans == [Span([99, 5, 6, 7, 8, 9], 3)]
    scored = [token for span in cut(list(range(30)), 2, [99], 5) for token in span.ids[span.start :]]
    assert scored == list(range(2, 30)), "each token once"


class Dying:
    """An engine whose server dies after so many spans."""

    def __init__(self, engine, spans):
        self.engine, self.left = engine, spans

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def logprobs(self, spans):
        for values in self.engine.logprobs(spans):
            self.left -= 1
            if self.left < 0:
                raise Problem("the server broke off: connection refused")
            yield values


def test_a_server_that_dies_loses_nothing(tmp_path, engine):
    task = sets.write(tmp_path)
    request = runner.Request([task], {}, Setup())
    whole = runner.carry_out(engine, request, tmp_path / "whole", "m", Quiet(), lambda row: None)
    folder = tmp_path / "out"
    with pytest.raises(Problem, match=r"connection refused. What is measured is kept in .*out: the same command"):
        runner.carry_out(Dying(engine, 18), request, folder, "m", Quiet(), lambda row: None)
    (journal,) = folder.glob("*.jsonl")
    assert len(journal.read_text("utf-8").splitlines()) == 1 + 4, "four items of four choices were done"
    with journal.open("a", encoding="utf-8") as file:
        file.write('{"id": "q9", "logpr')
    resumed = runner.carry_out(Dying(engine, 24), request, folder, "m", Quiet(), lambda row: None)
    assert {**resumed[0], "seconds": 0} == {**whole[0], "seconds": 0}
    with pytest.raises(
        Problem, match=r"another evaluation \(digests.model changed\).*remove that file to measure anew$"
    ):
        runner.carry_out(engine, request, folder, "another model", Quiet(), lambda row: None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answer": 4}, r"row 7 \(id q6\): answer = 4 is not a choice: expected a number from 0 to 3"),
        ({"answer": "E"}, "answer = 'E' is not a choice"),
        ({"answer": None}, "answer = None is not a choice"),
        ({"choices": ["x"]}, "needs two choices at least, it has 1"),
        ({"choices": "x"}, r"row 7 \(id q6\): the choices are a list under 'choices'"),
        ({"choices": ["x", None]}, r"row 7 \(id q6\): choice 2 is null, not a text"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, change, words):
    rows = sets.rows()
    rows[6] |= change
    with pytest.raises(Problem, match=words):
        items_of(sets.write(tmp_path, rows))


def test_a_file_without_rows_is_named(tmp_path, engine):
    with pytest.raises(Problem, match=r"set\.jsonl: no rows to measure"):
        list(measure(sets.write(tmp_path, []), Likelihood(engine), Setup()))


def test_repeated_ids_and_empty_choices_are_told_and_counted(tmp_path, engine):
    rows = sets.rows()
    rows[7]["id"] = rows[6]["id"]
    rows[8]["choices"] = ["", "", "", ""]
    (row,) = measure(sets.write(tmp_path, rows), Likelihood(engine), Setup(folder=tmp_path / "out"))
    assert row["count"] == 10
    assert "ids that occur more than once in the data: q6" in row["notes"][0]
    assert row["notes"][1] == "1 of 10 items have an empty choice (q8)"


def test_other_names_of_fields_and_other_forms_of_files(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    body = 'kind = "choices"\nlanguage = "kk"\ndata = "user:"\nlicense = "x"\nsource = "https://x"\n'
    body += 'choices = "{choices}"\ntemplate = "{question}"\n'
    body += '[fields]\nquestion = ["question", "Q"]\nchoices = ["choices", "A, B, C"]\n'
    body += 'answer = ["answer", "number from 1", "Key"]\n[replace.language]\nkaz = "kk"\n'
    task = sets.write(tmp_path, task=body)
    with pytest.raises(Problem, match=r"name it with --data FILE\. It is at https://x"):
        read_rows(task, "kk")
    folder = tmp_path / "copy" / "Biology" / "test"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text('Q,A,B,C,Key,language\n"x, y",1,2,,B,kaz\n', "utf-8")
    (folder / "b.tsv").write_text("Q\tA\tB\tC\tnumber\nx\t1\t2\t3\t3\n", "utf-8")
    parquet.write_table(pa.table({"Q": ["x"], "choices": [["1", "2"]], "answer": [1]}), folder / "c.parquet")
    items = items_of(task.with_data(tmp_path / "copy")).items
    assert [(len(item.choices), item.answer) for item in items] == [(2, 1), (3, 2), (2, 1)]
    assert items[0].row["question"] == "x, y"
    (folder / "a.csv").write_text("Q,A\n1,2,3\n", "utf-8")
    with pytest.raises(Problem, match=r"a.csv:2: 3 columns, but the first line names 2"):
        items_of(task.with_data(tmp_path / "copy"))
    (folder / "c.parquet").write_text("x", "utf-8")
    with pytest.raises(Problem, match=r"c\.parquet is not a Parquet file"):
        list(read_rows(task.with_data(folder / "c.parquet"), "kk"))


def test_two_models_are_compared_item_by_item(tmp_path, engine):
    task, other = sets.write(tmp_path), guides.engine_guide(tmp_path)
    (tmp_path / "other.txt").write_text("\n".join(row["choices"][row["answer"]] for row in sets.rows()), "utf-8")
    results = []
    for name, model in (("one", engine), ("two", other(tmp_path / "other.txt"))):
        rows = runner.carry_out(
            model, runner.Request([task], {}, Setup()), tmp_path / name, name, Quiet(), lambda row: None
        )
        runner.write_rows(tmp_path / name, name, rows)
        results += read_folder(tmp_path / name, name)
    (row,) = compare(results, resamples=200)
    first, second = row["models"]
    (pair,) = row["pairs"]
    assert pair["difference"] == pytest.approx(second["value"] - first["value"], abs=1e-4)
    assert pair["interval"][0] <= pair["difference"] <= pair["interval"][1]
    assert (row["count"], pair["test"], set(pair["subjects"])) == (10, "exact McNemar", {"a", "b"})
    theirs = read_folder(tmp_path / "two" / "lm-eval", "lm-eval")
    assert theirs[0].values() == results[1].values()
    assert "different ways" not in " ".join(summary(compare(results, resamples=20)))
    results[1] = replace(results[1], key="in another form")
    *_, last = summary(compare(results, resamples=20))
    assert last.endswith(f"measured in different ways (one: {results[0].key}; two: in another form).")


def test_the_commands_say_the_same_to_people_and_machines(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    import small_models

    monkeypatch.chdir(tmp_path)
    folders = [str(small_models.make_folder(tmp_path / shape, shape)) for shape in ("qwen3", "gemma3")]
    sets.write(tmp_path)
    done = CliRunner().invoke(main, ["evaluate", folders[0], "--task", "set.toml", "--shots", "1", "--json"])
    value = json.loads(done.stdout)
    assert value["n"] == 10
    assert value.keys() >= {"acc", "acc_norm", "acc_bytes", "chance", "majority", "interval"}
    done = CliRunner().invoke(main, ["compare", *folders, "--task", "set.toml", "--shots", "1", "-o", "out"])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "<script" not in page
    assert "data:image/png;base64," in page
    for names, said in ((["gone"], "no run gone"), ([], "name two models to compare")):
        done = CliRunner().invoke(main, ["compare", folders[0], *names, "--task", "set.toml", "-o", "new"])
        assert (done.exit_code, said in done.output, "measuring" in done.output) == (1, True, False)
    lines = [json.loads(line) for line in (tmp_path / "out" / "leaderboard.jsonl").read_text("utf-8").splitlines()]
    assert lines[0]["acc"] == value["acc"]
    assert lines[0]["digests"].keys() == {"model", "data", "prompt", "code"}
    assert lines[0]["digests"]["model"] != lines[1]["digests"]["model"]
    done = CliRunner().invoke(main, ["tasks", "set.toml", "--lm-eval", "yaml", "--json"])
    assert [Path(file).name for file in json.loads(done.stdout)] == [
        "anatili_set_cloze.yaml",
        "anatili_set_letter.yaml",
    ]
