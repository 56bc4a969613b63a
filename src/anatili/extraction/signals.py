"""What a page says about itself to machines: that its owner opts out of training, that a machine translated it."""

import re

from anatili.urls import host_of

OPT_OUT_HEADER = "x-anatili-opt-out"
"""Header in which `collect` passes on the opt-out signals of the whole site, each with its date."""
# Names of elements are spelled out, because re.I would look at every character before them.
ROOT = re.compile(r"<[hH][tT][mM][lL]\b[^>]{0,2000}>")
ATTRIBUTE = re.compile(r"(?<![\w-])([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))")
NO_TRAINING = ("noai", "noimageai", "notrain")
RESERVED = "tdm-reservation"
CRAWLERS = ("robots", "ccbot", "gptbot", "google-extended", "anatili")
"""Names of meta tags that may refuse training."""
MACHINE_CLASS = re.compile(r"\b(?:translated-(?:ltr|rtl)|conveythis-translated|machine-translated)\b", re.I)
"""Classes that machine translation services set on the root element of pages that they translated."""
MACHINE_NAMES = ("x-translated-by", "translated-by", "translation-method", "translation-type")
"""Names of meta tags that say how a page was translated."""
MACHINE_WORDS = re.compile(
    r"\b(?:machine|automatic|auto|mt|google|gtranslate|deepl|bing|yandex|libretranslate)\b", re.I
)
"""Words in these tags that name a machine."""
SERVED = re.compile(
    r"(?:^|\.)(?:translate\.goog|translate\.googleusercontent\.com|translatetheweb\.com|translated\.turbopages\.org)$"
)
"""Hosts that serve translations of other sites' pages."""
WRAPPED = r" style=\"vertical-align: ?inherit;?\">"
"""What a browser's translator wraps around each piece of text, twice; saved pages keep it."""
SIGN = re.compile(rf"<(?:[mM][eE][tT][aA]\b[^>]{{0,2000}}>|[fF][oO][nN][tT](?i:{WRAPPED}\s{{0,20}}<font{WRAPPED}))")
MANY_PIECES = 10
HEAD = 200_000
"""Characters of a page that are searched for such signals."""
Meta = dict[str, str]
"""The attributes of a meta tag, with lowercase names."""


def signals(page: str, headers: dict[str, str]) -> str:
    """Signals by which a page's owner opts out of training, from HTTP headers and meta tags, separated by "; "."""
    return both_signals(page, headers)[0]


def translation_signals(page: str, url: str = "") -> str:
    """Signals that this page was machine-translated: marks that translation services leave in their output.

    A widget that offers translation, or links to the page in many languages, do not count: people translate too.
    """
    return both_signals(page, {}, url)[1]


def both_signals(page: str, headers: dict[str, str], url: str = "") -> tuple[str, str]:
    """`signals` and `translation_signals` of a page, in one pass."""
    head = page[:HEAD]
    signs = SIGN.findall(head)
    tags = [sign for sign in signs if sign[1] in "mM"]
    named, root = metas(tags), ROOT.search(head)
    return refusals(named, headers), translations(named, root[0] if root else "", len(signs) - len(tags), url)


def metas(tags: list[str]) -> list[Meta]:
    """Those meta tags that may hold a signal."""
    said = " ".join(tags).lower()
    among = [name for name in (RESERVED, *CRAWLERS, *MACHINE_NAMES) if name in said]
    return [attributes(tag) for tag in tags if among and any(name in tag.lower() for name in among)]


def refusals(named: list[Meta], headers: dict[str, str]) -> str:
    found = []
    robots = headers.get("x-robots-tag", "").lower()
    found += [f"X-Robots-Tag: {word}" for word in NO_TRAINING if re.search(rf"\b{word}\b", robots)]
    found += filter(None, headers.get(OPT_OUT_HEADER, "").split("; "))
    if headers.get(RESERVED, "").strip() == "1":
        found.append(f"{RESERVED}: 1")
    for meta in named:
        name, content = meta.get("name", "").lower(), meta.get("content", "").lower()
        if name == RESERVED and content.strip() == "1":
            found.append(f"meta {RESERVED}: 1")
        if name in CRAWLERS:
            found += [f"meta {name}: {word}" for word in NO_TRAINING if re.search(rf"\b{word}\b", content)]
    return "; ".join(dict.fromkeys(found))


def translations(named: list[Meta], root: str, wrapped: int, url: str) -> str:
    """`root`: the tag of the page's root; `wrapped`: pieces that a browser's translator wrapped."""
    signs = {sign.lower() for sign in MACHINE_CLASS.findall(root)}
    for meta in named:
        name, content = meta.get("name", meta.get("http-equiv", "")).lower(), meta.get("content", "")
        if name in MACHINE_NAMES and MACHINE_WORDS.search(content):
            signs.add(f"meta {name}: {content[:40]}")
    if wrapped >= MANY_PIECES:
        signs.add("text wrapped by a translator")
    host = host_of(url).partition(":")[0].lower()
    if SERVED.search(host):
        signs.add(f"served by {host}")
    return "; ".join(sorted(signs))


def attributes(tag: str) -> Meta:
    return {key.lower(): (a or b or c) for key, a, b, c in ATTRIBUTE.findall(tag)}
