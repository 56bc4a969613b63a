"""Addresses without the keys that are in them, for everything that is shown, stored or published."""

import re
from typing import Any
from urllib.parse import unquote

ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>`]+")
USER = re.compile(r"(?:[^/?#@:]{16,}@|[^/?#@:]*:(?!\d+(?:[/?#]|$))[^@]*@(?:[^/?#@:]*@)*)")
"""User and password before a host, or a long token alone; a short name alone opens nothing. A password may have a slash
in it, as keys of object stores do; a port is none."""
SIGNS = re.compile(r"([?&;#])")
SECRET = re.compile(
    r"(?<![a-z])key(?!word|board)|(?:api|access|secret|private|shared|user|license|subscription)[^a-z]?key|accessid|"
    r"token(?!i)|secret|passw|passphrase|pwd|auth(?!or)|credential|signature|session|jwt|^(?:pass|sig|sid)$",
    re.I,
)
"""Names of parameters whose values open something."""
RANDOM = re.compile(r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9+/=]{24,}")
"""Values that may be a key under any name but those of `PUBLIC`: long, letters and digits in one piece."""
PUBLIC = re.compile(r"version|revision|commit|sha|digest|hash|etag|checksum", re.I)
"""Names of parameters that say which of several contents is meant, as S3's `versionId`."""


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


def everywhere(value: Any) -> Any:
    """`value` with `without_keys` applied to every text in its lists and tables, keys of tables too."""
    if isinstance(value, str):
        return without_keys(value)
    if isinstance(value, dict):
        return {everywhere(key): everywhere(row) for key, row in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(everywhere, value))
    return value
