"""`tune`: teach the model to answer. Only the assistant's words bear loss; the rest is what it reads."""

import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from anatili import weights
from anatili.benchmarks import Benchmarks, letters, read_benchmarks
from anatili.document import Kept, read_shard
from anatili.gguf.base import open_base
from anatili.problem import Problem
from anatili.recipe import Pretrain, Tune
from anatili.refine.pairs import files_of
from anatili.stage import Task
from anatili.train import lessons, prefer
from anatili.train.data import IGNORED
from anatili.train.pretrain import clear, finish, load_torch

Example = tuple[list[int], list[int]]
"""Token ids and, for each, the label: the next token where the assistant speaks, else `IGNORED`."""


def run(task: Task) -> dict[str, Any]:
    """Train on lessons whose source page is not held out; `model/` is the result."""
    torch = load_torch()
    from transformers import AutoTokenizer

    from anatili.train import devices, launch, loop

    settings: Tune = task.settings
    prefer.check(settings, 2 if task.launch else 1)
    if task.launch:
        return launch.start(task, "anatili.train.tune:run")
    chosen, left_out = choose(task)
    before = task.inputs["pretrain"] / "model"
    tokenizer = AutoTokenizer.from_pretrained(before)
    context = settings.context or task.recipe.pretrain.context
    groups: dict[str, list[Example]] = {}
    for lesson in chosen:
        example = encode(lesson["messages"], tokenizer, context)
        if any(label != IGNORED for label in example[1]):
            groups.setdefault(lesson["kind"] if settings.tokens else "", []).append(example)
    learned = drawn(groups, settings)
    packed = pack([groups[kind][place] for kind, place in learned], context)
    rows_of_text = plain_rows(task, context, len(packed)) if settings.replay and packed else []
    packed = spread_out(packed, rows_of_text)
    steps = -(-len(packed) // settings.batch)

    def batch(step: int) -> tuple[Any, ...]:
        return tensors(packed[step * settings.batch : (step + 1) * settings.batch], tokenizer.eos_token_id, torch)

    plan = loop.Plan(
        steps=steps, batch=batch, learning_rate=settings.learning_rate, warmup=0.1, decay=0.9, weight_decay=0.0,
        precision=settled(task), optimizer="adamw", micro_batch=task.recipe.pretrain.micro_batch,
    )  # fmt: skip
    model, adapted = first_model(task)
    inner = adapted.get_base_model() if adapted else model
    inner.config.use_cache = False
    rows = loop.train(inner, plan, task.out, task.progress)
    liked = preferences(task, adapted or inner, tokenizer, context) if settings.preferences else {}
    if devices.is_first():
        finish(model, adapted, task)
        clear(task.out)
    return {
        "lessons": dict(sorted(Counter(lesson["kind"] for lesson in chosen).items())),
        "learned": dict(sorted(Counter(kind for kind, _ in learned if kind).items())),
        "conversations": len(chosen),
        "left_out_as_held_out": left_out,
        "left_out_as_too_long": len(chosen) - sum(map(len, groups.values())),
        "rows_of_plain_text": len(rows_of_text),
        "steps": steps,
        "first_loss": rows[0]["loss"] if rows else None,
        "last_loss": rows[-1]["loss"] if rows else None,
        **liked,
    }


def preferences(task: Task, model: Any, tokenizer: Any, context: int) -> dict[str, Any]:
    """Learn the preferences of the recipe's languages that are not from held-out pages."""
    from anatili.train import devices

    settings: Tune = task.settings
    pages, texts = held_out(task)
    known = test_words(task)
    found = prefer.read_preferences(lessons.existing(settings.preferences, task.base))
    chosen = [
        item
        for item in found
        if item.get("language") in task.recipe.languages
        and item.get("source") not in pages
        and not {letters(item[key]) for key in ("chosen", "rejected")} & texts
        and not any(map(known.hold, (*(m["content"] for m in item["messages"]), item["chosen"], item["rejected"])))
    ]
    if not chosen:
        raise Problem("no preference is in a language of the recipe and not held out; take [tune] preferences out")
    precision = devices.pick_precision(settled(task), devices.pick_device())
    return prefer.align(model, tokenizer, chosen, settings, context, precision, task.progress)


def choose(task: Task) -> tuple[list[lessons.Conversation], int]:
    """The lessons to learn, and how many were left out: their page or a text that they say is held out, or any of their
    texts has the words of a benchmark."""
    settings: Tune = task.settings
    if not settings.epochs:
        return [], 0
    pages, texts = held_out(task)
    is_known = cache(test_words(task).hold)  # a text stands in many lessons
    pairs = files_of(task.inputs["pairs"], task.recipe.pairs)
    found = [
        lesson
        for lesson in lessons.everything(settings, task.base, task.packs(), pairs)
        if not settings.kinds or lesson["kind"] in settings.kinds
    ]
    chosen = [
        lesson
        for lesson in found
        if not (of_pages(lesson) & pages if lesson.get("source") else lessons.said(lesson) & texts)
        and not any(is_known(message["content"]) for message in lesson["messages"])
    ]
    if not chosen:
        what = f"all {len(found)} lessons are held out" if found else "no lesson is in a language of the recipe"
        raise Problem(f"{what}: name other conversations in [tune] instructions, or set epochs = 0 to go without")
    return chosen, len(found) - len(chosen)


def of_pages(lesson: lessons.Conversation) -> set[str]:
    return {lesson["source"], lesson.get("other", "")}


def held_out(task: Task) -> tuple[set[str], set[str]]:
    """Addresses of the pages held out, and the letters of each line held out in them."""
    shards = (task.inputs["cut"] / "held-out").glob("part-*.parquet")
    documents = [document for shard in shards for document in read_shard(shard, Kept)]
    lines = {letters(line) for document in documents for line in document.text.splitlines()}
    return {document.url for document in documents} - {""}, lines - {""}


def test_words(task: Task) -> Benchmarks:
    return read_benchmarks(tuple(str(task.base / name) for name in task.recipe.mark.benchmarks))


def first_model(task: Task) -> tuple[Any, Any]:
    """The pretrained model; where it has an adapter, that goes on learning and the base stays as it is."""
    from anatili.train import devices, init
    from anatili.train.pretrain import open_tokenizer

    folder = task.inputs["pretrain"]
    if not (folder / init.ADAPTER).exists():
        model = init.open_model(folder / "model")
        add_instruction(model, task)
        return model, None
    from peft import PeftModel

    _, begin, end = open_tokenizer(folder / "model")
    model, known = init.from_base(task.inputs["tokenizer"], task.base, begin, end)
    before = [part.weight.detach()[known:].clone() for part in init.embeddings(model)]
    add_instruction(model, task)
    changes = [part.weight.detach()[known:] - old for part, old in zip(init.embeddings(model), before, strict=True)]
    model.to(devices.pick_precision(settled(task), devices.pick_device()))
    adapted = PeftModel.from_pretrained(model, folder / init.ADAPTER, is_trainable=True)
    # The adapter holds the new rows whole: what the sibling adds to them would be lost under it.
    for rows, change in zip(init.learned_rows(adapted), changes, strict=False):
        rows.data += change.to(rows)
    return model, adapted


def settled(task: Task) -> str:
    """The type of the forward pass, by name: the same after a resume."""
    from anatili.train import devices

    return devices.settle_precision(task.recipe.pretrain.precision, task.out)


def add_instruction(model: Any, task: Task) -> None:
    """Lay on what the base's instruct sibling learned, if the recipe names one."""
    settings: Tune = task.settings
    if not settings.instruct:
        return
    base = task.recipe.tokenizer.base
    if not base:
        raise Problem("[tune] instruct goes with a base: set [tokenizer] base, or take it out")
    from anatili.train.delta import add_delta

    rows = weights.read_rows(task.inputs["tokenizer"] / "rows.npz")
    sibling = weights.check_folder(task.base / settings.instruct)
    add_delta(model, open_base(base, task.base), sibling, rows, settings.instruct_share)


def encode(messages: list[dict[str, str]], tokenizer: Any, context: int) -> Example:
    """Token ids and labels of a conversation by the tokenizer's own chat template, cut to `context` tokens."""
    ids: list[int] = []
    spoken: list[bool] = []
    for text, said in written(messages, tokenizer):
        part = tokenizer.encode(text, add_special_tokens=False)
        ids += part
        spoken += [said] * len(part)
    labels = [token if said else IGNORED for token, said in zip(ids[1:], spoken[1:], strict=True)]
    return ids[:-1][:context], labels[:context]


def written(messages: list[dict[str, str]], tokenizer: Any) -> Iterator[tuple[str, bool]]:
    """A conversation as its template writes it, in parts: what is read, and (True) what the model must learn to say.

    The template is rendered up to each answer and with it: what the answer adds is the model's.
    """
    done = ""
    for number, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = render(tokenizer, messages[:number], ask=True)
        after = render(tokenizer, messages[: number + 1], ask=False)
        if not (before.startswith(done) and after.startswith(before)):
            raise Problem(
                "the chat template writes a conversation anew with each turn: its answers cannot be told apart"
            )
        answer, rest = after[len(before) :], ""
        if tokenizer.eos_token in answer:  # what the template puts after the end is not the model's to say
            cut = answer.index(tokenizer.eos_token) + len(tokenizer.eos_token)
            answer, rest = answer[:cut], answer[cut:]
        yield from ((before[len(done) :], False), (answer, True), (rest, False))
        done = after


def render(tokenizer: Any, messages: list[dict[str, str]], *, ask: bool) -> str:
    text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask)
    return text


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


def drawn(groups: dict[str, list[Example]], settings: Tune) -> list[tuple[str, int]]:
    """The examples in the order in which they are learned: kind and place; each pass over a kind has a new order.

    Without `tokens` each comes `epochs` times. With it kinds take turns by their weights, in tokens, until it is full.
    """
    if not settings.tokens:
        return [(kind, place) for turn in range(settings.epochs) for kind, some in groups.items()
                for place in shuffled(len(some), settings.seed + turn)]  # fmt: skip
    sizes = {kind: sum(len(ids) for ids, _ in some) for kind, some in groups.items()}
    weights = {kind: settings.mix.get(kind, 0.0) if settings.mix else sizes[kind] for kind in sorted(groups)}
    if missing := sorted(set(settings.mix) - set(groups)):
        raise Problem(f"[tune] mix names {missing[0]}, but there are only lessons of {', '.join(sorted(groups))}")
    room = round(settings.tokens * (1 - settings.replay))
    given = {kind: 0 for kind, weight in weights.items() if weight > 0}
    if not given:
        raise Problem("[tune] mix gives no kind of lesson any weight")
    waiting: dict[str, list[int]] = {kind: [] for kind in given}
    turns = dict.fromkeys(given, 0)
    found: list[tuple[str, int]] = []
    while sum(given.values()) < room:
        kind = min(given, key=lambda kind: given[kind] / weights[kind])
        if not waiting[kind]:
            waiting[kind] = shuffled(len(groups[kind]), settings.seed + turns[kind])
            turns[kind] += 1
        place = waiting[kind].pop()
        given[kind] += len(groups[kind][place][0])
        found.append((kind, place))
    return found


def plain_rows(task: Task, context: int, rows: int) -> list[list[Example]]:
    """Rows of plain text, drawn as in pretraining, so many that they are the share `replay` of all rows."""
    from anatili.train import data
    from anatili.train.pretrain import open_tokenizer, write_corpus

    tokenizer, begin, end = open_tokenizer(task.inputs["tokenizer"])
    counts = write_corpus(task, tokenizer, (begin, end))
    count = round(rows * task.settings.replay / (1 - task.settings.replay))
    wanted = Pretrain(mix=task.recipe.pretrain.mix, source_weights=task.recipe.pretrain.source_weights)
    weights = data.shares(counts, wanted, dict.fromkeys(counts, float("inf")), count)
    mixture = data.Mixture(task.out / "tokens", context, weights, {}, count, task.settings.seed, begin)
    found = []
    for number in range(count):
        ids = mixture.sequence(number).tolist()
        labels = [IGNORED if label == begin else label for label in ids[1:]]
        starts = [place for place, token in enumerate(ids[:-1]) if token == begin]
        ends = [*starts[1:], context]
        found.append([(ids[a:b], labels[a:b]) for a, b in zip(starts, ends, strict=True)])
    return found


def spread_out(rows: list[list[Example]], others: list[list[Example]]) -> list[list[Example]]:
    """Both together, `others` at even distances."""
    if not others:
        return rows
    places = {round((number + 0.5) * (len(rows) + len(others)) / len(others) - 0.5) for number in range(len(others))}
    first, second = iter(rows), iter(others)
    return [next(second) if place in places else next(first) for place in range(len(rows) + len(others))]


def tensors(rows: list[list[Example]], filler: int, torch: Any) -> tuple[Any, Any, Any]:
    """Inputs, labels and positions, each of shape (rows, longest); an example sees only itself, padding has no loss."""
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
