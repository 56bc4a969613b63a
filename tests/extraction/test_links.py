import pytest

from anatili.extraction.links import linked_share


@pytest.mark.parametrize(
    ("page", "body", "share"),
    [
        ("<a href=x>бір екі</a> <a>үш", "бір екі үш төрт", 0.5),
        ("<a>", "", 0),
        ("<p>бір екі</p>", "бір екі", 0),
        ("<A HREF=x>бір</A>", "бір екі", 0.5),  # a link of one word
        ("<a>бір</a><a>екі үш</a>", "бір екі төрт үш", 0.25),  # two words in a row, not one of two
        ("<a>бір екі</a><a>үш төрт</a>", "екі үш", 0),  # the end of a link and the beginning of the next
        ("<a>б&#x456;р <b>екі</b></a>", "бір екі", 1),
        ("<a>бір &am</a><a>p; екі</a>", "бір екі", 0),  # a character reference that two links share is none
        ("<a>бір\x1eекі</a><a>үш</a>", "бір екі төрт үш", 0.75),  # whatever signs the page has
        ("<a>ескі <a>бір екі</a>", "ескі бір екі", 0.6667),  # one that never ends
    ],
)
def test_the_share_of_words_in_links(page, body, share):
    assert linked_share(page, body) == share
