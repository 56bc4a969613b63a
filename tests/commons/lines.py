"""A commons for tests: lines of Kazakh words, given and accepted without a server."""

import random
import secrets
from pathlib import Path

from sqlalchemy import RowMapping, update

from anatili.commons.contribution import Contribution, digest_of
from anatili.commons.database import Database
from anatili.commons.schema import people
from anatili.commons.store import Commons
from anatili.lang import load_pack

SPOKEN = """
    таң өзен тау дала жел күн ай жұлдыз бала ана әке аға іні апа қарындас кітап мектеп ауыл қала жол көл орман құс
    балық ат түйе қой сиыр нан сүт ет шай су от үй есік терезе үстел орындық қалам дәптер сабақ ән күй өлең ертегі
"""
WORDS = SPOKEN.split()


def open_commons(address: str | Path) -> Commons:
    return Commons(Database(str(address)), {code: load_pack(code) for code in ("kk", "ru", "en")})


def text_of(number: int, length: int = 8) -> str:
    """A line of Kazakh words unlike those of other numbers."""
    return " ".join(random.Random(number).choices(WORDS, k=length)).capitalize() + f" {number}."


def join(commons: Commons, license: str = "CC0-1.0") -> RowMapping:  # noqa: A002
    """A contributor of whom a moderator has accepted a line."""
    token = digest_of(secrets.token_urlsafe(32))
    commons.join(token, license, "kk", "the words consented to")
    make_known(commons)
    return commons.person(token)


def make_known(commons: Commons) -> None:
    """As if a moderator had accepted a line of everybody who is there."""
    with commons.database.write() as connection:
        connection.execute(update(people).values(known=True))


def accept(commons: Commons, author: RowMapping, **fields: str) -> str:
    """Give a line and let two people accept it; its id."""
    values = {"id": secrets.token_hex(16), "language": "kk"} | fields
    line = Contribution.model_validate(values)
    assert commons.give(author, line)["state"] == "waiting"
    for _ in range(2):
        state = commons.vote(join(commons), line.id, True)
    assert state == "accepted"
    return line.id
