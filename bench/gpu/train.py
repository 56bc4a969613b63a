"""Train a Gemma 3 text model on one GPU from a packed job: many short arms first, then the one that won.

    python bench/gpu/train.py JOB OUT --arms bench/gpu/arms.json

JOB is what `pack.py` wrote. Only torch, numpy, tokenizers and gguf are needed, so it runs on a bare machine.
Documents are never packed into one row: rows of like length are padded on the right, so plain causal attention is
exact and the fast kernels apply. What learns of each matrix W is a low-rank difference (W + 2 B A), computed once a
step, so an arm with `rank` 0 (all weights) and one with adapters run the same code. Rates fall to a tenth over the
last part; validation is by bits per byte of lines and of their second halves.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from model import Arm, Gemma, layer
from scores import Scores
from texts import IGNORED, Stream, encode, prefetch


def rate_share(done: float, arm: Arm) -> float:
    """Share of the peak rate when `done` of the time is over."""
    if done < arm.warmup:
        return max(0.02, done / arm.warmup)
    return max(0.1, 0.1 + 0.9 * (1 - done) / arm.decay) if done > 1 - arm.decay else 1.0


def optimizer_of(model: Gemma, arm: Arm) -> Any:
    rows = [p for name, p in model.learned.items() if name == "new"]
    others = [p for name, p in model.learned.items() if name != "new"]
    groups = [{"params": others, "peak": arm.rate}] + ([{"params": rows, "peak": arm.row_rate}] if rows else [])
    fused = model.device.type == "cuda"
    return torch.optim.AdamW(groups, lr=arm.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=fused)


def train(model: Gemma, arm: Arm, groups: dict[str, Any], valid: Any, log: Any) -> dict[str, Any]:
    """Train for the arm's seconds; the log gets a line now and then."""
    device = model.device
    optimizer = optimizer_of(model, arm)
    plain = Stream(groups, arm.weights, arm.batch, arm.seed, device)
    lessons = Stream(groups, arm.tune_weights, arm.batch, arm.seed + 1, device) if arm.tune_share else None
    batches, taught = prefetch(plain), prefetch(lessons) if lessons else None
    began, step, shown, losses = time.time(), 0, 0.0, []
    while (done := (time.time() - began) / arm.seconds) < 1:
        teaching = taught is not None and done > 1 - arm.tune_share
        ids, labels = next(taught if teaching else batches)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate_share(done, arm)
        loss = model.loss(ids, labels, model.weights()) / (labels != IGNORED).sum()
        loss.backward()
        size = torch.nn.utils.clip_grad_norm_(model.learned.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
        step += 1
        if step % 20 == 0 and device.type == "cuda":
            torch.cuda.synchronize()
        if time.time() - began - shown > max(5, arm.seconds / 12):
            mean = torch.stack(losses).mean().item()
            losses, shown = [], time.time() - began
            tokens = plain.tokens + (lessons.tokens if lessons else 0)
            log(
                {
                    "arm": arm.name,
                    "seconds": round(shown, 1),
                    "step": step,
                    "tokens": tokens,
                    "loss": round(mean, 4),
                    "norm": round(size.item(), 3),
                    "tuning": teaching,
                    **valid(40),
                }
            )
    passes = {**plain.passes, **({f"tune {k}": v for k, v in lessons.passes.items()} if lessons else {})}
    return {"steps": step, "tokens": plain.tokens + (lessons.tokens if lessons else 0), "passes": passes}


def save(model: Gemma, out: Path, arm: Arm) -> None:
    """What was learned, as int8 blocks of 32 with half-precision scales; parts of at most 15 MB."""
    parts: list[dict[str, np.ndarray]] = [{}]
    size = 0
    for name, value in model.learned.items():
        data = value.detach().float().cpu().numpy()
        if data.ndim == 2 and data.shape[1] % 32 == 0:
            blocks = data.reshape(data.shape[0], -1, 32)
            scale = (np.abs(blocks).max(-1) / 127).astype(np.float16)
            whole = (
                np.round(blocks / np.maximum(scale[..., None].astype(np.float32), 1e-12))
                .clip(-127, 127)
                .astype(np.int8)
            )
            entry = {f"{name}:q": whole.reshape(data.shape), f"{name}:s": scale}
        else:
            entry = {name: data.astype(np.float16)}
        weight = sum(v.nbytes for v in entry.values())
        if size + weight > 15_000_000:
            parts.append({})
            size = 0
        parts[-1] |= entry
        size += weight
    for number, part in enumerate(parts):
        np.savez(out / f"{arm.name}.{number}.npz", **part)


def compiled(model: Gemma, groups: Any, arm: Arm, log: Any) -> None:
    """Compile the layer if that works here; else go on as it is."""
    if model.device.type != "cuda":
        return
    began = time.time()
    try:
        model.layer = torch.compile(layer, dynamic=True)
        stream = Stream(groups, arm.weights, arm.batch, 99, model.device)
        for _ in range(6):
            loss = model.loss(*stream.next(), model.weights())
            loss.backward()
        torch.cuda.synchronize()
        began, tokens = time.time(), stream.tokens
        for _ in range(6):
            model.loss(*stream.next(), model.weights()).backward()
        torch.cuda.synchronize()
        log({"compiled": True, "tokens_per_second": round((stream.tokens - tokens) / (time.time() - began))})
    except Exception as error:  # whatever it is, training goes on without
        log({"compiled": False, "error": str(error)[:300]})
        model.layer = layer
    for parameter in model.learned.values():
        parameter.grad = None


def pick(done: list[tuple[Arm, dict[str, float]]], base: dict[str, float], slack: float) -> Arm:
    """The arm that went best: Kazakh second halves, and what was lost of the other languages.

    A longer vocabulary starts behind and catches up: it may be behind by `slack`.
    """

    def cost(row: tuple[Arm, dict[str, float]]) -> float:
        arm, after = row
        own = [value for name, value in after.items() if name.startswith("kk") and name.endswith("half")]
        lost = sum(max(0.0, after[code] - base[code] - 0.03) for code in ("ru", "en"))
        return sum(own) / len(own) + 0.5 * lost - (slack if arm.vocabulary == "ext" else 0)

    return min(done, key=cost)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--arms",
        type=Path,
        required=True,
        help='JSON: {"sweep": [arms], "main": arm, "slack"}',
    )
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--deadline", type=float, default=560, help="Seconds after which all must be written")
    options = parser.parse_args()
    started = time.time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    options.out.mkdir(parents=True, exist_ok=True)
    lines = (options.out / "log.jsonl").open("a", encoding="utf-8")

    def log(row: dict[str, Any]) -> None:
        text = json.dumps({"at": round(time.time() - started, 1), **row}, ensure_ascii=False)
        print(text, flush=True)
        lines.write(text + "\n")
        lines.flush()

    plan = json.loads(options.arms.read_text("utf-8"))
    texts: dict[str, Any] = {}
    fast: list[Any] = []

    def carry_out(arm: Arm, *, first: bool) -> tuple[dict[str, float], dict[str, float]]:
        if arm.vocabulary not in texts:
            texts[arm.vocabulary] = encode(options.job, arm.vocabulary, options.workers)
            tokens = {k: sum(len(i) for i, _ in v) for k, v in texts[arm.vocabulary].items()}
            log({"vocabulary": arm.vocabulary, "all": sum(tokens.values()), "tokens": tokens if first else {}})
        torch.manual_seed(arm.seed)
        model = Gemma(options.job, arm, device)
        if not fast:
            compiled(model, texts[arm.vocabulary], arm, log)
            fast.append(model.layer)
        model.layer = fast[0]
        scores = Scores(options.job, model)
        before = scores(200) if first else {}
        if first:
            log({"arm": arm.name, "before": before})
        told = train(model, arm, texts[arm.vocabulary], scores, log)
        after = scores(200)
        log({"arm": arm.name, **told, "after": after, "rate": arm.rate, "row_rate": arm.row_rate})
        if arm.keep:
            save(model, options.out, arm)
            log({"arm": arm.name, "saved": True})
        if arm.translate:
            translated = scores.translate(arm.translate)
            log({"arm": arm.name, "chrf": {k: v["chrf"] for k, v in translated.items()}})
            (options.out / f"{arm.name}.translations.json").write_text(
                json.dumps(translated, ensure_ascii=False), "utf-8"
            )
        return before, after

    done: list[tuple[Arm, dict[str, float]]] = []
    base: dict[str, float] = {}
    shared = json.loads((options.job / "weights.json").read_text("utf-8"))
    for number, settings in enumerate(plan["sweep"]):
        arm = Arm(**shared, **settings)
        before, after = carry_out(arm, first=not number)
        base = base or before
        done.append((arm, after))
    final = Arm(**shared, **plan["main"])
    if done:
        best = pick(done, base, plan.get("slack", 0.05))
        final.vocabulary, final.rate, final.row_rate = best.vocabulary, best.rate, best.row_rate
        log({"picked": best.name})
    final.seconds = min(final.seconds, options.deadline - (time.time() - started) - 35)
    carry_out(final, first=not done)


if __name__ == "__main__":
    main()
