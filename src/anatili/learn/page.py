"""A lesson as one offline page: nothing from elsewhere, readable on a telephone and on paper.

The file in the learner's folder has no scripts. As `anatili learn page` serves it, it also has buttons that run the
lesson's commands, and fields for the answers.
"""

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from anatili.learn.learner import Learner
from anatili.learn.lesson import Lesson, say, words
from anatili.learn.markup import ANSWERS_OF, BY_COMMAND, Block, cells, is_command, spans

TAGS = {"code": "code", "strong": "strong", "em": "em"}
LINKS = '<link rel="stylesheet" href="/static/page.css">\n<link rel="icon" href="/static/icon.svg">'
STYLE = Path(__file__).parent / "static" / "page.css"


def page(blocks: tuple[Block, ...], lesson: Lesson, learner: Learner) -> str:
    """The page that stands in the learner's folder."""
    style = f"<style>\n{STYLE.read_text('utf-8')}</style>"
    return document(blocks, lesson, learner, style, "\n".join(html(block) for block in blocks[1:]))


def live_page(blocks: tuple[Block, ...], lesson: Lesson, learner: Learner, answers: Mapping[str, Any]) -> str:
    """The page as it is served, with buttons and fields; `answers` stand in the fields already."""
    head = LINKS + '\n<script type="module" src="/static/page.js"></script>'
    values = {name: escape(words(f"page.{name}")[learner.language]) for name in ("running", "done", "failed", "losses")}
    data = "".join(f' data-{name}="{value}"' for name, value in values.items())
    body = "\n".join(live_parts(blocks[1:], lesson, learner.language, answers))
    return document(blocks, lesson, learner, head, f'<div id="lesson" data-lesson="{lesson.number}"{data}>{body}</div>')


def live_parts(blocks: tuple[Block, ...], lesson: Lesson, language: str, answers: Mapping[str, Any]) -> Iterator[str]:
    """The parts of a served page."""
    number = 0
    for block in blocks:
        if block.kind in ("sh", "text") and any(map(is_command, block.lines)):
            for line in block.lines:
                yield command(line, number, language) if is_command(line) else html(Block("text", (line,)))
                if line == lesson.file.plot:
                    yield '<div class="losses" role="img" hidden></div>'
                number += is_command(line)
        elif block.id.startswith(ANSWERS_OF):
            yield answer_form(lesson, int(block.id.removeprefix(ANSWERS_OF)), language, answers)
        elif block.id == BY_COMMAND:
            continue
        elif block.id == "glossary" and block.kind == "heading":
            yield open_form(language, answers)
            yield html(block)
        else:
            yield html(block)


def command(line: str, number: int, language: str) -> str:
    """A command, the button that runs it, and the place for what it prints."""
    run, code = escape(words("page.run")[language]), escape(line)
    return (
        f'<div class="command"><pre class="sh" tabindex="0"><code>{code}</code></pre>'
        f'<button type="button" data-command="{number}" aria-label="{run}: {code}">{run}</button></div>'
        f'<pre class="live" tabindex="0" role="log" aria-label="{code}" hidden></pre>'
    )


def answer_form(lesson: Lesson, number: int, language: str, answers: Mapping[str, Any]) -> str:
    """The fields of an exercise, the button that has it marked, and the place for the verdict."""
    given = answers.get(f"exercise-{number}")
    own = given if isinstance(given, dict) else {}
    fields = "".join(
        f"<label><code>{answer.key}</code>: {inline(answer.ask[language])}"
        f'<input name="{answer.key}" value="{escape(str(own.get(answer.key, "")))}" autocomplete="off"></label>'
        for answer in lesson.file.exercises[number - 1].answers
    )
    check = escape(words("page.mark")[language])
    return (
        f'<form class="answers" data-exercise="{number}">{fields}<button>{check}</button>'
        '<p class="verdict" role="status"></p></form>'
    )


def open_form(language: str, answers: Mapping[str, Any]) -> str:
    given = answers.get("open")
    text = str(given.get("text", "")) if isinstance(given, dict) else ""
    return (
        f'<form class="answers" data-open><label>{escape(words("page.open")[language])}'
        f'<textarea name="text" rows="5">{escape(text)}</textarea></label>'
        f'<button>{escape(words("page.save")[language])}</button><p class="verdict" role="status"></p></form>'
    )


def document(blocks: tuple[Block, ...], lesson: Lesson, learner: Learner, head: str, body: str) -> str:
    """The whole page, with a list of its headings."""
    language = learner.language
    links = "".join(
        f'<li><a href="#{block.id}">{inline(block.text)}</a></li>' for block in blocks if block.kind == "heading"
    )
    title = blocks[0]
    about = say("page.about", language, name=learner.name, minutes=lesson.file.minutes, draw=learner.draw(lesson).id)
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title.text)}</title>\n{head}\n</head>\n<body>\n<header>\n"
        f'<h1>{inline(title.text)}</h1>\n<p class="about">{escape(about)}</p>\n'
        f"<blockquote><p>{escape(words('page.review')[language])}</p></blockquote>\n</header>\n"
        f'<nav aria-label="{escape(words("page.contents")[language])}"><ol>{links}</ol></nav>\n<main>\n'
        + body
        + "\n</main>\n</body>\n</html>\n"
    )


def list_page(rows: list[dict[str, Any]], language: str) -> str:
    """The list of lessons, as it is served."""
    title = escape(words("page.title")[language])
    items = "".join(
        f'<li><a href="/{row["number"]}">{escape(row["title"])}</a><span>'
        f"{escape(say('page.progress', language, **{key: row[key] for key in row if key != 'language'}))}</span></li>"
        for row in rows
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n{LINKS}\n</head>\n<body>\n<main>\n"
        f'<h1>{title}</h1>\n<ul class="lessons">{items}</ul>\n</main>\n</body>\n</html>\n'
    )


def html(block: Block) -> str:
    match block.kind:
        case "heading":
            return f'<h2 id="{block.id}">{inline(block.text)}</h2>'
        case "items" | "steps":
            tag = "ul" if block.kind == "items" else "ol"
            return f"<{tag}>" + "".join(f"<li>{inline(line)}</li>" for line in block.lines) + f"</{tag}>"
        case "note":
            return f"<blockquote><p>{inline(block.text)}</p></blockquote>"
        case "table":
            head, *rows = ([inline(cell) for cell in cells(row)] for row in block.lines)
            body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
            heads = "".join(f'<th scope="col">{cell}</th>' for cell in head)
            return f'<div class="scroll" tabindex="0" role="group"><table><tr>{heads}</tr>{body}</table></div>'
        case "sh" | "text" | "toml" | "output":
            return f'<pre class="{block.kind}" tabindex="0"><code>{escape(block.text)}</code></pre>'
        case _:
            return f"<p>{inline(block.text)}</p>"


def inline(text: str) -> str:
    """A text with its marks as tags; everything else is escaped."""
    return "".join(
        f"<{TAGS[mark]}>{escape(part)}</{TAGS[mark]}>" if mark else escape(part) for mark, part in spans(text)
    )
