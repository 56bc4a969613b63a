"""Plots of a plan: days against chips with intervals, and loss against money with the ceiling of the text."""

from pathlib import Path

from anatili.compute import data_scaling
from anatili.compute.plan import Estimate, Plan
from anatili.plot import DARK, LIGHT, WARM, finish, start
from anatili.problem import Problem

HATCH = "////"
DECADES = (-3, 3)
"""Budgets that are drawn, in decades below and above the plan's own."""
ENDLESS = 1e15
"""Tokens that stand for a text without end."""


def draw_days(path: Path, plan: Plan) -> None:
    """A bar for each chip that holds the model, with its 80 % interval; hatched where something bars it."""
    rows = [estimate for estimate in (plan.asked, *plan.others) if estimate.fitting and not estimate.chip.cloud_only]
    if not rows:
        raise Problem(
            f"{plan.question.number} chips of no kind hold this model, so there are no days to draw: take more chips, "
            "or leave the plot out"
        )
    rows.sort(key=lambda estimate: estimate.cost.days.middle)
    plot, figure = start(path, (8, 1.4 + 0.34 * len(rows)))
    axes = figure.subplots()
    for position, estimate in enumerate(rows):
        days = estimate.cost.days
        color = WARM if estimate is plan.asked else LIGHT
        hatch = HATCH if estimate.barred else None
        axes.barh(position, days.middle, color=color, hatch=hatch, edgecolor=DARK, linewidth=0.8)
        ends = [[days.middle - days.low], [days.high - days.middle]]
        axes.errorbar(days.middle, position, xerr=ends, color=DARK, capsize=3, linewidth=1.2)
        axes.text(days.high * 1.08, position, label(estimate), va="center", fontsize=8)
    names = [estimate.chip.name + (" (asked)" if estimate is plan.asked else "") for estimate in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    shortest, longest = min(row.cost.days.low for row in rows), max(row.cost.days.high for row in rows)
    axes.set_xlim(shortest / 2, longest * 12)
    question = plan.question
    axes.set(
        xlabel=f"days on {question.number} chips, with 80 % intervals (log scale); hatched: barred",
        title=f"{question.name}: {question.shape.total / 1e9:.1f} G weights, {question.tokens / 1e9:.3g} G tokens",
    )
    axes.grid(axis="x", alpha=0.3)
    finish(plot, figure, path)


def label(estimate: Estimate) -> str:
    days = estimate.cost.days
    return f"{days.middle:.2g} [{days.low:.2g} - {days.high:.2g}]" + (f", {estimate.barred}" if estimate.barred else "")


def draw_money(path: Path, plan: Plan) -> None:
    """The lowest loss for a budget with this text and with endless text; in chip-hours if no price is published."""
    question, cost = plan.question, plan.asked.cost
    own_flops = 6 * question.shape.total * question.tokens
    low, high = DECADES
    budgets = [own_flops * 10 ** (step / 10) for step in range(10 * low, 10 * high + 1)]
    own = cost.dollars.middle if cost.dollars else cost.chip_hours.middle
    plot, figure = start(path)
    axes = figure.subplots()
    money = [own * budget / own_flops for budget in budgets]
    axes.plot(
        money,
        [data_scaling.best_model(budget, question.unique).loss for budget in budgets],
        color=DARK,
        label=f"best model, {question.unique / 1e9:.3g} G tokens of text",
    )
    axes.plot(
        money,
        [data_scaling.best_model(budget, ENDLESS).loss for budget in budgets],
        color=LIGHT,
        linestyle="--",
        label="best model, endless text",
    )
    seen = min(question.unique, question.tokens)
    loss = data_scaling.predicted_loss(question.shape.total, seen, max(1.0, question.tokens / question.unique))
    axes.plot(own, loss, "o", color=WARM, label="this plan")
    ceiling = data_scaling.ceiling(question.unique) * own / own_flops
    if money[0] < ceiling < money[-1]:
        axes.axvline(ceiling, color=WARM, linestyle=":", label="beyond: tenfold money, loss down by less than 0.01")
    unit = "dollars" if cost.dollars else "chip-hours (no price published)"
    axes.set_xscale("log")
    axes.set(
        xlabel=f"{unit} on {plan.asked.chip.name}, middle of the interval (log scale)",
        ylabel="predicted loss, nats per token of English text",
        title=f"{question.name}: what more money buys",
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    finish(plot, figure, path)
