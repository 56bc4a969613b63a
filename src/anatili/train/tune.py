"""`tune`: supervised fine-tuning (SFT) on conversations; only the assistant's tokens have loss."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from anatili import weights
from anatili.benchmarks import Benchmarks, letters, read_benchmarks
from anatili.document import Kept, read_shard
from anatili.gguf.base_model import open_base
from anatili.lang.translation_words import FOLDER, Dictionary
from anatili.problem import Problem
from anatili.recipe import Pretrain, Tune
from anatili.refine.pairs import files_of
from anatili.stage import Task
from anatili.takedown_log import read_takedowns
from anatili.train import dpo, sft_examples
from anatili.train.data import IGNORED
from anatili.train.pretrain import clear, finish, load_torch, part_of_vocabulary, write_corpus
from anatili.train.schedule import TrainingPlan

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from anatili.train.corpus import Counts

Example = tuple[list[int], list[int]]
"""A tokenized SFT example: token ids and, for each, the label (the assistant's next token, else `IGNORED`)."""


def run(task: Task) -> dict[str, Any]:
    """Train on the SFT examples whose source page is not held out; `model/` is the result."""
    torch = load_torch()
    from transformers import AutoTokenizer

    from anatili.train import devices, launch, loop

    settings: Tune = task.settings
    dpo.check(settings, 2 if task.launch else 1)
    if task.launch:
        if settings.replay:
            write_corpus(task)
        return launch.start(task, "anatili.train.tune:run")
    chosen, left_out = choose(task)
    tokenizer = AutoTokenizer.from_pretrained(task.inputs["pretrain"] / "model")
    context = settings.context or task.recipe.pretrain.context
    groups = encoded(chosen, tokenizer, context, by_kind=bool(settings.tokens))
    learned = drawn(groups, settings)
    sequences = pack_sequences([groups[kind][index] for kind, index in learned], context)
    counts = write_corpus(task) if settings.replay and sequences else {}
    rows_of_text = replay_rows(task, counts, context, len(sequences)) if counts else []
    packed = interleave(sequences, rows_of_text)
    steps = -(-len(packed) // settings.batch)

    def batch(step: int) -> tuple[Any, ...]:
        return tensors(packed[step * settings.batch : (step + 1) * settings.batch], tokenizer.eos_token_id, torch)

    plan = make_plan(task, steps, batch)
    model, adapted, fill = starting_model(task)
    inner = adapted.get_base_model() if adapted else model
    inner.config.use_cache = False
    device = devices.pick_device()
    precision = devices.pick_precision(plan.precision, device)
    sampled = part_of_vocabulary(task, counts, model, inner.config.vocab_size) if adapted and counts else None
    learner = loop.prepare(inner, precision, device, task.recipe.pretrain.compile, sampled)
    if fill:
        fill(learner, device)
    rows = loop.train(learner, plan, task.out, task.progress)
    preferred = preferences(task, adapted or inner, tokenizer, context) if settings.preferences else {}
    finish(model, adapted, task)
    if devices.is_first():
        clear(task.out)
    return {
        "examples": dict(sorted(Counter(conversation["kind"] for conversation in chosen).items())),
        "learned": dict(sorted(Counter(kind for kind, _ in learned if kind).items())),
        "conversations": len(chosen),
        "left_out_as_held_out": left_out,
        "left_out_as_too_long": len(chosen) - sum(map(len, groups.values())),
        "rows_of_plain_text": len(rows_of_text),
        "steps": steps,
        "first_loss": rows[0]["loss"] if rows else None,
        "last_loss": rows[-1]["loss"] if rows else None,
        **preferred,
    }


def make_plan(task: Task, steps: int, batch: Callable[[int], tuple[Any, ...]]) -> TrainingPlan:
    """AdamW with a linear fall after a tenth of the steps; `batch`: step -> inputs, labels, positions."""
    return TrainingPlan(
        steps=steps,
        batch=batch,
        learning_rate=task.settings.learning_rate,
        warmup=0.1,
        decay=0.9,
        weight_decay=0.0,
        precision=settled_precision(task),
        optimizer="adamw",
        micro_batch=task.recipe.pretrain.micro_batch,
    )


def preferences(
    task: Task, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", context: int
) -> dict[str, Any]:
    """Learn the preferences in the recipe's languages that are not from held-out pages or benchmarks."""
    from anatili.train import devices

    settings: Tune = task.settings
    pages, texts = held_out(task)
    benchmarks, takedowns = benchmarks_of(task), read_takedowns(task.out.parent)
    chosen = [
        item
        for item in dpo.read_preferences(sft_examples.existing_file(settings.preferences, task.base))
        if item.get("language") in task.recipe.languages
        and item.get("source") not in pages
        and not dpo.is_taken_down(item, takedowns)
        and not {letters(item[key]) for key in ("chosen", "rejected")} & texts
        and not any(map(benchmarks.hold, (*(m["content"] for m in item["messages"]), item["chosen"], item["rejected"])))
    ]
    if not chosen:
        raise Problem("no preference is in a language of the recipe and not held out; remove [tune] preferences")
    precision = devices.pick_precision(settled_precision(task), devices.pick_device())
    return dpo.train_dpo(model, tokenizer, chosen, settings, context, precision, task.progress)


def choose(task: Task) -> tuple[list[sft_examples.Conversation], int]:
    """The SFT examples to learn, and how many were left out, because their page or one of their texts is held out or a
    text shares words with a benchmark."""
    settings: Tune = task.settings
    if not settings.epochs:
        return [], 0
    pages, texts = held_out(task)
    in_benchmark = cache(benchmarks_of(task).hold)  # the same text is in many examples
    pairs = files_of(task.inputs["pairs"], task.recipe.pairs)
    dictionary = Dictionary(task.inputs["pairs"] / FOLDER)
    takedowns = read_takedowns(task.out.parent)
    candidates = [
        conversation
        for conversation in sft_examples.all_examples(settings, task.base, task.packs(), pairs, takedowns, dictionary)
        if not settings.kinds or conversation["kind"] in settings.kinds
    ]
    chosen = [
        conversation
        for conversation in candidates
        if not is_held_out(conversation, pages, texts)
        and not any(in_benchmark(message["content"]) for message in conversation["messages"])
    ]
    if not chosen:
        what = (
            f"all {len(candidates)} SFT examples are held out"
            if candidates
            else "no SFT example is in a language of the recipe"
        )
        raise Problem(f"{what}: name other conversations in [tune] instructions, or set epochs = 0 to skip tuning")
    return chosen, len(candidates) - len(chosen)


def is_held_out(conversation: sft_examples.Conversation, pages: set[str], texts: set[str]) -> bool:
    """Whether a page of the conversation is held out or, if it has none, one of its texts."""
    if conversation.get("source"):
        return not pages.isdisjoint((conversation["source"], conversation.get("other", "")))
    return bool(texts) and not texts.isdisjoint(sft_examples.letters_in(conversation))


def held_out(task: Task) -> tuple[set[str], set[str]]:
    """The addresses of the held-out pages, and the letters of each of their lines."""
    shards = (task.inputs["cut"] / "held-out").glob("part-*.parquet")
    documents = [document for shard in shards for document in read_shard(shard, Kept)]
    lines = {letters(line) for document in documents for line in document.text.splitlines()}
    return {document.url for document in documents} - {""}, lines - {""}


def benchmarks_of(task: Task) -> Benchmarks:
    return read_benchmarks(tuple(str(task.base / name) for name in task.recipe.mark.benchmarks))


def starting_model(task: Task) -> tuple[Any, Any, Any]:
    """The pretrained model and its adapted form; if it has an adapter, training continues it and freezes the base. On
    several processes also what fills the weights of the model once it is sharded."""
    from anatili.train import devices, init, sharded
    from anatili.train.corpus import open_tokenizer

    folder = task.inputs["pretrain"]
    if not (folder / init.ADAPTER).exists():
        if devices.count() > 1 and not task.settings.instruct:
            model, fill = sharded.from_folder(folder / "model")
            return model, None, fill
        model = init.open_model(folder / "model")
        add_instruction(model, task)
        return model, None, None
    from peft import PeftModel

    _, begin, end = open_tokenizer(folder / "model")
    model, known = init.from_base(task.inputs["tokenizer"], task.base, begin, end)
    before = [part.weight.detach()[known:].clone() for part in init.embeddings(model)]
    add_instruction(model, task)
    changes = [part.weight.detach()[known:] - old for part, old in zip(init.embeddings(model), before, strict=True)]
    model.to(devices.pick_precision(settled_precision(task), devices.pick_device()))
    adapted = PeftModel.from_pretrained(model, folder / init.ADAPTER, is_trainable=True)
    # The adapter holds the new rows whole and would hide what the sibling adds to them in the model.
    for rows, change in zip(init.new_rows(adapted), changes, strict=False):
        rows.data += change.to(rows)
    return model, adapted, None


def settled_precision(task: Task) -> str:
    """The name of the type of the forward pass, the same after a resume."""
    from anatili.train import devices

    return devices.settle_precision(task.recipe.pretrain.precision, task.out)


def encoded(
    conversations: Sequence[sft_examples.Conversation],
    tokenizer: "PreTrainedTokenizerBase",
    context: int,
    *,
    by_kind: bool,
) -> dict[str, list[Example]]:
    """Kind -> examples, or all under "", without those whose answers are all beyond the first `context` tokens."""
    groups: dict[str, list[Example]] = {}
    for conversation in conversations:
        example = encode(conversation["messages"], tokenizer, context)
        if any(label != IGNORED for label in example[1]):
            groups.setdefault(conversation["kind"] if by_kind else "", []).append(example)
    return groups


def add_instruction(model: "PreTrainedModel", task: Task) -> None:
    """Add what the base's instruct sibling learned, if the recipe names one."""
    settings: Tune = task.settings
    if not settings.instruct:
        return
    base = task.recipe.tokenizer.base
    if not base:
        raise Problem("[tune] instruct needs a base: set [tokenizer] base, or remove instruct")
    from anatili.train.instruction_delta import add_delta

    rows = weights.read_rows(task.inputs["tokenizer"] / "rows.npz")
    sibling = weights.check_folder(task.base / settings.instruct)
    add_delta(model, open_base(base, task.base), sibling, rows, settings.instruct_share)


def encode(messages: list[dict[str, str]], tokenizer: "PreTrainedTokenizerBase", context: int) -> Example:
    """Token ids and labels of a conversation in the tokenizer's chat template, truncated to `context` tokens."""
    ids: list[int] = []
    has_loss: list[bool] = []
    for text, is_answer in templated_parts(messages, tokenizer):
        part = tokenizer.encode(text, add_special_tokens=False)
        ids += part
        has_loss += [is_answer] * len(part)
    labels = [token if is_answer else IGNORED for token, is_answer in zip(ids[1:], has_loss[1:], strict=True)]
    return ids[:-1][:context], labels[:context]


def templated_parts(messages: list[dict[str, str]], tokenizer: "PreTrainedTokenizerBase") -> Iterator[tuple[str, bool]]:
    """A conversation as its template renders it, in parts of text; True with those that the model learns to write.

    The template is rendered up to each answer and including it; what the answer adds is for the model to write.
    """
    rendered = ""
    for number, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = render(tokenizer, messages[:number], ask=True)
        after = render(tokenizer, messages[: number + 1], ask=False)
        if not (before.startswith(rendered) and after.startswith(before)):
            raise Problem("the chat template changes earlier messages when one is added: the answers cannot be located")
        answer, rest = after[len(before) :], ""
        if tokenizer.eos_token in answer:  # the model does not write what the template puts after the end
            end = answer.index(tokenizer.eos_token) + len(tokenizer.eos_token)
            answer, rest = answer[:end], answer[end:]
        yield from ((before[len(rendered) :], False), (answer, True), (rest, False))
        rendered = after


def render(tokenizer: "PreTrainedTokenizerBase", messages: list[dict[str, str]], *, ask: bool) -> str:
    text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=ask)
    return text


def pack_sequences(examples: list[Example], context: int) -> list[list[Example]]:
    """Sequences of examples, in order, each as full as `context` allows."""
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
    """The examples in the order of training, as kind and index; each epoch over a kind has a new order.

    Without `tokens` each comes `epochs` times. With it, kinds alternate by their weights until so many are drawn.
    """
    if not settings.tokens:
        return [
            (kind, index)
            for epoch in range(settings.epochs)
            for kind, examples in groups.items()
            for index in shuffled(len(examples), settings.seed + epoch)
        ]
    sizes = {kind: sum(len(ids) for ids, _ in examples) for kind, examples in groups.items()}
    weights = {kind: settings.mix.get(kind, 0.0) if settings.mix else sizes[kind] for kind in sorted(groups)}
    if missing := sorted(set(settings.mix) - set(groups)):
        raise Problem(f"[tune] mix names {missing[0]}, but the SFT examples are only {', '.join(sorted(groups))}")
    total = round(settings.tokens * (1 - settings.replay))
    tokens = {kind: 0 for kind, weight in weights.items() if weight > 0}
    if not tokens:
        raise Problem("[tune] mix gives no kind of SFT example any weight")
    waiting: dict[str, list[int]] = {kind: [] for kind in tokens}
    epochs = dict.fromkeys(tokens, 0)
    order: list[tuple[str, int]] = []
    while sum(tokens.values()) < total:
        kind = min(tokens, key=lambda kind: tokens[kind] / weights[kind])
        if not waiting[kind]:
            waiting[kind] = shuffled(len(groups[kind]), settings.seed + epochs[kind])
            epochs[kind] += 1
        index = waiting[kind].pop()
        tokens[kind] += len(groups[kind][index][0])
        order.append((kind, index))
    return order


def replay_rows(task: Task, counts: "Counts", context: int, rows: int) -> list[list[Example]]:
    """Sequences of plain text, drawn as in pretraining, so many that they are the share `replay` of all sequences."""
    from anatili.train import data
    from anatili.train.corpus import open_tokenizer

    _, begin, _ = open_tokenizer(task.inputs["tokenizer"])
    count = round(rows * task.settings.replay / (1 - task.settings.replay))
    settings = Pretrain(mix=task.recipe.pretrain.mix, source_weights=task.recipe.pretrain.source_weights)
    weights = data.shares(counts, settings, dict.fromkeys(counts, float("inf")), count)
    mixture = data.Mixture(task.out / "tokens", context, weights, {}, count, task.settings.seed, begin)
    replay = []
    for number in range(count):
        ids = mixture.sequence(number).tolist()
        labels = [IGNORED if label == begin else label for label in ids[1:]]
        starts = [position for position, token in enumerate(ids[:-1]) if token == begin]
        ends = [*starts[1:], context]
        replay.append([(ids[a:b], labels[a:b]) for a, b in zip(starts, ends, strict=True)])
    return replay


def interleave(rows: list[list[Example]], replay: list[list[Example]]) -> list[list[Example]]:
    """`rows` in their order, with those of `replay` among them at even distances."""
    if not replay:
        return rows
    size = len(rows) + len(replay)
    positions = {round((number + 0.5) * size / len(replay) - 0.5) for number in range(len(replay))}
    main, inserted = iter(rows), iter(replay)
    return [next(inserted) if position in positions else next(main) for position in range(size)]


def tensors(rows: list[list[Example]], filler: int, torch: Any) -> tuple[Any, Any, Any]:
    """Inputs, labels and positions, each of shape (rows, longest); no attention across examples, no loss on padding."""
    longest = max(sum(len(ids) for ids, _ in row) for row in rows)
    inputs, labels, positions = [], [], []
    for row in rows:
        ids = [token for example in row for token in example[0]]
        fill = longest - len(ids)
        inputs.append(ids + [filler] * fill)
        labels.append([label for example in row for label in example[1]] + [IGNORED] * fill)
        own = [position for example in row for position in range(len(example[0]))]
        positions.append(own + list(range(fill)))
    return torch.tensor(inputs), torch.tensor(labels), torch.tensor(positions)


def shuffled(count: int, seed: int) -> list[int]:
    order = list(range(count))
    random.Random(seed).shuffle(order)
    return order
