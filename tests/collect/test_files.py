import pytest

from anatili.collect.files import far_name


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://a.kz/data/news.jsonl.gz?download=true#x", "news.jsonl.gz"),
        ("s3://store/kk/what? #1.jsonl", "what? #1.jsonl"),
        ("https://a.kz/data/..", "file"),
        ("https://a.kz/", "file"),
    ],
)
def test_what_the_file_at_an_address_is_called(address, name):
    assert far_name(address) == name
