"""The guide shows what the command prints, on the run of the tiny recipe."""

import shlex
import shutil

from click.testing import CliRunner
from guides import blocks

from anatili.cli import main


def test_the_guide_shows_what_trace_prints(tiny_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "runs" / "tiny"
    root.mkdir(parents=True)
    shutil.copy(tiny_run / "recipe.toml", root)
    (root / "cut").symlink_to(tiny_run / "cut")
    for block in blocks("trace.md", "console"):
        command, *shown = block.splitlines()
        program, *arguments = shlex.split(command.removeprefix("$ "))
        result = CliRunner().invoke(main, arguments)
        assert (program, result.exit_code) == ("anatili", 0), result.output
        assert result.stdout.splitlines() == shown

    (root / "tune" / "model").mkdir(parents=True)
    arguments = ["trace", str(root / "tune" / "model"), "--min-words", "4"]
    result = CliRunner().invoke(main, arguments, input="алты киіз үй көшпелі халықтардың")
    assert result.stdout.startswith("4 words, once in the corpus: киіз үй көшпелі халықтардың\n")
    result = CliRunner().invoke(main, ["trace", "kazakh-26m", "бір"])
    assert (result.exit_code, "is not on this machine" in result.stderr) == (1, True)
