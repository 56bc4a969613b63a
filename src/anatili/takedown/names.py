"""What a takedown names: addresses, ids and hosts, given one by one or in a list."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from anatili.problem import Problem
from anatili.takedown_log import plain_host
from anatili.text import show_path
from anatili.text_files import read_lines
from anatili.urls import host_of

ID = re.compile(r"[0-9a-f]{24}")
CONTRIBUTION = re.compile(r"commons:\w{1,64}")
"""The address of a line that somebody gave to a commons, as in `withdrawn.txt`; it has no host."""
HOST = re.compile(r"(?:[\w-]{1,63}\.){1,20}[\w-]{1,63}(?::\d{1,5})?")


@dataclass(frozen=True)
class Names:
    """What is to be taken down."""

    urls: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.urls or self.ids or self.hosts)


def names_of(
    urls: Iterable[str] = (), ids: Iterable[str] = (), hosts: Iterable[str] = (), files: Iterable[Path] = ()
) -> Names:
    """The names given; a line of a file is an address, an id or a host, and `#` begins a comment."""
    urls, ids, hosts = list(urls), list(ids), [plain_host(host) for host in hosts]
    for file in files:
        for number, name in lines_of(file):
            if "://" in name or CONTRIBUTION.fullmatch(name):
                urls.append(name)
            elif ID.fullmatch(name):
                ids.append(name)
            elif HOST.fullmatch(name):
                hosts.append(plain_host(name))
            else:
                raise Problem(f"{show_path(file)}:{number}: {name[:80]!r} is neither an address, nor an id, nor a host")
    for url in urls:
        if not (host_of(url) or CONTRIBUTION.fullmatch(url)):
            raise Problem(f"{url[:200]!r} is not an address; write it whole, such as https://example.kz/page")
    unique = (tuple(dict.fromkeys(names)) for names in (urls, ids, hosts))
    return Names(*unique)


def lines_of(file: Path) -> list[tuple[int, str]]:
    """The lines of a list with their numbers, without comments and empty lines."""
    lines = ((number, line.partition("#")[0].strip()) for number, line in enumerate(read_lines(file), 1))
    return [(number, line) for number, line in lines if line]
