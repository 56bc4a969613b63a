"""Open a person's own documents."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from anatili.documents.collection import Collection, folder_of
from anatili.documents.reader import Readers
from anatili.documents.sessions import Sessions
from anatili.lang import LanguagePack
from anatili.weights import cache_folder

MOST_READERS = 4


def open_readers(packs: Mapping[str, LanguagePack]) -> Readers:
    """Processes that read files: one for every two processors."""
    return Readers(list(packs), max(1, min(MOST_READERS, (os.cpu_count() or 1) // 2)))


def open_collection(
    sources: Sequence[str | Path],
    packs: dict[str, LanguagePack],
    readers: Readers,
    private_hosts: frozenset[str] = frozenset(),
) -> Collection:
    """The collection of these folders, files and addresses; its index is in the cache, so it is made only once."""
    named = [str(source) for source in sources]
    return Collection(named, packs, folder_of(named, packs, cache_folder()), readers, private_hosts=private_hosts)


def open_sessions(packs: dict[str, LanguagePack], readers: Readers) -> Sessions:
    """The sessions of a server's visitors, with what earlier ones asked to keep."""
    return Sessions(cache_folder() / "sessions", packs, readers)
