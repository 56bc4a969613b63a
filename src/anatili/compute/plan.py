"""The plan of a training: from words of text to hours, money and energy with intervals, and what an embargo changes."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import Any

from anatili.compute import data_scaling, rules, training_memory
from anatili.compute.chips import FIGURES, UNPUBLISHED, Chip, chips, sources
from anatili.compute.cost import Cost, cost_of, hours_of
from anatili.compute.failures import SAVE, goodput
from anatili.compute.measured_speed import OwnSpeed, hours_by, hours_left
from anatili.compute.memory import MOST_SHOWN, USABLE, Layout, layouts, limit, memory
from anatili.compute.mfu_prior import Prior, Range, Setting, doubt_of, reach_of
from anatili.compute.published_runs import bundled_runs
from anatili.compute.shape import Shape, flops_per_token
from anatili.problem import Problem

GIB = 2**30
ANY = "any"
"""Vendor of what everybody has, such as a CPU: never an alternative to accelerators."""


@dataclass(frozen=True)
class Question:
    """What is planned: a model, its text, and the chips to train it on."""

    name: str
    shape: Shape
    context: int
    """Tokens in a sequence."""
    batch: int
    """Sequences in a step."""
    tokens: int
    """To train on in total."""
    unique: float
    """Different tokens there are."""
    optimizer: str
    chip: Chip
    number: int
    grams: float
    """Of CO2 per kWh."""
    grid_source: str
    notes: tuple[str, ...] = ()
    """What was assumed, for the reader."""
    price: tuple[float, ...] = ()
    """Dollars per hour of `chip`, in place of its own."""
    save: float = SAVE
    """Seconds to write a checkpoint."""
    without: tuple[str, ...] = ()
    """Vendors whose chips cannot be had."""
    destination: str = ""
    """Country group or country; empty: rules are shown for any, and bar nothing."""
    on: date = field(default_factory=date.today)
    """The date for which export rules are read."""
    words: float = 0
    fertility: float = 0
    own: OwnSpeed | None = None
    """The speed of the run itself."""
    micro_batch: int = 0
    """Sequences that the recipe holds in memory at a time; 0: all of a step."""
    checkpointing: bool = False

    @property
    def flops(self) -> float:
        return self.tokens * flops_per_token(self.shape, self.context)

    @property
    def own_layout(self) -> Layout:
        """What the recipe itself says: sharded over all chips."""
        return Layout(self.number, 1, 1, self.checkpointing, self.optimizer, self.own_training.sequences)

    @property
    def own_training(self) -> training_memory.Training:
        """The same as our own training loop carries it out, in bfloat16."""
        local = max(1, self.batch // self.number)
        micro = min(local, self.micro_batch or local)
        training = training_memory.Training(
            shape=self.shape,
            context=self.context,
            sequences=micro,
            accumulates=micro < local,
            checkpointing=self.checkpointing,
            optimizer=self.optimizer,
            width=2,
            processes=self.number,
        )
        return training_memory.with_whole_gradients(training, self.chip.memory)


@dataclass(frozen=True)
class Estimate:
    """What the training takes on one kind of chip."""

    chip: Chip
    fitting: tuple[Layout, ...]
    limit: float
    """The utilization that links and pipeline gaps allow at most, in the best of these layouts."""
    cost: Cost
    status: rules.Status
    barred: str
    """Why the chip cannot be counted on; empty if nothing says so."""


@dataclass(frozen=True)
class Plan:
    """The answer: the chip that was asked for, and all others beside it."""

    question: Question
    asked: Estimate
    others: tuple[Estimate, ...] = field(default=())

    @property
    def left(self) -> tuple[Estimate, ...]:
        """The other chips to buy that nothing bars and that hold the model, the fastest first."""
        able = [one for one in self.others if not one.barred and one.fitting and not one.chip.cloud_only]
        return tuple(sorted(able, key=lambda one: one.cost.days.middle))


@cache
def prior() -> Prior:
    """The prior from the bundled runs."""
    return Prior(bundled_runs())


def make_plan(question: Question) -> Plan:
    """Plan a training; `Problem` if it has no tokens or the chip's peak is not published."""
    if question.tokens <= 0:
        raise Problem("a plan needs text: the number of tokens or words must be above 0")
    if not question.chip.bf16_tflops and not question.own:
        raise Problem(f"{question.chip.name}: bf16_tflops is {UNPUBLISHED}, so its hours cannot be planned")
    others = [
        chip
        for chip in chips().values()
        if chip.bf16_tflops
        and chip.vendor != ANY
        and chip.name != question.chip.name
        and chip.is_announced(question.on)
    ]
    without_log = replace(question, own=None, price=())
    return Plan(question, estimate(question, question.chip), tuple(estimate(without_log, chip) for chip in others))


def estimate(question: Question, chip: Chip) -> Estimate:
    """Layouts, hours and cost on one kind of chip, and whether anything bars it."""
    fitting = layouts(question.shape, question.context, question.batch, chip, question.number, question.optimizer)
    most = max((limit(one, question.context, question.batch, chip, question.number) for one in fitting), default=1.0)
    if question.own:
        hours = hours_by(question.own, question.tokens, question.number)
    else:
        setting = Setting(chip.architecture, question.shape.matrices, question.number)
        share = (prior().predict(setting, doubt_of(chip)) * reach_of(chip)).capped(most)
        hours = hours_of(question.flops, chip, share)
    status = rules.status_of(chip, question.destination or rules.OTHER, question.on)
    barred = f"without {chip.vendor}" if chip.vendor in question.without else ""
    if question.destination and status.restricted:
        barred = status.status.replace("-", " ")
    cost = cost_of(hours, chip, question.number, question.grams, question.price)
    return Estimate(chip, tuple(fitting), most, cost, status, barred)


def described(plan: Plan) -> dict[str, Any]:
    """The whole plan as JSON, each figure of a chip with the id of its source."""
    question = plan.question
    return {
        "recipe": question.name,
        "shape": {
            "parameters": round(question.shape.total),
            "matrices": round(question.shape.matrices),
            "layers": question.shape.layers,
            "hidden_size": question.shape.hidden_size,
            "vocabulary": question.shape.vocabulary,
            "context": question.context,
            "from": question.shape.origin,
        },
        "text": text_of(question),
        "flops_per_token": flops_per_token(question.shape, question.context),
        "flops": question.flops,
        "number": question.number,
        **estimate_facts(plan.asked, question),
        "hours_from": f"the first {question.own.steps} steps of the run itself"
        if question.own
        else f"{sum(run.is_learned_from for run in bundled_runs())} published runs",
        "own_speed": own_facts(question),
        "failures": failures_of(question, plan.asked),
        "data": None if question.shape.rank else data_of(question),  # its losses are of training all weights
        "grid": {"grams_per_kwh": question.grams, "source": question.grid_source},
        "embargo": embargo_of(plan),
        "alternatives": [
            {**estimate_facts(one, question, brief=True), **extra(one, plan.asked)}
            for one in sorted(plan.others, key=lambda one: (bool(one.barred), one.cost.days.middle))
        ],
        "notes": [*question.notes, *not_announced(question)],
        "sources": sources(),
    }


def not_announced(question: Question) -> Iterator[str]:
    """That the chip could not be had on the day that was asked about, if so."""
    chip = question.chip
    if not chip.is_announced(question.on):
        yield f"{chip.name} was announced in {chip.announced}, after {question.on}: nobody had it then"


def own_facts(question: Question) -> dict[str, Any] | None:
    """What the run's own log says, if there is one: its speed, and the hours that are left."""
    own = question.own
    if not own:
        return None
    left = hours_left(own, question.tokens, question.number)
    return {
        "steps": own.steps,
        "tokens": own.tokens,
        "tokens_per_second": round(own.speed, 1),
        "paused": round(own.paused, 3),
        "waited": round(own.waited, 3),
        "hours_left": (left * (1 / question.number)).as_list(),
        "hours_left_alone": (left * ((1 - own.waited) / question.number)).as_list()[1],
    }


def text_of(question: Question) -> dict[str, Any]:
    facts: dict[str, Any] = {"tokens": question.tokens, "unique_tokens": round(question.unique)}
    if question.words:
        facts |= {"words": question.words, "tokens_per_word": question.fertility}
    return facts | {"epochs": round(question.tokens / question.unique, 3)}


def estimate_facts(one: Estimate, question: Question, brief: bool = False) -> dict[str, Any]:
    """The figures of one chip; `brief` leaves out its data sheet and all layouts but the first."""
    cost = one.cost
    facts = {
        "chip": one.chip.name if brief else sheet(one.chip),
        "utilization": utilization_of(one, question),
        "link_limit": round(one.limit, 3) if has_links(one.chip, question.number) else UNPUBLISHED,
        "chip_hours": cost.chip_hours.as_list(),
        "days": cost.days.as_list(),
        "megawatt_hours": cost.megawatt_hours.as_list() if cost.megawatt_hours else UNPUBLISHED,
        "tons_co2": cost.tons_co2.as_list() if cost.tons_co2 else UNPUBLISHED,
        "dollars": cost.dollars.as_list() if cost.dollars else UNPUBLISHED,
        "layouts": [
            {"name": layout.name, "gib": gib(question, layout)} for layout in one.fitting[: 1 if brief else MOST_SHOWN]
        ],
        "status": one.status.line(),
        "rule": one.status.facts(),
        "status_name": one.status.status,
        "barred": one.barred,
    }
    if one.chip.cloud_only:
        facts["cloud_only"] = True
    if not brief:
        own = question.own_layout
        training = question.own_training
        own_bytes = sum(training_memory.needs(training).values())
        moved = training_memory.moved(training, max(1, question.batch // (question.number * training.sequences)))
        facts["recipe_layout"] = {
            "name": own.name,
            "gib": round(own_bytes / GIB, 1),
            "fits": own_bytes <= USABLE * one.chip.memory,
            "link_limit": round(limit(own, question.context, question.batch, one.chip, question.number, moved), 3)
            if has_links(one.chip, question.number)
            else UNPUBLISHED,
            "whole_gradients": training.whole,
        }
        facts["events"] = list(one.status.events)
        facts["price_from"] = "as given" if question.price else one.chip.source_of("usd_per_hour")
    return facts


def has_links(chip: Chip, number: int) -> bool:
    """Whether the links between `number` chips are published, or not needed."""
    return number == 1 or chip.link(number) > 0


def utilization_of(one: Estimate, question: Question) -> Any:
    """Share of the peak that the hours amount to."""
    if not one.chip.peak:
        return UNPUBLISHED
    hours, full = one.cost.chip_hours, question.flops / one.chip.peak / 3600
    return Range(full / hours.high, full / hours.middle, full / hours.low).as_list(3)


def gib(question: Question, layout: Layout) -> float:
    return round(sum(memory(question.shape, question.context, layout).values()) / GIB, 1)


def sheet(chip: Chip) -> dict[str, Any]:
    """All figures of a chip, each with its source; what nobody publishes is named as such."""
    facts: dict[str, Any] = {"name": chip.name, "vendor": chip.vendor, "tpp": chip.tpp}
    for name in FIGURES:
        value = getattr(chip, name)
        facts[name] = {
            "value": (list(value) if isinstance(value, tuple) else value) or UNPUBLISHED,
            "source": chip.source_of(name),
        }
        if name in chip.ranges:
            facts[name]["range"] = list(chip.ranges[name])
    facts["fp8_tflops"] = {"value": chip.fp8_tflops or "none", "source": chip.source}
    return facts | ({"note": chip.note} if chip.note else {})


def failures_of(question: Question, asked: Estimate) -> dict[str, Any]:
    result = goodput(question.number, save=question.save)
    days = asked.cost.days
    return {
        "expected": (days * (86400 / result.between_failures)).as_list(3),
        "hours_between": round(result.between_failures / 3600, 1),
        "save_every_minutes": round(result.interval / 60, 1),
        "goodput": round(result.share, 4),
        "save_seconds": question.save,
    }


def data_of(question: Question) -> dict[str, Any]:
    """What the text is worth to this training, and the best size for its budget."""
    epochs = max(1.0, question.tokens / question.unique)
    budget = 6 * question.shape.total * question.tokens
    best = data_scaling.best_model(budget, question.unique)
    seen = min(question.unique, question.tokens)
    return {
        "epochs": round(question.tokens / question.unique, 3),
        "worth_tokens": round(data_scaling.worth(seen, epochs)),
        "most_worth_tokens": round(data_scaling.most_worth(question.unique)),
        "loss": round(data_scaling.predicted_loss(question.shape.total, seen, epochs), 4),
        "best": {"parameters": round(best.parameters), "epochs": round(best.epochs, 2), "loss": round(best.loss, 4)},
        "ceiling_flops": data_scaling.ceiling(question.unique),
        "past_ceiling": budget > data_scaling.ceiling(question.unique),
        "repeats_too_often": epochs > data_scaling.MANY_EPOCHS,
    }


def embargo_of(plan: Plan) -> dict[str, Any] | None:
    """What the plan costs on the fastest chip that is left, if anything was barred; `None` if nothing was asked."""
    question, asked = plan.question, plan.asked
    if not (question.without or question.destination):
        return None
    facts: dict[str, Any] = {
        "asked_is_barred": bool(asked.barred),
        "without": list(question.without),
        "destination": question.destination,
        "date": str(question.on),
        "rule": asked.status.line(),
        "left": [one.chip.name for one in plan.left],
    }
    if asked.barred and plan.left:
        best = plan.left[0]
        facts["instead"] = {**estimate_facts(best, question, brief=True), **extra(best, asked)}
    return facts


def extra(one: Estimate, asked: Estimate) -> dict[str, Any]:
    """What a chip costs beyond the one that was asked for, and how much less certain it is."""
    dollars: Any = UNPUBLISHED
    if one.cost.dollars and asked.cost.dollars:
        dollars = round(one.cost.dollars.middle - asked.cost.dollars.middle)
    return {
        "extra_days": round(one.cost.days.middle - asked.cost.days.middle, 2),
        "extra_dollars": dollars,
        "interval_width": round(one.cost.days.width, 2),
        "asked_interval_width": round(asked.cost.days.width, 2),
    }
