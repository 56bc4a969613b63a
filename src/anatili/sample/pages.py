"""Realistic HTML around a text: menus, scripts, advertisements, comments and footers, in four styles."""

import hashlib
import tomllib
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from anatili.warc import Page

SCRIPT = (
    "<script>window.dataLayer=window.dataLayer||[];function track(e){dataLayer.push({event:e,at:Date.now()});}"
    'track("view");</script>'
)


@cache
def settings() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "pages.toml").read_text("utf-8"))


def number_of(text: str) -> int:
    """A number that depends only on `text`, to spread pages over hosts, styles and days."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def page(url: str, html: str, *, charset: str = "utf-8", headers: dict[str, str] | None = None) -> Page:
    """A captured HTML page; its time is derived from its address."""
    day = number_of(url) % 28 + 1
    return Page(
        url=url,
        time=f"2026-02-{day:02d}T{number_of(url + 'h') % 24:02d}:00:00Z",
        payload=html.encode(charset, "xmlcharrefreplace"),
        charset=charset if charset != "utf-8" else "utf-8",
        headers={"server": "nginx", **(headers or {})},
    )


def render(title: str, text: str, chrome: str, style: int, *, head: str = "", language: str = "") -> str:
    """A page in one of four styles. `chrome` is the language of menu and footer, `language` what the page declares."""
    words = settings()["words"].get(chrome) or settings()["words"][settings()["fallback"]]
    paragraphs = "\n".join(f"<p>{escape(block.strip())}</p>" for block in text.split("\n\n") if block.strip())
    body = STYLES[style % len(STYLES)](escape(title), paragraphs, words)
    return (
        f'<!DOCTYPE html>\n<html lang="{language or chrome}">\n<head>\n{head}<title>{escape(title)}</title>\n'
        '<link rel="stylesheet" href="/style.css"><style>.ad{border:1px solid red}nav li{display:inline}</style>\n'
        f"{SCRIPT}\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def menu(words: dict[str, Any]) -> str:
    items = "".join(f'<li><a href="/{i}">{escape(word)}</a></li>' for i, word in enumerate(words["menu"]))
    return f'<nav class="menu"><ul>{items}</ul></nav>'


def news(title: str, paragraphs: str, words: dict[str, Any]) -> str:
    links = "".join(f'<li><a href="/n/{i}">{escape(word)}</a></li>' for i, word in enumerate(words["menu"][1:5]))
    comments = "".join(f'<div class="comment"><b>user{i}</b> {escape(c)}</div>' for i, c in enumerate(words["comment"]))
    return (
        f'<header><div class="logo">NEWS</div>{menu(words)}</header>\n<div class="ad">{escape(words["ad"])}</div>\n'
        f'<main><article><h1>{title}</h1>\n<time datetime="2026-03-01">01.03.2026</time>\n{paragraphs}\n</article>\n'
        f"<aside><h3>{escape(words['more'])}</h3><ul>{links}</ul></aside></main>\n"
        f'<section id="comments" class="comments"><h3>{escape(words["comments"])}</h3>{comments}</section>\n'
        f"<footer>{escape(words['footer'])}</footer>"
    )


def encyclopedia(title: str, paragraphs: str, words: dict[str, Any]) -> str:
    return (
        f'<div id="sidebar">{menu(words)}</div>\n<div id="content" role="main">\n<h1 id="firstHeading">{title}</h1>\n'
        f'<div class="mw-content">{paragraphs}</div>\n</div>\n'
        f'<div class="cookie-banner">{escape(words["cookies"])}</div>\n<div id="footer">{escape(words["footer"])}</div>'
    )


def blog(title: str, paragraphs: str, words: dict[str, Any]) -> str:
    comments = "".join(f"<li class='comment'>{escape(c)}</li>" for c in words["comment"])
    return (
        f"<div class='top'>{menu(words)}</div>\n<div class='post'><h2 class='entry-title'>{title}</h2>\n"
        f"<div class='entry-content'>{paragraphs}</div>\n<div class='share'>{escape(words['share'])}: "
        f"<a href='#'>A</a> <a href='#'>B</a></div></div>\n<ol id='comments' class='commentlist'>{comments}</ol>\n"
        f"<div class='ad banner'>{escape(words['ad'])}</div><div class='footer'>{escape(words['footer'])}</div>"
    )


def portal(title: str, paragraphs: str, words: dict[str, Any]) -> str:
    return (
        f"<table width='100%' class='layout'><tr><td colspan='2'>{menu(words)}</td></tr>\n"
        f"<tr><td width='20%' class='left'><ul><li>{escape(words['more'])}</li></ul></td>\n"
        f"<td><div class='article-body'><h1>{title}</h1>{paragraphs}</div></td></tr>\n"
        f"<tr><td colspan='2' class='footer'>{escape(words['footer'])}</td></tr></table>"
    )


STYLES = (news, encyclopedia, blog, portal)
