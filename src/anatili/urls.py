"""Web addresses taken apart and joined, whatever a crawl has for one."""

from urllib.parse import SplitResult, urljoin, urlsplit


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
