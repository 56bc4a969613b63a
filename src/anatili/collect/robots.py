"""A site's rules for crawlers: robots.txt (RFC 9309), and the signals by which owners opt out of use for training.

Signals are recorded with the date on which they were read; `cut` obeys them. They are rules in robots.txt against the
crawlers of model makers, ai.txt (Spawning), and the TDM Reservation Protocol's /.well-known/tdmrep.json. Signals in a
page itself (headers, meta tags) are read by `extract`.
"""

import json
from dataclasses import dataclass
from typing import Any

from anatili.collect.fetch import TOKEN, Fetcher, Response
from anatili.collect.network import FetchError
from anatili.urls import split_url

AI_TOKENS = (
    "GPTBot",
    "CCBot",
    "Google-Extended",
    "ClaudeBot",
    "anthropic-ai",
    "Applebot-Extended",
    "Bytespider",
    "meta-externalagent",
    "cohere-training-data-crawler",
)
"""Names of crawlers that collect training data; a rule against one of them counts as an opt-out."""
MAX_ROBOTS = 512_000
"""Maximum bytes of robots.txt that are read (RFC 9309 requires at least 500 KiB)."""


@dataclass(frozen=True)
class SiteRules:
    """The rules of a site. `problem` is set if robots.txt could not be read: then nothing may be fetched."""

    robots: Any
    ai: Any
    tdm: tuple[tuple[str, bool], ...]
    """(path pattern, whether rights are reserved), in the order of tdmrep.json."""
    read: str
    """Date on which the rules were read."""
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
        """The opt-out signals that apply to `url`, with date, separated by "; "."""
        signals = [f"robots.txt {name}" for name in AI_TOKENS if not self.robots.can_fetch(url, name)]
        if self.ai is not None and not self.ai.can_fetch(url, TOKEN):
            signals.append("ai.txt")
        path = split_url(url).path or "/"
        reserved = next((flag for pattern, flag in self.tdm if matches(pattern, path)), False)
        signals += ["tdmrep.json"] if reserved else []
        return "; ".join(f"{name} @ {self.read}" for name in signals)


def matches(pattern: str, path: str) -> bool:
    """Whether a path matches a pattern of tdmrep.json: a prefix, `*` for anything, `$` for the end."""
    # Part by part: as a regular expression, ten times `.*` take the tenth power of the path's length.
    first, *parts = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    position = len(first)
    last = parts.pop() if parts and pattern.endswith("$") else None
    for part in parts:
        start = path.find(part, position)
        if start < 0:
            return False
        position = start + len(part)
    if not pattern.endswith("$"):
        return True
    return position == len(path) if last is None else path.endswith(last) and len(path) - len(last) >= position


def read_rules(root: str, fetcher: Fetcher, today: str) -> SiteRules:
    """The rules of the site at `root` (scheme and host)."""
    from protego import Protego

    try:
        response = fetcher.get(f"{root}/robots.txt")
    except FetchError as error:
        return SiteRules(Protego.parse(""), None, (), today, f"robots.txt: {error}")
    if response.status >= 500:  # RFC 9309, 2.3.1.4: unreachable means complete disallow
        return SiteRules(Protego.parse(""), None, (), today, f"robots.txt: HTTP {response.status}")
    robots = Protego.parse(text_of(response))
    ai = read_optional(fetcher, f"{root}/ai.txt", robots)
    tdm = read_optional(fetcher, f"{root}/.well-known/tdmrep.json", robots)
    return SiteRules(robots, Protego.parse(ai) if ai else None, tdm_rules(tdm), today)


def text_of(response: Response) -> str:
    """The text of a rules file, "" if there is none (4xx means no rules)."""
    is_page = "html" in response.headers.get("content-type", "") or response.body.lstrip()[:1] == b"<"
    return response.body[:MAX_ROBOTS].decode("utf-8", "replace") if response.status == 200 and not is_page else ""


def read_optional(fetcher: Fetcher, url: str, robots: Any) -> str:
    """The text of a rules file that many sites do not have, "" if it may not or cannot be fetched."""
    if not robots.can_fetch(url, TOKEN):
        return ""
    try:
        return text_of(fetcher.get(url))
    except FetchError:
        return ""


def tdm_rules(text: str) -> tuple[tuple[str, bool], ...]:
    """The rules of tdmrep.json; none if the text is not valid."""
    try:
        rows = json.loads(text or "[]")
        return tuple((str(row["location"]), int(row["tdm-reservation"]) == 1) for row in rows)
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()
