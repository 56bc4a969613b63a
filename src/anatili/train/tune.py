"""`tune`: teach the model to answer. Only the assistant's words bear loss; the rest is what it reads."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

from anatili import sample
from anatili.document import Kept, read_shard
from anatili.problem import Problem
from anatili.recipe import Tune
from anatili.stage import Task
from anatili.text import show_path
from anatili.train.pretrain import load_torch, save_model

ROLES = ("system", "user", "assistant")
Conversation = dict[str, Any]


def inventory(settings: Tune, base: Path) -> dict[str, Any]:
    """What the instructions are now, so that a run notices when they change."""
    if settings.instructions == sample.PLACE:
        return {"sample": sample.digest()}
    path = base / settings.instructions
    if not path.is_file():
        raise Problem(f"[tune] instructions: no file {show_path(path)}")
    return {show_path(path.name): path.stat().st_size}


def run(task: Task) -> dict[str, Any]:
    """Train on conversations whose source page is not held out; `model/` is the result."""
    torch = load_torch()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from anatili.train import loop

    settings: Tune = task.settings
    held = {
        d.url for shard in (task.inputs["cut"] / "held-out").glob("part-*.parquet") for d in read_shard(shard, Kept)
    }
    everything = [c for c in read(settings, task.base) if c.get("language") in task.recipe.languages]
    chosen = [c for c in everything if c.get("source") not in held]
    if not chosen:
        raise Problem("no instruction is in a language of the recipe; set [tune] instructions, or epochs = 0")
    before = task.inputs["pretrain"] / "model"
    model = AutoModelForCausalLM.from_pretrained(before, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(before)
    context = model.config.max_position_embeddings
    examples = [encode(conversation["messages"], tokenizer, context) for conversation in chosen]
    order = [i for turn in range(settings.epochs) for i in shuffled(len(examples), settings.seed + turn)]
    packed = pack([examples[i] for i in order], context)
    steps = max(1, len(packed) // settings.batch)

    def batch(step: int) -> tuple[Any, ...]:
        return tensors(packed[step * settings.batch : (step + 1) * settings.batch], tokenizer.pad_token_id, torch)

    plan = loop.Plan(
        steps=steps, batch=batch, learning_rate=settings.learning_rate, warmup=0.1, decay=0.9, weight_decay=0.0,
        precision=task.recipe.pretrain.precision, optimizer="adamw", micro_batch=task.recipe.pretrain.micro_batch,
    )  # fmt: skip
    rows = loop.train(model, plan, task.out, task.progress)
    save_model(model, before, task.out / "model")
    (task.out / "checkpoint.safetensors").unlink()
    if (task.out / "model" / ".cache").exists():
        shutil.rmtree(task.out / "model" / ".cache")
    return {
        "conversations": len(chosen),
        "left_out_as_held_out": len(everything) - len(chosen),
        "steps": steps,
        "first_loss": rows[0]["loss"] if rows else None,
        "last_loss": rows[-1]["loss"] if rows else None,
    }


def read(settings: Tune, base: Path) -> list[Conversation]:
    """The conversations: {messages: [{role, content}], language, source}, in order; `Problem` names a wrong line."""
    if settings.instructions == sample.PLACE:
        return sample.conversations()
    found = []
    path = base / settings.instructions
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            conversation = json.loads(line)
            turns = [(turn["role"], turn["content"]) for turn in conversation["messages"]]
            if not turns or turns[-1][0] != "assistant" or any(role not in ROLES for role, _ in turns):
                raise ValueError("the last turn must be the assistant's, roles system, user or assistant")
        except (ValueError, KeyError, TypeError) as error:
            raise Problem(f"{show_path(path)}:{number}: no conversation ({error})") from error
        found.append(conversation)
    return found


def encode(messages: list[dict[str, str]], tokenizer: Any, context: int) -> tuple[list[int], list[int]]:
    """Token ids and labels of a conversation; labels are the next tokens where the assistant speaks, else ignored.

    Written by the same rule as the chat template (a test compares them). Cut to `context` tokens.
    """
    from anatili.train.data import IGNORED

    ids: list[int] = [tokenizer.bos_token_id]
    spoken: list[bool] = [False]
    for message in messages:
        head = tokenizer.encode(f"<|{message['role']}|>\n", add_special_tokens=False)
        body = [*tokenizer.encode(message["content"], add_special_tokens=False), tokenizer.eos_token_id]
        ids += head + body
        spoken += [False] * len(head) + [message["role"] == "assistant"] * len(body)
    labels = [token if said else IGNORED for token, said in zip(ids[1:], spoken[1:], strict=True)]
    return ids[:-1][:context], labels[:context]


Example = tuple[list[int], list[int]]


def pack(examples: list[Example], context: int) -> list[list[Example]]:
    """Rows of examples, in order, each as full as `context` allows."""
    rows: list[list[Example]] = []
    room = 0
    for example in examples:
        if len(example[0]) > room:
            rows.append([])
            room = context
        rows[-1].append(example)
        room -= len(example[0])
    return rows


def tensors(rows: list[list[Example]], filler: int, torch: Any) -> tuple[Any, Any, Any]:
    """Inputs, labels and positions, each of shape (rows, longest); each example sees only itself, padding has no loss."""
    from anatili.train.data import IGNORED

    longest = max(sum(len(ids) for ids, _ in row) for row in rows)
    inputs, labels, positions = [], [], []
    for row in rows:
        ids = [token for example in row for token in example[0]]
        fill = longest - len(ids)
        inputs.append(ids + [filler] * fill)
        labels.append([label for example in row for label in example[1]] + [IGNORED] * fill)
        places = [place for example in row for place in range(len(example[0]))]
        positions.append(places + list(range(fill)))
    return torch.tensor(inputs), torch.tensor(labels), torch.tensor(positions)


def shuffled(count: int, seed: int) -> list[int]:
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order
