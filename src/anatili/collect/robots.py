"""What a site asks of crawlers: robots.txt (RFC 9309), and the signals by which owners refuse use for training.

Signals are recorded with the date on which they were read; `cut` obeys them. They are: rules of robots.txt against the
crawlers of model makers, ai.txt (Spawning), and the TDM Reservation Protocol's /.well-known/tdmrep.json. What a page
itself says (headers, meta tags) is found by `extract`.
"""

import json
from dataclasses import dataclass
from typing import Any

from anatili.collect.fetch import TOKEN, Answer, Fetcher
from anatili.collect.network import FetchError
from anatili.text import split_url

AI_TOKENS = ("GPTBot", "CCBot", "Google-Extended", "ClaudeBot", "anthropic-ai", "Applebot-Extended", "Bytespider",
             "meta-externalagent", "cohere-training-data-crawler")  # fmt: skip
"""Names under which model makers gather training data; a rule against one of them is a refusal."""
MAX_ROBOTS = 512_000
"""Bytes of robots.txt that are read (RFC 9309 asks for at least 500 KiB)."""


@dataclass(frozen=True)
class Rules:
    """What a site asks. `problem` is set where robots.txt could not be reached: then nothing may be fetched."""

    robots: Any
    ai: Any
    tdm: tuple[tuple[str, bool], ...]
    """(pattern of a path, whether rights are reserved) in order of tdmrep.json."""
    read: str
    """Date on which it was read."""
    problem: str = ""

    def allows(self, url: str) -> bool:
        return not self.problem and bool(self.robots.can_fetch(url, TOKEN))

    @property
    def delay(self) -> float:
        """Seconds between requests that the site asks for."""
        return min(60.0, float(self.robots.crawl_delay(TOKEN) or 0.0))

    @property
    def sitemaps(self) -> list[str]:
        return list(self.robots.sitemaps)

    def refusals(self, url: str) -> str:
        """Signals against training that hold for `url`, with date, parted by "; "."""
        found = [f"robots.txt {name}" for name in AI_TOKENS if not self.robots.can_fetch(url, name)]
        if self.ai is not None and not self.ai.can_fetch(url, TOKEN):
            found.append("ai.txt")
        path = split_url(url).path or "/"
        reserved = next((flag for pattern, flag in self.tdm if matches(pattern, path)), False)
        found += ["tdmrep.json"] if reserved else []
        return "; ".join(f"{name} @ {self.read}" for name in found)


def matches(pattern: str, path: str) -> bool:
    """Whether a path fits a pattern of tdmrep.json: a prefix, `*` for anything, `$` for the end."""
    # Part by part: as a pattern, ten of `.*` take the tenth power of the path's length.
    first, *parts = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    last = parts.pop() if parts and pattern.endswith("$") else None
    for part in parts:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    if not pattern.endswith("$"):
        return True
    return at == len(path) if last is None else path.endswith(last) and len(path) - len(last) >= at


def read_rules(root: str, fetcher: Fetcher, today: str) -> Rules:
    """The rules of the site at `root` (scheme and host)."""
    from protego import Protego

    try:
        answer = fetcher.get(f"{root}/robots.txt")
    except FetchError as error:
        return Rules(Protego.parse(""), None, (), today, f"robots.txt: {error}")
    if answer.status >= 500:  # RFC 9309, 2.3.1.4: unreachable means complete disallow
        return Rules(Protego.parse(""), None, (), today, f"robots.txt: HTTP {answer.status}")
    robots = Protego.parse(said(answer))
    ai = optional(fetcher, f"{root}/ai.txt", robots)
    tdm = optional(fetcher, f"{root}/.well-known/tdmrep.json", robots)
    return Rules(robots, Protego.parse(ai) if ai else None, tdm_rules(tdm), today)


def said(answer: Answer) -> str:
    """The text of a rules file, "" where there is none (4xx means no rules)."""
    is_page = "html" in answer.headers.get("content-type", "") or answer.body.lstrip()[:1] == b"<"
    return answer.body[:MAX_ROBOTS].decode("utf-8", "replace") if answer.status == 200 and not is_page else ""


def optional(fetcher: Fetcher, url: str, robots: Any) -> str:
    if not robots.can_fetch(url, TOKEN):
        return ""
    try:
        return said(fetcher.get(url))
    except FetchError:
        return ""


def tdm_rules(text: str) -> tuple[tuple[str, bool], ...]:
    """The rules of tdmrep.json; none if it is no such file."""
    try:
        rows = json.loads(text or "[]")
        return tuple((str(row["location"]), int(row["tdm-reservation"]) == 1) for row in rows)
    except (ValueError, TypeError, KeyError):
        return ()
