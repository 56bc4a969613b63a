"""A plan in sentences, for people."""

from collections.abc import Iterator
from typing import Any

from anatili.compute.chips import UNNAMED, UNPUBLISHED

MOST_LAYOUTS = 4
MOST_ALTERNATIVES = 8
SHOWN = 0.05
"""Shares of time below this are not worth a word."""


def lines(facts: dict[str, Any]) -> Iterator[str]:
    """The plan, one fact a line; figures as low, middle and high of an 80 % interval."""
    shape, text, chip = facts["shape"], facts["text"], facts["chip"]
    size = (
        f"{shape['parameters'] / 1e9:.3g} G weights"
        if shape["parameters"] > 1e8
        else f"{shape['parameters']:,} weights"
    )
    yield f"{facts['recipe']}: {size}, context {shape['context']:,} ({shape['from']})"
    words = f"{text['words'] / 1e9:g} G words x {text['tokens_per_word']:g} = " if "words" in text else ""
    yield (
        f"text     {words}{text['unique_tokens'] / 1e9:.3g} G tokens, trained on {text['tokens'] / 1e9:.3g} G "
        f"({passes(text['epochs'])})"
    )
    yield f"work     {facts['flops']:.3g} operations, {facts['flops_per_token']:.4g} per token"
    if is_unnamed(facts):
        yield f"chips    {facts['number']} x {chip['name']}: with --chips NAME the plan has memory, energy and money"
    else:
        yield (
            f"chips    {facts['number']} x {chip['name']}, TFLOPS in bfloat16 {cited(chip['bf16_tflops'])}, "
            f"GB {cited(chip['memory_gb'])}"
        )
    yield from figures(facts)
    yield from memory_lines(facts)
    failures = facts["failures"]
    every, save = failures["save_every_minutes"], failures["save_seconds"]
    yield (
        f"failures {spread(failures['expected'])} expected; save every {every:g} min, if it takes {save:g} s: "
        f"{failures['goodput']:.1%} of the time is work"
    )
    if facts["data"]:
        yield from data_lines(facts["data"])
    if facts["embargo"]:
        yield f"export   {facts['status']}"
        yield from (f"         {event}" for event in facts["events"])
    yield from embargo_lines(facts)
    for note in facts["notes"]:
        yield f"note     {note}"


def figures(facts: dict[str, Any]) -> Iterator[str]:
    """Hours, days, energy and money."""
    yield f"hours    {spread(facts['chip_hours'])} chip-hours = {spread(facts['days'])} days, by {facts['hours_from']}"
    limit = facts["link_limit"]
    told = f"the layouts allow at most {limit:g}" if isinstance(limit, float) else f"links {limit}"
    if not is_unnamed(facts):
        yield f"         utilization {spread(facts['utilization'])}; {told}"
    own = facts["own_speed"]
    if own:
        pauses = f", {own['paused']:.0%} of the time pauses" if own["paused"] >= SHOWN else ""
        yield f"         {own['tokens_per_second']:,} tokens/s{pauses}; {spread(own['hours_left'])} hours left"
        if own["waited"] >= SHOWN:
            yield (
                f"         other work on this machine took {own['waited']:.0%} of the time: without it "
                f"{own['hours_left_alone']:.3g} hours left; the interval goes up to twice as much of it"
            )
    if is_unnamed(facts):
        return
    energy, carbon = facts["megawatt_hours"], facts["tons_co2"]
    yield f"energy   {spread(energy, ' MWh')}, {spread(carbon, ' t CO2')} at {facts['grid']['grams_per_kwh']:g} g/kWh"
    price = facts["chip"]["usd_per_hour"]
    yield f"money    {spread(facts['dollars'], ' dollars')} ({price['source']})"


def memory_lines(facts: dict[str, Any]) -> Iterator[str]:
    layouts, own = facts["layouts"], facts["recipe_layout"]
    if is_unnamed(facts):
        yield f"recipe   {own['gib']:g} GiB: {own['name']}"
        return
    if not layouts:
        yield f"memory   no layout fits {facts['number']} chips: take more of them, or a chip with more memory"
    once = ", gradients exchanged once a step" if own["whole_gradients"] else ""
    yield (
        f"recipe   {own['gib']:g} GiB{'' if own['fits'] else ', does not fit'}: {own['name']}{once}; links allow "
        f"{own['link_limit']:g} of the peak"
    )
    for layout in layouts[:MOST_LAYOUTS]:
        yield f"fits     {layout['gib']:g} GiB: {layout['name']}"
    if len(layouts) > MOST_LAYOUTS:
        yield f"         and {len(layouts) - MOST_LAYOUTS} more layouts (--json)"


def data_lines(data: dict[str, Any]) -> Iterator[str]:
    best = data["best"]
    yield (
        f"best     {best['parameters'] / 1e9:.2g} G weights for this budget and text, {passes(best['epochs'])}: "
        f"loss {best['loss']:.3f} against {data['loss']:.3f} (of English text: only to compare)"
    )
    if data["repeats_too_often"]:
        yield (
            f"ceiling  {passes(data['epochs'])} are worth {data['worth_tokens'] / 1e9:.3g} G new tokens, "
            f"endless ones {data['most_worth_tokens'] / 1e9:.3g} G"
        )
    if data["past_ceiling"] or data["repeats_too_often"]:
        budget = f"{data['ceiling_flops']:.2g} operations"
        yield f"         beyond {budget}, ten times the money lowers the loss by less than 0.01"


def embargo_lines(facts: dict[str, Any]) -> Iterator[str]:
    embargo = facts["embargo"]
    if not embargo:
        return
    yield f"embargo  {'; '.join(embargo['left']) or 'nothing'} left of the chips known here"
    instead = embargo.get("instead")
    if instead:
        yield (
            f"         on {instead['chip']}: {spread(instead['days'])} days, {instead['extra_days']:+g} days, "
            f"{money(instead['extra_dollars'])}; the interval spans x{instead['interval_width']:g} instead of "
            f"x{instead['asked_interval_width']:g}"
        )
        yield f"         {instead['status']}"
    for other in facts["alternatives"][:MOST_ALTERNATIVES]:
        barred = other["barred"] or f"not barred; {other['status_name'].replace('-', ' ')}"
        barred += ", only in a cloud" if other.get("cloud_only") else ""
        barred += "" if other["layouts"] else ", no layout fits"
        yield f"         {other['chip']:12} {spread(other['days'])} days, {money(other['extra_dollars'])}: {barred}"


def is_unnamed(facts: dict[str, Any]) -> bool:
    """Whether nothing is known of the chips but the speed of a run on them."""
    return bool(facts["chip"]["name"] == UNNAMED.name)


def cited(figure: dict[str, Any]) -> str:
    """A figure with the id of its source."""
    return f"{figure['value']} ({figure['source']})" if figure["value"] != UNPUBLISHED else UNPUBLISHED


def passes(epochs: float) -> str:
    return f"{epochs:.3g} pass{'' if epochs == 1 else 'es'}"


def spread(value: Any, unit: str = "") -> str:
    """`middle [low - high]`, or that it is not published."""
    if not isinstance(value, list):
        return f"{unit.strip()} {UNPUBLISHED}".strip()
    low, middle, high = (f"{part:,.0f}" if part >= 1000 else f"{part:.3g}" for part in value)
    return f"{middle}{unit} [{low} - {high}]"


def money(value: Any) -> str:
    return f"money {value}" if isinstance(value, str) else f"{value:+,} dollars"
