import html
import random

from anatili.extraction.references import unescape


def test_references_are_resolved_as_html_does():
    pieces, chooser = (
        ("&", "#", "x", "X", "12", "41", "amp", "notit", ";", " ", "<", "hellip", "999999999", "D800", "é"),
        random.Random(1),
    )
    for _ in range(3000):
        page = "".join(chooser.choices(pieces, k=chooser.randrange(9)))
        assert unescape(page) == html.unescape(page)
