"""The same items, the same model: lm-eval and we choose alike, by the same sums."""

import sys
from pathlib import Path

import pytest
import small_models

sys.path.insert(0, str(Path(__file__).parent))
import sets

from anatili.evaluate.choices import choice_figures, score_items
from anatili.evaluate.compare import read_folder
from anatili.evaluate.items import item_set
from anatili.evaluate.journal import Journal
from anatili.evaluate.likelihood import Likelihood
from anatili.evaluate.lm_eval import read_results, to_jinja, write_lines, write_results, write_task
from anatili.evaluate.prompts import PromptForm, prompts
from anatili.evaluate.task_data import read_rows
from anatili.problem import Problem

FORMS = [
    PromptForm(form="cloze", begin=False),
    PromptForm(form="letter", shots=2, sampler="default", begin=False),
]


def items_of(task):
    return item_set(task, read_rows(task, "kk"), "kk")


def test_lm_eval_itself_gives_the_same_sums_choices_and_figures(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    lm_eval = pytest.importorskip("lm_eval")
    from lm_eval.tasks import TaskManager

    from anatili.engine import open_engine

    folder, rows = small_models.make_folder(tmp_path, "qwen3"), sets.rows()
    rows[5]["choices"][2] = ""  # such items are in published sets
    task = sets.write(tmp_path, rows)
    items = items_of(task)
    names = [write_task(tmp_path / "yaml", task, items, form).stem for form in FORMS]
    manager = TaskManager(include_path=str(tmp_path / "yaml"), include_defaults=False)
    results = lm_eval.simple_evaluate(
        model="hf",
        model_args=f"pretrained={folder},add_bos_token=False,dtype=float32,device=cpu",
        tasks=names,
        task_manager=manager,
        batch_size=1,
        log_samples=True,
        bootstrap_iters=0,
    )
    model = Likelihood(open_engine(folder))
    for form, name in zip(FORMS, names, strict=True):
        records = score_items(task, model, items, form, Journal(None, {}))
        samples = {sample["doc"]["id"]: sample for sample in results["samples"][name]}
        assert len(records) == len(samples) == 10
        for record in records:
            sample = samples[record["id"]]
            sums = [float(pair[0]) for pair in sample["filtered_resps"]]
            assert record["logprobs"] == pytest.approx(sums, abs=1e-4)
            assert [float(record["right"][m]) for m in ("acc", "acc_norm", "acc_bytes")] == [
                sample["acc"],
                sample["acc_norm"],
                sample["acc_bytes"],
            ]
        row = choice_figures(task, items, records, form)
        for metric in ("acc", "acc_norm", "acc_bytes"):
            assert row[metric] == pytest.approx(results["results"][name][f"{metric},none"], abs=5e-5)


def test_llama_cpp_chooses_as_transformers_does_and_the_chat_template_begins_a_text_once(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("xllamacpp")
    from anatili.engine import open_engine
    from anatili.gguf.file import export_gguf

    folder = small_models.make_folder(tmp_path, "gemma3")
    export_gguf(folder, tmp_path / "m.gguf", "f32")
    task = sets.write(tmp_path)
    items, chosen = items_of(task), []
    for path in (folder, tmp_path / "m.gguf"):
        model = Likelihood(open_engine(path))
        for form in (PromptForm(), PromptForm(chat=True, shots=1)):
            context, endings = next(prompts(task, items, form, model.engine))
            ((span, *_), *_), is_cut = model.item_spans(context, endings)
            assert span.ids.count(model.begin) == 1
            assert (span.ids[0], is_cut) == (model.begin, False)
            assert endings[0].startswith(" ") != form.chat
            records = score_items(task, model, items, form, Journal(None, {}))
            chosen.append([value for record in records for value in record["logprobs"]])
    for ours, theirs in ((chosen[0], chosen[2]), (chosen[1], chosen[3])):
        assert ours == pytest.approx(theirs, abs=0.02)


def test_results_are_written_and_read_in_lm_eval_s_form(tmp_path):
    records = [
        {
            "id": f"q{n}",
            "answer": 1,
            "logprobs": [-2.0, -1.0],
            "chosen": {"acc": 1},
            "subject": "s",
            "language": "kk",
            "right": dict.fromkeys(("acc", "acc_norm", "acc_bytes"), n > 0),
            "script": "Cyrl",
            "cluster": "c",
        }
        for n in range(3)
    ]
    row = {
        "task": "own",
        "count": 3,
        "acc": 0.6667,
        "acc_norm": 0.6667,
        "acc_bytes": 0.6667,
        "form": {"shots": 0},
        "stderr": dict.fromkeys(("acc", "acc_norm", "acc_bytes"), 0.3333),
    }
    write_results(tmp_path, "m", [row], {"own": records})
    (read,) = read_results(tmp_path).values()
    assert [(r["id"], r["right"]["acc"], r["subject"]) for r in read] == [
        ("q0", False, "s"),
        ("q1", True, "s"),
        ("q2", True, "s"),
    ]
    (result,) = read_folder(tmp_path, "theirs")
    assert sum(result.values().values()) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(Problem, match="--log_samples"):
        read_results(tmp_path / "empty")


def test_a_template_that_jinja_would_misread_is_refused(tmp_path):
    task = sets.write(tmp_path)
    assert to_jinja(task, "{a}: {b}\n") == "{{a}}: {{b}}\n"
    for template in ("{a[0]}", "{a:>5}", "{{%{a}"):
        with pytest.raises(Problem, match="lm-eval"):
            to_jinja(task, template)
    write_lines(tmp_path / "x.jsonl", iter([{"a": "\ud800"}]))
