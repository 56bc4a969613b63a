"""An audit from beginning to end: the model opened, its cost told, asked, judged if asked for, and reported."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatili.audit.ask import TIMED, Auditing, Cost, Settings, can_score, carry_out
from anatili.audit.card import add_to_card, audit_part, documents_part
from anatili.audit.documents import audit_texts
from anatili.audit.items import Subject, draw_pairs
from anatili.audit.judge import judge_answers
from anatili.audit.report import make_report
from anatili.engine import Engine, is_address, open_engine
from anatili.opening import find_model
from anatili.opening.search import searched_run
from anatili.problem import Problem
from anatili.stage import Progress
from anatili.text import show_path

AUDITS = Path("audits")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is to be audited, and how."""

    target: str
    topics: Sequence[Subject]
    items: tuple[Path, ...] = ()
    """The files or folders that the topics are from; the bundled ones, if empty."""
    languages: tuple[str, ...] = ()
    """All that the items have, if empty."""
    pairs: int = 0
    """Pairs drawn of each topic; 0: all."""
    answers: int = 5
    max_tokens: int = 300
    model: str = ""
    key: str = ""
    folder: Path | None = None
    runs: Path = Path("runs")
    card: Path | None = None
    """The folder of a packaged or released model into whose card the result is written."""
    judge: str = ""
    judge_key: str = ""
    dry_run: bool = False
    report_only: bool = False


def audit_model(request: Request, tell: Tell, progress: Progress) -> dict[str, Any]:
    """Audit a model; returns its findings with the path of the report, or the cost for a dry run."""
    folder = request.folder or AUDITS / folder_name(request)
    if not request.report_only:
        engine = open_target(request, tell)
        languages = chosen_languages(request.topics, request.languages)
        facts = "scored" if can_score(engine) else "asked"
        settings = Settings(languages, request.answers, request.max_tokens, facts, request.pairs)
        auditing = Auditing(engine, draw_pairs(request.topics, request.pairs), settings)
        cost = auditing.cost()
        tell(describe(cost, auditing))
        if request.dry_run:
            return {"model": engine.name, **cost.__dict__, **time_here(request, auditing, tell)}
        progress.start(auditing.count(), "answers")
        carry_out(auditing, folder, progress.advance)
    if request.judge:
        judge = open_engine(request.judge, key=request.judge_key)
        judge_answers(judge, folder)
    result = make_report(folder, request.topics)
    if request.card:
        add_to_card(request.card, result["model"], audit_part(result), command_of(request))
    return {**result, "report": show_path(folder / f"report.{result['languages'][0]}.html")}


def command_of(request: Request) -> str:
    """The command that does an audit again."""
    options = [f"--pairs {request.pairs}"] if request.pairs else []
    options += [f"--answers {request.answers}"] if request.answers != Request.answers else []
    options += [f"--max-tokens {request.max_tokens}"] if request.max_tokens != Request.max_tokens else []
    options += [f"--language {code}" for code in request.languages]
    options += [f"--items {path.name}" for path in request.items]
    return " ".join(["anatili audit", Path(request.target).name, *options])


def time_here(request: Request, auditing: Auditing, tell: Tell) -> dict[str, int]:
    """About how many seconds the audit takes; nothing for a server, where trying costs money."""
    if is_address(request.target):
        return {}
    seconds = auditing.seconds()
    tell(f"about {seconds / 60:,.0f} minutes here, by the time that {TIMED} items take")
    return {"seconds": round(seconds)}


def open_target(request: Request, tell: Tell) -> Engine:
    if is_address(request.target):
        return open_engine(request.target, model=request.model, key=request.key)
    if request.model or request.key:
        raise Problem(f"--model and --key-env are for servers, and {request.target} is not an address")
    return open_engine(find_model(request.target, request.runs, tell))


def folder_name(request: Request) -> str:
    """A name for the audit's folder."""
    name = request.model or request.target.rpartition("#")[2]
    name = Path(name.rstrip("/")).stem if Path(name).suffix == ".gguf" else name
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name).strip("-.") or "model"


def chosen_languages(topics: Sequence[Subject], languages: Sequence[str]) -> tuple[str, ...]:
    """The languages to ask in: those that all topics have, or those of them that are named."""
    common = [code for code in topics[0].languages if all(code in topic.languages for topic in topics)]
    wrong = [code for code in languages if code not in common]
    if wrong or not common:
        raise Problem(f"the items are not in {', '.join(wrong) or 'one language'}; they have {', '.join(common)}")
    return tuple(languages) or tuple(common)


def describe(cost: Cost, auditing: Auditing) -> str:
    """The cost in a sentence."""
    scored = f", at most {cost.scored:,} sentences to score" if cost.scored else ""
    return (
        f"{auditing.engine.name}: {cost.calls:,} answers{scored}; about {cost.prompt_tokens:,} tokens in prompts, "
        f"at most {cost.most_tokens:,} in answers"
    )


def audit_documents(
    target: str,
    topics: Sequence[Subject],
    languages: Sequence[str],
    runs: Path,
    out: Path | None,
    tell: Tell,
    card: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Audit the corpus of a run, or of the sample, and what search and assistant make of it."""
    started = time.monotonic()
    run, packs = searched_run(target, runs, tell)
    own = [code for code in chosen_languages(topics, languages) if code in packs]
    if not own:
        raise Problem(f"the run {target} has none of the items' languages")
    folder = out or AUDITS / f"{Path(target).name}-documents"
    result = audit_texts(run, {code: packs[code] for code in own}, topics, folder, progress)
    if card:
        name = Path(target).name
        add_to_card(card, f"The assistant ({name})", documents_part(result), f"anatili audit {name} --documents")
    tell(f"{len(result['corpus'])} rows in {time.monotonic() - started:.0f} seconds; all facts: {show_path(folder)}")
    return result
