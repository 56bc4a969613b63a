"""Serve the page of a review on this machine, or to others who have a key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from anatili.problem import Problem, not_installed
from anatili.review.session import Session
from anatili.serve.server import LOCAL_HOSTS, MIN_KEY_LENGTH, ServerConfig, accept, listen, open_browser, uvicorn_config


@dataclass(frozen=True)
class PageAddress:
    """Where the page is served."""

    host: str = "127.0.0.1"
    port: int = 0
    key: str = ""
    browser: bool = False


def start(session: Session, place: PageAddress, announce: Callable[[str], None]) -> None:
    """Serve the page until interrupted; `Problem` for an address that others can reach, without a key."""
    if place.host not in LOCAL_HOSTS and len(place.key) < MIN_KEY_LENGTH:
        raise Problem(
            f"others can reach {place.host}: set a key of {MIN_KEY_LENGTH} characters or more, for example\n"
            "  export ANATILI_KEY=\"$(python -c 'import secrets; print(secrets.token_urlsafe(32))')\""
        )
    app = local_app(session, place)
    listener = listen(place.host, place.port)
    address = f"{accept(listener)}/"
    announce(f"page  {address}  (press Ctrl-C to stop)")
    if place.browser:
        open_browser(address)
    import uvicorn

    uvicorn.Server(uvicorn_config(app, ServerConfig())).run(sockets=[listener])


def local_app(session: Session, place: PageAddress) -> Any:
    """The application for an address; `Problem` names the packages that are missing."""
    try:
        from anatili.review.api import create_app
        from anatili.serve.keys import Key, KeyRing, hash_key
        from anatili.serve.middleware import AccessRules
    except ImportError as error:
        raise Problem(not_installed("the page needs more packages", "serve")) from error
    keys = KeyRing({hash_key(place.key): Key("key")} if place.key else {})
    return create_app(session, AccessRules(keys, LOCAL_HOSTS if place.host in LOCAL_HOSTS else ()))
