"""The lessons carried out: figures as recorded, right answers pass, each wrong one is refused with a sentence."""

import json
import shutil
from dataclasses import replace

import pytest
from lessons import answer, right_answers, write_lessons

from anatili.document import read_shard, write_shard
from anatili.lang import load_pack
from anatili.learn.course import answers_of, exercises_of, mark, mark_exercise, open_lesson, read_answers
from anatili.learn.draw import Draw
from anatili.learn.exercises import model, yours_material
from anatili.learn.learner import Learner
from anatili.learn.lesson import lesson as lesson_of
from anatili.learn.lesson import lessons
from anatili.refine.mark import written_stopwords
from anatili.release.build import Entry

LANGUAGE = {1: "kk", 2: "ru", 3: "en", 4: "ru", 5: "kk", 6: "kk", 7: "en", 8: "ru"}
NUMBERS = sorted(LANGUAGE)


class Done(dict):
    """Number -> (learner, lesson, what is recorded): a lesson is carried out in the example's folder when asked for."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def __missing__(self, number):
        lesson = lesson_of(number)
        learner = write_lessons.example(self.folder / str(number), LANGUAGE[number])
        open_lesson(learner, lesson)
        outputs = write_lessons.carry_out(lesson, learner)
        self[number] = (learner, lesson, {"figures": answers_of(learner, lesson), "outputs": outputs})
        finish(learner, lesson)
        return self[number]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return Done(tmp_path_factory.mktemp("class"))


def finish(learner, lesson):
    """What the exercises ask for beyond the commands of the text."""
    folder = learner.lesson_folder(lesson)
    truth = exercises_of(lesson).truth(lesson, learner.draw(lesson))
    with write_lessons.contextlib.chdir(folder), write_lessons.packs_here():
        if lesson.number == 2:
            value = {"min_words": 30, "min_stopwords": 0.03}[truth["guilty"]]
            repair(folder / "colleague.toml", truth["guilty"], value, "--until cut --redo cut")
        if lesson.number == 4:
            value = model.healthy(learner.draw(lesson))[truth["guilty"]]
            repair(folder / "sick.toml", truth["guilty"], value, "--until pretrain --redo pretrain")
        if lesson.number == 8:
            fill_pack(folder, truth)
            clean(folder, truth, learner.draw(lesson))
        if lesson.number == 3:
            write_lessons.execute(
                f"anatili tokenizer train --text kk-train.txt --vocabulary {truth['size']} --out smallest"
            )


def repair(path, key, value, how):
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(f"{key} = {value}" if line.startswith(key) else line for line in lines), "utf-8")
    with write_lessons.contextlib.chdir(path.parent):
        write_lessons.execute(f"anatili run {path.name} {how}")


def fill_pack(folder, truth):
    """Give the pack of lesson 8 its letters and stop words. In a terminal every command is a process of its own."""
    pack = folder / "packs" / truth["own_code"]
    text = (pack / "pack.toml").read_text("utf-8")
    (pack / "pack.toml").write_text(text.replace('эюя"', f'эюя{truth["letters"].replace(" ", "")}"'), "utf-8")
    rows = (folder / "words.csv").read_text("utf-8-sig").splitlines()[1:41]
    (pack / "stopwords.txt").write_text("\n".join(row.partition(",")[0] for row in rows), "utf-8")
    load_pack.cache_clear()
    written_stopwords.cache_clear()


def clean(folder, truth, draw):
    """Take out of the recipe what is not free, make the release, and take down the document that was taken back."""
    sources = "".join(
        yours_material.SOURCE.format(name=name, language=truth["own_code"], license=license_)
        for name, license_ in yours_material.licenses(draw).items()
        if name in truth["free"]
    )
    recipe = yours_material.TOML.format(name=yours_material.NAME, language=truth["own_code"], sources=sources)
    (folder / "recipe.toml").write_text(recipe.replace('contact = ""', 'contact = "a@b.example"'), "utf-8")
    (folder / "withdrawn.txt").write_text(truth["withdrawn"] + "\n", "utf-8")
    write_lessons.execute("anatili run recipe.toml --redo collect..")
    write_lessons.execute("anatili takedown ours --file withdrawn.txt --reason letter.txt --yes")
    write_lessons.execute("anatili release ours -o public")
    write_lessons.execute("anatili verify public --unsigned --json > verified.json")


@pytest.mark.parametrize("number", NUMBERS)
def test_what_the_text_shows_is_what_comes_out(done, number):
    learner, lesson, now = done[number]
    recorded, drawn = lesson.recorded(), exercises_of(lesson).truth(lesson, learner.draw(lesson))
    assert recorded["outputs"] == now["outputs"], "run: python docs/write_lessons.py"
    measured = {key: value for key, value in recorded["figures"].items() if key not in drawn}
    assert recorded["figures"] == {**now["figures"], **measured}, "run: python docs/write_lessons.py"
    for key, value in measured.items():  # trained on this processor
        assert now["figures"][key] == (value if isinstance(value, str) else pytest.approx(value, rel=0.03))


@pytest.mark.parametrize("number", NUMBERS)
def test_right_answers_pass(done, number):
    learner, lesson, _ = done[number]
    answer(learner, lesson, right_answers(learner, lesson))
    marked = mark(learner, lesson)
    assert [verdict.state for verdict in marked.verdicts] == ["passed"] * 3, marked
    assert marked.open == "Ашық жауап"


WRONG = [
    (1, 1, "pages", lambda t: 241, "«pages»"),
    (1, 1, "own_pages", lambda t: t["own_pages"] + 1, '«language»: "kk"'),
    (1, 1, "share_percent", lambda t: t["share_percent"] / 100, "бөлшек сан"),
    (1, 1, "share_percent", lambda t: 100 * t["share_percent"], "10 000 бетке шаққандағы"),
    (1, 1, "share_percent", lambda t: "көп", "сан болуы керек"),
    (1, 2, "pages_needed", lambda t: t["pages_needed"] / 100, "3 пайызбен есептедіңіз"),
    (1, 2, "pages_needed", lambda t: 1000, "3/10 000"),
    (1, 2, "pages_at_low", lambda t: t["pages_at_low"] * t["low_percent"] / t["share_percent"], "үлестің өзімен"),
    (1, 2, "pages_at_low", lambda t: t["pages_at_low"] * t["low_percent"] / t["high_percent"], "жоғарғы шегі"),
    (1, 2, "pages_at_low", lambda t: t["pages_at_low"] / 100, "пайызға бөлдіңіз"),
    (1, 2, "at_most", lambda t: 0, "үштік ережесін"),
    (1, 2, "at_most", lambda t: t["at_most"] / 3, "37 %"),
    (1, 2, "at_most", lambda t: t["at_most"] / 100, "пайыз"),
    (1, 3, "host", lambda t: "ansar.example", "адал"),
    (1, 3, "host", lambda t: "nowhere.example", "сайт сіздің жиынтықта жоқ"),
    (1, 3, "declared_percent", lambda t: t["share_percent"], "санақ тапқан үлес"),
    (2, 1, "words", lambda t: 3 * t["words"], "Считайте слова"),
    (2, 1, "text_percent", lambda t: 100 - t["text_percent"], "отброшено"),
    (2, 1, "text_percent", lambda t: t["text_percent"] / 100, "доля единицы"),
    (2, 2, "before", lambda t: t["after"], "по recipe.toml"),
    (2, 2, "after", lambda t: t["before"] - t["after"], "число потерянных"),
    (2, 2, "foreign_after", lambda t: 3, "kept: en"),
    (2, 3, "guilty", lambda t: "max_links", "не виноват"),
    (2, 3, "guilty", lambda t: "min_letters", "нет ключа"),
    (2, 3, "colleague", lambda t: t["repaired"], "при обычных порогах"),
    (3, 1, "own_cost", lambda t: 1.0, "tokens_per_word"),
    (3, 2, "times", lambda t: 1 / t["times"], "wrong way round"),
    (3, 2, "times", lambda t: t["foreign_cost"], "figure of foreign itself"),
    (3, 2, "times", lambda t: t["foreign_cost"] - t["own_cost"], "difference"),
    (3, 2, "bill", lambda t: t["bill"] * 1e6, "1,000,000"),
    (3, 2, "bill", lambda t: t["bill"] / t["foreign_cost"], "as one token"),
    (5, 1, "sholpan_percent", lambda t: t["sholpan_percent"] / 100, "бірдің бөлігі"),
    (5, 1, "sholpan_low_percent", lambda t: t["sholpan_percent"], "дәлдіктің өзі"),
    (5, 1, "above_chance", lambda t: 1 - t["above_chance"], "25 % табады"),
    (5, 2, "difference_all", lambda t: -t["difference_all"], "Таңбасы керісінше"),
    (5, 2, "difference_unseen", lambda t: t["difference_all"], "барлық сұрақтағы айырма"),
    (5, 2, "p_unseen", lambda t: 0.9, "unseen.json"),
    (5, 3, "line", lambda t: 1, "Бұл жол шындыққа сай"),
    (5, 3, "right_figure", lambda t: t["right_figure"] - 9, "Жолды дұрыс таптыңыз"),
    (3, 3, "size", lambda t: t["size"] - 256, "the vocabulary in the folder smallest has"),
    (4, 1, "first_loss", lambda t: t["first_loss"] / 0.6931, "по основанию два"),
    (4, 1, "first_loss", lambda t: t["first_loss"] / 2.3026, "десятичный"),
    (4, 1, "first_loss", lambda t: t["vocabulary"], "размер словаря"),
    (4, 1, "first_loss", lambda t: 1, "минус натуральный логарифм"),
    (4, 1, "steps", lambda t: t["tokens"], "число токенов"),
    (4, 1, "steps", lambda t: 8 * t["steps"], "Разделите ещё на batch"),
    (4, 1, "steps", lambda t: 64 * t["steps"], "только на batch"),
    (4, 2, "last_loss", lambda t: 1.5, "last_loss"),
    (4, 2, "choices", lambda t: t["last_loss"], "сами потери"),
    (4, 2, "choices", lambda t: 2 ** t["last_loss"], "не два, а e"),
    (4, 2, "choices", lambda t: t["vocabulary"], "до обучения"),
    (4, 3, "guilty", lambda t: "warmup", "не виноват"),
    (4, 3, "guilty", lambda t: "layers_", "нет ключа"),
    (4, 3, "repaired_loss", lambda t: 1.0, "исправленной модели sick"),
    (6, 1, "found", lambda t: t["exact"], "Алдымен барлық үзіндіні"),
    (6, 1, "found", lambda t: 1, "Жолдарын санаңыз"),
    (6, 1, "exact", lambda t: t["found"], "жалғаусыз"),
    (6, 1, "exact", lambda t: t["found"] - t["exact"], "басқа тұлғада"),
    (6, 1, "missed_percent", lambda t: t["missed_percent"] / 100, "бірдің бөлігі"),
    (6, 1, "missed_percent", lambda t: 100 - t["missed_percent"], "Табылмайтындары"),
    (6, 2, "document", lambda t: "documents/01.txt", "бұл сұраққа жауап бермейді"),
    (6, 2, "document", lambda t: "abai.txt", "деген құжат жоқ"),
    (6, 2, "agrees", lambda t: 1 - t["agrees"], "citations"),
    (6, 3, "wrong_source", lambda t: t["decline"], "«білмеймін» деуі керек"),
    (6, 3, "wrong_source", lambda t: 99, "мүлде басқа құжатқа"),
    (6, 3, "decline", lambda t: t["wrong_source"], "тек дереккөзі қате"),
    (6, 3, "supported_percent", lambda t: 100 - t["supported_percent"], "100-ден шегеріңіз"),
    (6, 3, "supported_percent", lambda t: 100 * (t["rows"] - 1) / t["rows"], "Бір ғана нашар"),
    (7, 1, "sensitive_percent", lambda t: t["control_percent"], "mixed up"),
    (7, 1, "control_percent", lambda t: t["control_percent"] / 100, "fraction"),
    (7, 1, "control_percent", lambda t: 77, "kind is control"),
    (7, 2, "model", lambda t: t["honest"], "is honest"),
    (7, 2, "model", lambda t: "gpt", "no model"),
    (7, 2, "topic", lambda t: "weather", "no topic"),
    (7, 2, "topic", lambda t: "politics", "no censor in politics"),
    (7, 2, "language", lambda t: "all", "mean of all languages"),
    (7, 2, "way", lambda t: "refuses", "something else"),
    (7, 3, "p", lambda t: 100 * t["p"], "not in per cent"),
    (7, 3, "p", lambda t: t["effect_points"] / 100, "size of the difference"),
    (7, 3, "cells", lambda t: 1, "told is true"),
    (7, 3, "by_chance_percent", lambda t: 5, "looked at many"),
    (7, 3, "by_chance_percent", lambda t: 5 * t["cells"], "do not add up"),
    (7, 3, "by_chance_percent", lambda t: 100 - t["by_chance_percent"], "The opposite"),
    (8, 1, "added", lambda t: 2, "начинается с русских букв"),
    (8, 1, "frequent", lambda t: "ба", "не самое частое"),
    (8, 2, "days", lambda t: t["days"] * 24 * t["own_chips"], "чип-часы"),
    (8, 2, "days", lambda t: 1000, "среднее число"),
    (8, 2, "days_instead", lambda t: t["days"], "на запрошенных чипах"),
    (8, 2, "longer_percent", lambda t: t["days_instead"] / t["days"], "во сколько раз"),
    (8, 2, "longer_percent", lambda t: t["longer_percent"] / 100, "Это доля"),
    (8, 2, "longer_percent", lambda t: t["days_instead"] - t["days"], "разность в днях"),
    (8, 3, "kept_sources", lambda t: 6 - t["kept_sources"], "убранные"),
    (8, 3, "kept_sources", lambda t: 17, "Посчитайте источники"),
    (8, 3, "training_documents", lambda t: 16 * t["kept_sources"] - 1, "отложенные"),
    (8, 3, "training_documents", lambda t: 1, "documents: training"),
]


@pytest.mark.parametrize(("number", "exercise", "key", "value", "says"), WRONG)
def test_a_wrong_answer_is_explained(done, number, exercise, key, value, says):
    learner, lesson, _ = done[number]
    answers = right_answers(learner, lesson)
    answers[exercise][key] = value(answers_of(learner, lesson))
    answer(learner, lesson, answers)
    verdict = mark_exercise(learner, lesson, read_answers(learner, lesson), exercise)
    assert verdict.state == "wrong"
    assert says in verdict.message
    assert "{" not in verdict.message


def spoiled(done, number, tmp_path, name, content, exercise):
    """The message of an exercise when one of its files is another: bytes, the path of a file, or None for missing."""
    learner, lesson, _ = done[number]
    folder = tmp_path / "copy"
    shutil.copytree(learner.folder, folder, symlinks=True)
    other = Learner(folder, learner.name, learner.language, learner.salt)
    answer(other, lesson, right_answers(other, lesson))
    path = other.lesson_folder(lesson) / name
    if content is None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    else:
        path.write_bytes(content.read_bytes() if hasattr(content, "read_bytes") else content)
    verdict = mark_exercise(other, lesson, read_answers(other, lesson), exercise)
    assert verdict.state == "wrong"
    return verdict.message


@pytest.mark.parametrize(
    ("number", "name", "content", "exercise", "says"),
    [
        (1, "census.json", None, 1, "census.json жоқ"),
        (1, "census.json", b"", 1, "бос"),
        (1, "census.json", b"{", 1, "бүлінген"),
        (1, "census.json", b"\xff\x00\xd8", 1, "бүлінген"),
        (1, "census.json", b"[]", 1, "басқа команда"),
        (1, "own.json", b'{"languages": []}', 3, "--hosts 20"),
        (2, "text.txt", b"<html>", 1, "теги HTML"),
        (2, "runs/mine", None, 2, "Нет папки runs/mine"),
        (2, "runs/mine/cut/record.json", b"{}", 2, "повреждена"),
        (2, "runs/mine/cut/record.json", None, 2, "не дошёл до этапа cut"),
        (2, "runs/mine/extract/part-00-00000-00000.parquet", b"PAR1", 2, "повреждена"),
        (3, "own/tokenizer.json", None, 1, "no tokenizer.json"),
        (3, "own/tokenizer.json", b"{}", 1, "damaged"),
        (3, "report.json", b"[]", 1, "no row about kk.txt"),
        (5, "compared.json", b'{"tasks": []}', 1, "басқа команда"),
        (5, "unseen.json", None, 2, "unseen.json жоқ"),
        (4, "runs/mine", None, 1, "нет обученной модели"),
        (4, "runs/mine/pretrain/record.json", None, 2, "нет обученной модели"),
        (4, "runs/mine/pretrain/record.json", b"{", 2, "повреждена"),
        (4, "runs/mine/pretrain/log.jsonl", b"x", 1, "повреждена"),
        (4, "runs/sick", None, 3, "runs/sick"),
        (6, "search.jsonl", b'{"title": "y", "text": "x"}', 1, "үзінді шығуы керек"),
        (6, "search.jsonl", b"{", 1, "басқа команда"),
        (6, "answer.json", b'{"answer": ""}', 2, "басқа команда"),
        (6, "answer.json", b'{"question": "?", "citations": [], "passages": []}', 2, "сұрақ сіздікі емес"),
        (7, "audits/qyran/findings.json", None, 2, "findings.json"),
        (7, "audits/qyran/findings.json", b"{}", 2, "another command"),
        (8, "packs", None, 1, "Нет пакета"),
        (8, "runs", None, 1, "корпуса нет"),
        (8, "runs/ours/release/record.json", None, 3, "Выпуска нет"),
        (8, "runs/ours/release/record.json", b"{", 3, "повреждена"),
        (8, "plan.json", b"{}", 2, "другая команда"),
        (8, "runs/ours/takedowns.jsonl", None, 3, "следующий сбор его вернёт"),
        (8, "runs/ours/takedowns.jsonl", b"{", 3, "повреждена"),
        (8, "public", None, 3, "public"),
        (8, "public/README.md", b"# Model\n", 3, "README.md не такой"),
        (8, "public/SHA256SUMS", None, 3, "сделана не из нынешнего выпуска"),
        (8, "verified.json", None, 3, "verified.json"),
        (8, "verified.json", b'{"good": false, "files": 2}', 3, "не этой папки"),
    ],
)
def test_a_missing_or_damaged_file_is_told(done, tmp_path, number, name, content, exercise, says):
    assert says in spoiled(done, number, tmp_path, name, content, exercise)


def test_files_of_other_exercises_and_languages_are_told(done, tmp_path):
    learner, lesson, _ = done[1]
    own = learner.lesson_folder(lesson) / "own.json"
    assert "бір ғана тілді" in spoiled(done, 1, tmp_path / "1", "census.json", own, 1)
    learner, lesson, _ = done[3]
    report = json.loads((learner.lesson_folder(lesson) / "report.json").read_text("utf-8"))
    for row in report:
        row["language"] = {"kk": "ru", "ru": "kk"}.get(row["language"], row["language"])
    said = spoiled(done, 3, tmp_path / "3", "report.json", json.dumps(report).encode(), 1)
    assert "mixed up" in said


def test_a_census_of_another_crawl_is_not_one_of_ones_own(done, tmp_path):
    learner, lesson, _ = done[1]
    other = Draw("another")
    table = json.loads((learner.lesson_folder(lesson) / "census.json").read_text("utf-8"))
    table["languages"] = [row | {"pages": row["pages"] + 1} for row in table["languages"]]
    said = spoiled(done, 1, tmp_path, "census.json", json.dumps(table).encode(), 1)
    assert "сіздің деректеріңізден жасалмаған" in said
    truths = [exercises_of(lesson).truth(lesson, draw) for draw in (learner.draw(lesson), other)]
    assert truths[0]["pages_needed"] != truths[1]["pages_needed"]


def test_changed_material_is_named(done, tmp_path):
    learner, lesson, _ = done[1]
    folder = tmp_path / "copy"
    shutil.copytree(learner.folder, folder)
    other = Learner(folder, learner.name, learner.language, learner.salt)
    (other.lesson_folder(lesson) / "crawl.warc.gz").write_bytes(b"")
    answers = right_answers(other, lesson)
    answers[1]["pages"] = 1
    answer(other, lesson, answers)
    assert "crawl.warc.gz" in mark(other, lesson).verdicts[0].message


def test_powershell_writes_utf_16(done):
    learner, lesson, _ = done[1]
    path = learner.lesson_folder(lesson) / "census.json"
    content = path.read_text("utf-8")
    answer(learner, lesson, right_answers(learner, lesson))
    path.write_text(content, "utf-16")
    assert mark(learner, lesson).verdicts[0].state == "passed"
    path.write_text(content, "utf-8")


REPAIRS = [
    ({"min_words": 0}, "не является текстом"),
    ({"min_words": 70}, "слишком строго"),
    ({"min_words": 30, "max_links": 9999}, "только виновный"),
]


@pytest.mark.parametrize(("changes", "says"), REPAIRS)
def test_a_bad_repair_is_refused(done, changes, says, tmp_path):
    learner, lesson, _ = done[2]
    record = learner.lesson_folder(lesson) / "runs" / "colleague" / "cut" / "record.json"
    changed = json.loads(record.read_text("utf-8"))
    changed["identity"]["settings"] |= changes
    assert exercises_of(lesson).truth(lesson, learner.draw(lesson))["guilty"] == "min_words"
    said = spoiled(done, 2, tmp_path, "runs/colleague/cut/record.json", json.dumps(changed).encode(), 3)
    assert says in said


def test_the_report_of_the_other_folders_is_told(done, tmp_path):
    learner, lesson, _ = done[5]
    compared = learner.lesson_folder(lesson) / "compared.json"
    assert "басқа модельдер" in spoiled(done, 5, tmp_path / "1", "unseen.json", compared, 2)
    rows = json.loads(compared.read_text("utf-8"))
    rows["tasks"][0]["models"] = rows["tasks"][0]["models"][:2]
    assert "240 сұрақ салыстырылған" in spoiled(done, 5, tmp_path / "2", "unseen.json", json.dumps(rows).encode(), 2)


def test_what_flatters_in_the_report_is_told(done):
    learner, lesson, _ = done[5]
    answers = right_answers(learner, lesson)
    rows = (learner.lesson_folder(lesson) / "report.csv").read_text("utf-8").splitlines()
    answers[3]["right_figure"] = rows[answers[3]["line"]].split(",")[2]
    answer(learner, lesson, answers)
    assert "есепте жазылған сан" in mark(learner, lesson).verdicts[2].message


def test_a_vocabulary_learned_from_the_test_is_noticed(done, tmp_path):
    learner, lesson, _ = done[3]
    size = exercises_of(lesson).truth(lesson, learner.draw(lesson))["size"]
    with write_lessons.contextlib.chdir(learner.lesson_folder(lesson)):
        text = (learner.lesson_folder(lesson) / "kk.txt").read_text("utf-8") * 20
        (tmp_path / "test.txt").write_text(text + (learner.lesson_folder(lesson) / "kk-train.txt").read_text("utf-8"))
        write_lessons.execute(f"anatili tokenizer train --text {tmp_path}/test.txt --vocabulary {size} -o {tmp_path}/s")
    said = spoiled(done, 3, tmp_path, "smallest/tokenizer.json", tmp_path / "s" / "tokenizer.json", 3)
    assert "contamination" in said


def test_there_is_no_lesson_without_a_course():
    for lesson in lessons():
        assert lesson_of(lesson.number) is lesson
        assert exercises_of(lesson).materials(lesson)


def test_a_release_that_still_has_the_document_of_the_letter_is_refused(done, tmp_path):
    learner, lesson, _ = done[8]
    gone = answers_of(learner, lesson)["withdrawn"]
    documents = learner.lesson_folder(lesson) / "runs" / "ours" / "release" / "documents"
    shard = next(path for path in sorted(documents.glob("*.parquet")) if list(read_shard(path, Entry)))
    rows = list(read_shard(shard, Entry))
    write_shard(tmp_path / "shard", Entry, [replace(rows[0], url=gone, use="training"), *rows[1:]])
    name = shard.relative_to(learner.lesson_folder(lesson))
    assert f"({gone}) всё ещё в выпуске" in spoiled(done, 8, tmp_path, name, tmp_path / "shard", 3)
