"""A plan in sentences, for people."""

from collections.abc import Iterator
from typing import Any

from anatili.compute.chips import UNNAMED, UNPUBLISHED
from anatili.compute.rules import sentence
from anatili.text import Say, say_in_english

MOST_LAYOUTS = 4
MOST_ALTERNATIVES = 8
SHOWN = 0.05
"""Shares of time below this are not worth a word."""


def lines(facts: dict[str, Any], say: Say = say_in_english) -> Iterator[str]:
    """The plan, one fact a line; figures as low, middle and high of an 80 % interval. `say` gives each text in the
    reader's language."""
    shape, text, failures = facts["shape"], facts["text"], facts["failures"]
    weights = shape["parameters"]
    size = f"{weights / 1e9:.3g} {say('G weights')}" if weights > 1e8 else f"{weights:,} {say('weights')}"
    origin = say(shape["from"])
    yield say(
        "{recipe}: {size}, context {context} ({origin})",
        recipe=facts["recipe"],
        size=size,
        context=f"{shape['context']:,}",
        origin=origin,
    )
    trained = say(
        "{unique} G tokens, trained on {tokens} G ({passes})",
        unique=f"{text['unique_tokens'] / 1e9:.3g}",
        tokens=f"{text['tokens'] / 1e9:.3g}",
        passes=passes(text["epochs"], say),
    )
    words = ""
    if "words" in text:
        words = say(
            "{words} G words x {rate} = ", words=f"{text['words'] / 1e9:g}", rate=f"{text['tokens_per_word']:g}"
        )
    yield line(say("text"), words + trained)
    yield line(
        say("work"),
        say(
            "{operations} operations, {each} per token",
            operations=f"{facts['flops']:.3g}",
            each=f"{facts['flops_per_token']:.4g}",
        ),
    )
    yield line(say("chips"), chips_of(facts, say))
    yield from figures(facts, say)
    yield from memory_lines(facts, say)
    yield line(
        say("failures"),
        say(
            "{expected} expected; save every {every} min, if it takes {save} s: {share} of the time is work",
            expected=spread(failures["expected"], say),
            every=f"{failures['save_every_minutes']:g}",
            save=f"{failures['save_seconds']:g}",
            share=f"{failures['goodput']:.1%}",
        ),
    )
    if facts["data"]:
        yield from data_lines(facts["data"], say)
    if facts["embargo"]:
        yield line(say("export"), sentence(facts["rule"], say))
        yield from (line("", say(event)) for event in facts["events"])
    yield from embargo_lines(facts, say)
    for note in facts["notes"]:
        yield line(say("note"), say(note))


def line(label: str, text: str) -> str:
    """A line of the plan, under its label."""
    return f"{label:8} {text}"


def chips_of(facts: dict[str, Any], say: Say) -> str:
    """The chips, with the figures that the plan rests on."""
    number, chip = facts["number"], facts["chip"]
    if is_unnamed(facts):
        return say("{number} x an unnamed chip: with --chips NAME the plan has memory, energy and money", number=number)
    return say(
        "{number} x {chip}, TFLOPS in bfloat16 {peak}, GB {memory}",
        number=number,
        chip=chip["name"],
        peak=cited(chip["bf16_tflops"], say),
        memory=cited(chip["memory_gb"], say),
    )


def figures(facts: dict[str, Any], say: Say) -> Iterator[str]:
    """Hours, days, energy and money."""
    yield line(
        say("hours"),
        say(
            "{hours} chip-hours = {days} days, by {origin}",
            hours=spread(facts["chip_hours"], say),
            days=spread(facts["days"], say),
            origin=say(facts["hours_from"]),
        ),
    )
    limit = facts["link_limit"]
    told = say("links not published")
    if isinstance(limit, float):
        told = say("the layouts allow at most {limit}", limit=f"{limit:g}")
    if not is_unnamed(facts):
        yield line("", say("utilization {share}", share=spread(facts["utilization"], say)) + f"; {told}")
    if facts["own_speed"]:
        yield from own_lines(facts["own_speed"], say)
    if is_unnamed(facts):
        return
    energy, carbon = facts["megawatt_hours"], facts["tons_co2"]
    grams = say(" at {grams} g/kWh", grams=f"{facts['grid']['grams_per_kwh']:g}")
    yield line(say("energy"), f"{spread(energy, say, ' MWh')}, {spread(carbon, say, ' t CO2')}{grams}")
    yield line(say("money"), f"{spread(facts['dollars'], say, ' dollars')} ({say(facts['price_from'])})")


def own_lines(own: dict[str, Any], say: Say) -> Iterator[str]:
    """What the log of the run itself says."""
    speed, left = f"{own['tokens_per_second']:,}", spread(own["hours_left"], say)
    if own["paused"] >= SHOWN:
        yield line(
            "",
            say(
                "{speed} tokens/s, {share} of the time pauses; {left} hours left",
                speed=speed,
                share=f"{own['paused']:.0%}",
                left=left,
            ),
        )
    else:
        yield line("", say("{speed} tokens/s; {left} hours left", speed=speed, left=left))
    if own["waited"] >= SHOWN:
        yield line(
            "",
            say(
                "other work on this machine took {share} of the time: without it {hours} hours left; the interval goes "
                "up to twice as much of it",
                share=f"{own['waited']:.0%}",
                hours=f"{own['hours_left_alone']:.3g}",
            ),
        )


def memory_lines(facts: dict[str, Any], say: Say) -> Iterator[str]:
    layouts, own = facts["layouts"], facts["recipe_layout"]
    needed = f"{own['gib']:g} {say('GiB')}"
    if is_unnamed(facts):
        yield line(say("recipe"), f"{needed}: {own['name']}")
        return
    if not layouts:
        yield line(
            say("memory"),
            say("no layout fits {number} chips: take more of them, or a chip with more memory", number=facts["number"]),
        )
    fits = "" if own["fits"] else say(", does not fit")
    once = say(", gradients exchanged once a step") if own["whole_gradients"] else ""
    links = say("links not published")
    if isinstance(own["link_limit"], float):
        links = say("links allow {share} of the peak", share=f"{own['link_limit']:g}")
    yield line(say("recipe"), f"{needed}{fits}: {own['name']}{once}; {links}")
    for layout in layouts[:MOST_LAYOUTS]:
        yield line(say("fits"), f"{layout['gib']:g} {say('GiB')}: {layout['name']}")
    if len(layouts) > MOST_LAYOUTS:
        yield line("", say("and {number} more layouts (--json)", number=len(layouts) - MOST_LAYOUTS))


def data_lines(data: dict[str, Any], say: Say) -> Iterator[str]:
    best = data["best"]
    yield line(
        say("best"),
        say(
            "{size} G weights for this budget and text, {passes}: loss {loss} against {own} "
            "(of English text: only to compare)",
            size=f"{best['parameters'] / 1e9:.2g}",
            passes=passes(best["epochs"], say),
            loss=f"{best['loss']:.3f}",
            own=f"{data['loss']:.3f}",
        ),
    )
    if data["repeats_too_often"]:
        yield line(
            say("ceiling"),
            say(
                "{passes} are worth {tokens} G new tokens, endless ones {most} G",
                passes=passes(data["epochs"], say),
                tokens=f"{data['worth_tokens'] / 1e9:.3g}",
                most=f"{data['most_worth_tokens'] / 1e9:.3g}",
            ),
        )
    if data["past_ceiling"] or data["repeats_too_often"]:
        yield line(
            "",
            say(
                "beyond {operations} operations, ten times the money lowers the loss by less than 0.01",
                operations=f"{data['ceiling_flops']:.2g}",
            ),
        )


def embargo_lines(facts: dict[str, Any], say: Say) -> Iterator[str]:
    embargo = facts["embargo"]
    if not embargo:
        return
    yield line(
        say("embargo"), say("{names} left of the chips known here", names="; ".join(embargo["left"]) or say("nothing"))
    )
    instead = embargo.get("instead")
    if instead:
        yield line(
            "",
            say(
                "on {chip}: {days} days, {more} days, {money}; the interval spans x{width} instead of x{own}",
                chip=instead["chip"],
                days=spread(instead["days"], say),
                more=f"{instead['extra_days']:+g}",
                money=money(instead["extra_dollars"], say),
                width=f"{instead['interval_width']:g}",
                own=f"{instead['asked_interval_width']:g}",
            ),
        )
        yield line("", sentence(instead["rule"], say))
    for other in facts["alternatives"][:MOST_ALTERNATIVES]:
        status = say(other["status_name"].replace("-", " "))
        barred = say(other["barred"]) if other["barred"] else say("not barred; {status}", status=status)
        barred += say(", only in a cloud") if other.get("cloud_only") else ""
        barred += "" if other["layouts"] else say(", no layout fits")
        days = f"{spread(other['days'], say)} {say('days')}"
        yield line("", f"{other['chip']:12} {days}, {money(other['extra_dollars'], say)}: {barred}")


def is_unnamed(facts: dict[str, Any]) -> bool:
    """Whether nothing is known of the chips but the speed of a run on them."""
    return bool(facts["chip"]["name"] == UNNAMED.name)


def cited(figure: dict[str, Any], say: Say) -> str:
    """A figure with the id of its source."""
    return f"{figure['value']} ({figure['source']})" if figure["value"] != UNPUBLISHED else say(UNPUBLISHED)


def passes(epochs: float, say: Say) -> str:
    return f"{epochs:.3g} {say('pass' if epochs == 1 else 'passes')}"


def spread(value: Any, say: Say, unit: str = "") -> str:
    """`middle [low - high]`, or that it is not published."""
    unit = unit and f" {say(unit.strip())}"
    if not isinstance(value, list):
        return f"{unit.strip()} {say(UNPUBLISHED)}".strip()
    low, middle, high = (f"{part:,.0f}" if part >= 1000 else f"{part:.3g}" for part in value)
    return f"{middle}{unit} [{low} - {high}]"


def money(value: Any, say: Say) -> str:
    """Dollars beyond those of the chip that was asked for."""
    return say("money not published") if isinstance(value, str) else f"{value:+,} {say('dollars')}"
