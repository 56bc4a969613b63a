"""Web addresses taken apart and joined, whatever a crawl has for one, and shown without the keys in them."""

import re
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

ADDRESS = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z0-9+.-]+://[^\s\"'<>`]+")
USER = re.compile(r"\A(?:[^/?#@:]{16,}@|[^/?#@:]*:(?!\d+(?:[/?#]|$))[^@]*@(?:[^/?#@:]*@)*)")
"""User and password before a host, or a long token alone; a short name alone opens nothing. A password may have a slash
in it, as keys of object stores do; a port is none."""
SIGNS = re.compile(r"([?&;#])")
SECRET = re.compile(
    r"(?<![a-z])key(?!word|board)|(?:api|access|secret|private|shared|user|license|subscription)[^a-z]?key|accessid|"
    r"token(?!i)|secret|passw|passphrase|pwd|auth(?!or)|credential|signature|session|jwt|^(?:pass|sig|sid)$",
    re.I,
)
"""Names of parameters whose values open something."""
RANDOM = re.compile(r"\A(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9+/=]{24,}")
"""Values that may be a key under any name but those of `PUBLIC`: long, letters and digits in one piece."""
PUBLIC = re.compile(r"version|revision|commit|sha|digest|hash|etag|checksum", re.I)
"""Names of parameters that say which of several contents is meant, as S3's `versionId`."""


def split_url(url: str) -> SplitResult:
    """The parts of an address, all empty if it is malformed: crawls contain addresses such as `https://[::1/x`."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def host_of(url: str) -> str:
    """Host and port of an address; "" if it has none."""
    return split_url(url).netloc


def join_url(base: str, url: str) -> str:
    """The address that `url` refers to on the page `base`; "" if it is malformed."""
    try:
        return urljoin(base, url)
    except ValueError:
        return ""


def without_keys(text: str) -> str:
    """A text with user, password and the parameters that are keys cut off from every address in it.

    Other parameters stay, as they say what was fetched. A text without such an address is returned as it is.
    """
    return ADDRESS.sub(lambda match: _without_keys(match[0]), text) if "://" in text else text


def _without_keys(address: str) -> str:
    scheme, _, rest = address.partition("://")
    user = USER.match(rest)
    kept, *parts = SIGNS.split(rest[user.end() :] if user else rest)
    lost = ""
    for sign, part in zip(parts[::2], parts[1::2], strict=True):
        name, _, value = part.partition("=")
        if SECRET.search(unquote(name)) or (RANDOM.fullmatch(unquote(value)) and not PUBLIC.search(name)):
            lost = lost or sign
        else:
            # The first that is left begins the query.
            kept += (lost if lost == "?" and sign in "&;" else sign) + part
            lost = ""
    return f"{scheme}://{kept}"


def without_keys_anywhere(value: Any) -> Any:
    """`value` with `without_keys` applied to every text in its lists and tables, keys of tables too."""
    if isinstance(value, str):
        return without_keys(value)
    if isinstance(value, dict):
        return {without_keys_anywhere(key): without_keys_anywhere(row) for key, row in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(without_keys_anywhere, value))
    return value
