"""How much planted personal data is found, and how much that only looks like it.

    python bench/personal.py [FILE.toml] [--json]

FILE is bench/personal.toml by default: `planted`, pairs of kind and text; `alike`, texts in which there is none. A
planted item counts as found if a finding of its kind is in the text.
"""

import argparse
import json
import tomllib
from collections import defaultdict
from pathlib import Path

from anatili.lang import load_pack
from anatili.refine.mark import personal_patterns
from anatili.refine.personal import find_personal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=Path(__file__).with_name("personal.toml"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    cases = tomllib.loads(arguments.file.read_text("utf-8"))
    patterns = personal_patterns({code: load_pack(code) for code in ("kk", "ru", "en", "tr")})
    missed, false = [], []
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for kind, text in cases["planted"]:
        is_found = any(finding.kind == kind for finding in find_personal(text, patterns))
        counts[kind][0] += is_found
        counts[kind][1] += 1
        if not is_found:
            missed.append(f"{kind}: {text}")
    for text in cases["alike"]:
        false += [f"{f.kind} {text[f.start : f.end]!r} in {text}" for f in find_personal(text, patterns)[:1]]
    planted, alike = len(cases["planted"]), len(cases["alike"])
    if arguments.json:
        print(
            json.dumps(
                {
                    "found": planted - len(missed),
                    "planted": planted,
                    "false": len(false),
                    "alike": alike,
                    "kinds": counts,
                    "missed": missed,
                    "wrong": false,
                },
                ensure_ascii=False,
            )
        )
        return
    for kind, (got, of) in counts.items():
        print(f"{kind:10} {got:>3} of {of}")
    print(f"found {planted - len(missed)} of {planted}; false {len(false)} of {alike}")
    print("\n".join([*(f"missed {x}" for x in missed), *(f"false {x}" for x in false)]))


if __name__ == "__main__":
    main()
