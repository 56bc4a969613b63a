"""What readers think of answers and translations: lines of JSON in a file, without text and without the reader."""

import json
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from anatili.problem import Problem
from anatili.text import show_path

MAX_BYTES = 100 << 20
"""Size of the file at which no more is stored."""
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,20}$")]
Name = Annotated[str, Field(max_length=200)]


class Feedback(BaseModel):
    """`POST /feedback`. It has no free text, so it cannot have personal data."""

    model_config = ConfigDict(extra="forbid")
    rating: Literal["up", "down"]
    kind: Literal["answer", "translation"] = "answer"
    language: Code = Field("", description="Language of the question or of the source.")
    target: Code = Field("", description="Language of the translation.")
    reason: Literal["", "wrong", "unsupported", "language", "incomplete", "harmful", "other"] = ""
    passages: Annotated[list[Name], Field(max_length=8)] = Field([], description="Ids of the cited passages.")
    model: Name = ""


class FeedbackFile:
    """A file of feedback: a line is whole or not there, also if several threads write."""

    def __init__(self, path: Path) -> None:
        self.path, self.lock = path, threading.Lock()
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """(kind, rating, reason) -> number, since the file was begun."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+", encoding="utf-8") as file:
                file.seek(0)
                self.counts.update(filter(None, map(read_line, file)))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise Problem(f"feedback cannot be kept in {show_path(path)}: {reason}; name another file") from error

    def add(self, feedback: Feedback) -> None:
        """Append a line, with the day."""
        row = {"day": datetime.now(UTC).date().isoformat(), **feedback.model_dump(exclude_defaults=True)}
        line = json.dumps(row, ensure_ascii=False) + "\n"
        with self.lock:
            if self.path.exists() and self.path.stat().st_size > MAX_BYTES:
                raise Problem("the file of feedback is full; the operator can move it away")
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
            self.counts[feedback.kind, feedback.rating, feedback.reason] += 1

    def summary(self) -> list[dict[str, Any]]:
        with self.lock:
            return [
                {"kind": kind, "rating": rating, "reason": reason, "count": count}
                for (kind, rating, reason), count in self.counts.most_common()
            ]


def read_line(line: str) -> tuple[str, str, str] | None:
    """What is counted of a line; None if it is not one of ours."""
    try:
        row = json.loads(line)
        return row.get("kind", "answer"), row["rating"], row.get("reason", "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
