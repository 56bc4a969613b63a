"""Which learning rate to train at: short trainings of a run's recipe, compared by the loss on held-out text.

    python bench/rates.py runs/kazakh-270m 1e-4 2e-4 4e-4 --steps 200 -o rates

RUN must be built up to `tokenizer`. Each training is a whole one, with its warm-up and decay, so that the rates are
compared as they will be used. What was broken off goes on at the next call.
"""

import argparse
import json
from pathlib import Path

from anatili.cli.progress import Bars
from anatili.plot import DARK, finish, start
from anatili.recipe import load_recipe
from anatili.stage import Task
from anatili.train import pretrain
from anatili.train.curves import LINES

DONE = "held-out.json"


def one(run: Path, base: Path, out: Path, rate: float, steps: int, bars: Bars) -> list[tuple[int, dict[str, float]]]:
    """(tokens, bits per byte by language) at each look of a training at `rate`."""
    if (out / DONE).exists():
        return [(tokens, bits) for tokens, bits in json.loads((out / DONE).read_text("utf-8"))]
    recipe = load_recipe(run / "recipe.toml")
    size = recipe.pretrain.batch * recipe.pretrain.context
    change = {"learning_rate": rate, "tokens": steps * size, "check_every": max(1, steps // 8)}
    settings = recipe.pretrain.model_copy(update=change)
    out.mkdir(parents=True, exist_ok=True)
    inputs = {name: run / name for name in ("cut", "pairs", "tokenizer")}
    bar = bars.bar(f"rate {rate:g}")
    pretrain.run(Task(recipe, settings, base, inputs, out, None, bar))
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    found = [(row["tokens"], row["held_out"]) for row in rows if "held_out" in row]
    (out / DONE).write_text(json.dumps(found), "utf-8")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("rates", type=float, nargs="+")
    parser.add_argument("--base", type=Path, default=Path("recipes"), help="Folder of the recipe")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("-o", "--out", type=Path, default=Path("rates"))
    options = parser.parse_args()
    with Bars(quiet=False) as bars:
        found = {
            rate: one(options.run, options.base, options.out / f"{rate:g}", rate, options.steps, bars)
            for rate in options.rates
        }
    names = sorted(found[options.rates[0]][-1][1])
    print("bits per byte of held-out text at the end")
    print("rate      " + "".join(f"{name:>9}" for name in names))
    for rate, looks in found.items():
        print(f"{rate:<10g}" + "".join(f"{looks[-1][1][name]:9.4f}" for name in names))
    file = options.out / "rates.png"
    plot, figure = start(file)
    axes = figure.subplots()
    for number, (rate, looks) in enumerate(found.items()):
        tokens, bits = [row[0] for row in looks], [row[1]["mean"] for row in looks]
        axes.plot(tokens, bits, linestyle=LINES[number % len(LINES)], color=DARK, marker=".", label=f"{rate:g}")
    axes.set(xlabel="training tokens", ylabel="bits per byte, mean by mix", title="Held-out text by learning rate")
    axes.legend(title="rate")
    finish(plot, figure, file)


if __name__ == "__main__":
    main()
