"""The text of scanned pages, recognized by tesseract where it is installed."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from math import sqrt
from typing import Any

import numpy as np

from anatili.text import clean

COMMAND = "tesseract"
DOTS_PER_INCH = 300
"""What tesseract is trained for."""
POINTS_PER_INCH = 72
MOST_PIXELS = 25_000_000
"""A page of A3 at 300 dots an inch; what is larger is rendered smaller."""
LEAST_CONTRAST = 32
"""Difference between the lightest and the darkest pixel of a page that has anything on it."""
SECONDS = 120.0
"""Time for a page."""


@cache
def installed() -> frozenset[str]:
    """The languages that tesseract can recognize here, by their ISO 639-3 codes; none if it is not installed."""
    command = shutil.which(COMMAND)
    if command is None:
        return frozenset()
    done = subprocess.run([command, "--list-langs"], capture_output=True, text=True, check=False, timeout=SECONDS)
    return frozenset(line.strip() for line in done.stdout.splitlines()[1:])


def recognize(page: Any, languages: Sequence[str]) -> str:
    """The text of a page of pdfium in some of `languages`; "" if it is blank or tesseract fails on it."""
    width, height = page.get_size()
    scale = min(DOTS_PER_INCH / POINTS_PER_INCH, sqrt(MOST_PIXELS / max(1.0, width * height)))
    pixels = page.render(scale=scale, grayscale=True).to_numpy()
    rows, columns = pixels.shape[:2]
    if int(pixels.max()) - int(pixels.min()) < LEAST_CONTRAST:
        return ""
    image = b"P5 %d %d 255\n" % (columns, rows) + np.ascontiguousarray(pixels).tobytes()
    command = [COMMAND, "stdin", "stdout", "-l", "+".join(languages)]
    # One thread: a reader shares the processors with a server.
    environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(command, input=image, capture_output=True, check=True, timeout=SECONDS, env=environment)
    except (subprocess.SubprocessError, OSError):
        return ""
    return clean(done.stdout.decode("utf-8", "replace").replace("\f", ""))
