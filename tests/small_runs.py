"""A small recipe of real Kazakh text, whose first stages take a second."""

from pathlib import Path

from anatili.sample.topics import read_topics

TEXT = "\n\n".join(topic.pages["kk"].text.split("\n\n")[0] for topic in read_topics()[:40])


def write_recipe(folder: Path, *, min_words: int = 5) -> Path:
    """A recipe for its own text in `folder`."""
    (folder / "text.txt").write_text(TEXT, "utf-8")
    path = folder / "recipe.toml"
    path.write_text(
        'name = "t"\nlanguage = "kk"\n[[collect.sources]]\nname = "s"\npath = "text.txt"\nkind = "text"\n'
        f"[collect]\nshard_records = 10\n[cut]\nmin_words = {min_words}\nmin_confidence = 0.5\n",
        "utf-8",
    )
    return path
