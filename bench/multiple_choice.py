"""Multiple choice: our figures beside lm-eval's through our own server, on the same strings, and the time of both.

    python bench/multiple_choice.py --model kazakh-26m --task tumlu_kk --data tumlu_kk.jsonl --limit 60 --json

Needs lm-eval (`lm-eval[api]`). Its client leaves the begin token out and cuts a prompt to one token less than the
context, so we do too. `cpu_seconds` of ours is the time of the processor, which a busy machine does not change;
lm-eval's work is done by the server.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from anatili.engine import open_engine
from anatili.evaluate.choices import METRICS, choice_figures, score_items
from anatili.evaluate.items import ItemSet, item_set
from anatili.evaluate.journal import Journal, Record
from anatili.evaluate.likelihood import Likelihood
from anatili.evaluate.lm_eval import read_results, write_task
from anatili.evaluate.prompts import PromptForm
from anatili.evaluate.task_data import read_rows
from anatili.evaluate.task_file import load_task
from anatili.opening import find_model

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def start_server(model: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "anatili", "serve", model, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if address := re.search(r"API +(http://\S+)/v1", line):
            return process, address[1]
    raise SystemExit("the server did not start")


def lm_eval(model: str, name: str, task: str, folder: Path, context: int) -> tuple[dict[str, Any], float]:
    """lm-eval's results through our server, and the seconds that it says it took."""
    process, address = start_server(model)
    try:
        arguments = f"base_url={address}/v1/completions,model={name},num_concurrent=1,max_length={context}"
        command = [
            sys.executable,
            "-m",
            "lm_eval",
            "--model",
            "local-completions",
            "--model_args",
            arguments,
            "--tasks",
            task,
            "--include_path",
            str(folder),
            "--output_path",
            str(folder / "out"),
            "--log_samples",
        ]
        environment = {**os.environ, **OFFLINE, "HF_HOME": str(folder / "hf"), "OPENAI_API_KEY": "none"}
        subprocess.run(command, check=True, capture_output=True, env=environment)
    finally:
        process.terminate()
        process.wait()
    value = json.loads(next((folder / "out").rglob("results*.json")).read_text("utf-8"))
    return value["results"][task], float(value["total_evaluation_time_seconds"])


def differences(ours: list[Record], theirs: list[Record]) -> dict[str, float]:
    by_id = {record["id"]: record for record in theirs}
    pairs = [(record, by_id[record["id"]]) for record in ours]
    sums = [abs(a - b) for one, other in pairs for a, b in zip(one["logprobs"], other["logprobs"], strict=True)]
    return {
        "largest_difference": round(max(sums), 7),
        "choices_equal": round(sum(o["chosen"]["acc"] == t["chosen"]["acc"] for o, t in pairs) / len(pairs), 4),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    task = load_task(options.task).with_data(Path(options.data))
    items = item_set(task, read_rows(task, task.language), task.language)
    if options.limit:
        few = items.items[: options.limit]
        items = ItemSet(few, items.examples if items.has_own_examples else few)
    form = PromptForm(form=options.form, shots=options.shots, sampler=options.sampler, begin=options.ours_only)
    engine = open_engine(find_model(options.model))
    started, processor = time.perf_counter(), time.process_time()
    records = score_items(task, Likelihood(engine, spare=0 if options.ours_only else 1), items, form, Journal(None, {}))
    seconds, cpu = time.perf_counter() - started, time.process_time() - processor
    row = choice_figures(task, items, records, form)
    facts = {
        "model": options.model,
        "task": task.name,
        "n": row["count"],
        "form": form.label,
        "ours": {metric: row[metric] for metric in METRICS},
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
    }
    if options.ours_only:
        return facts
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        name = write_task(folder, task, items, form).stem
        results, theirs = lm_eval(options.model, engine.name, name, folder, engine.context or 2048)
        (samples,) = read_results(folder / "out").values()
        figures = {metric: round(results[f"{metric},none"], 4) for metric in METRICS}
        return {
            **facts,
            "lm_eval": figures,
            "lm_eval_seconds": round(theirs, 1),
            "times_as_fast": round(theirs / seconds, 1),
            **differences(records, samples),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="kazakh-26m")
    parser.add_argument("--task", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--form", default="cloze", choices=["cloze", "letter"])
    parser.add_argument("--shots", type=int, default=0)
    parser.add_argument("--sampler", default="first_n", choices=["first_n", "default"])
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--ours-only", action="store_true", help="only our own time, with the begin token")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    facts = measure(options)
    print(json.dumps(facts, ensure_ascii=False) if options.json else json.dumps(facts, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
