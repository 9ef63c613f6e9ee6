"""Pages whose numbers are made when the book is built: the appendix's checks, the status page, the model card."""

import importlib.util
import json
import re
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jupytext
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from helpers.ham10000 import CLASSES
from helpers.records import _runs as runs
from helpers.records import _seal as records

ROOT = Path(__file__).parents[1]
RESULTS = records.book_folder()
#: How the names of records end that read out a training in another way.
READINGS = ("-evened", "-restored", "-on-test")


def extension(name):
    """Import one of the book's Sphinx extensions."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "book" / "_ext" / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


status_page = extension("status_page")
model_card = extension("model_card")
chapter_links = extension("chapter_links")
teaching = extension("teaching")
welcome = extension("welcome")
lighter = extension("lighter")


@pytest.fixture(scope="module")
def found():
    """The book's runs."""
    return status_page.every_run(RESULTS)


# The appendix: what the paper prints, and ten checks


def appendix():
    """Return ``[(heading, code)]`` of the appendix's cells that assert something, and the code that they build on."""
    notebook = jupytext.read(ROOT / "book" / "reproduction.md", fmt="md:myst")
    heading, cells, first = "", [], None
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^##+ (.+)$", cell.source, re.M) or [heading])[-1]
        elif first is None:
            first = cell.source
        elif re.search(r"^assert ", cell.source, re.M):
            cells.append((heading, cell.source))
    return first, cells


PRINTED, CHECKS = appendix()


def failing(change=""):
    """Run the appendix with a statement after what is printed; return ``{heading}`` of the checks that fail."""
    space = {}
    exec(PRINTED, space)
    exec(change, space)
    failed = set()
    for heading, code in CHECKS:
        try:
            exec(code, space)
        except AssertionError:
            failed.add(heading)
        except (IndexError, ValueError):  # a later step has nothing to go on
            continue
    return failed


def test_the_appendix_has_its_ten_checks_and_all_hold():
    numbered = [heading for heading, _ in CHECKS if re.match(r"\d+\.", heading)]
    assert [int(heading.split(".")[0]) for heading in numbered] == list(range(1, 11))
    assert failing() == set()


@pytest.mark.parametrize(
    ("number", "change"),
    [
        (1, "OUTPUTS = 7"),
        (2, "TABLE_1[3] = ('relu', 1, 508)"),
        (2, "TABLE_1[9] = ('conv', 3, 249)"),
        (3, "MICRO = 0.75"),
        (3, "TABLE_4['recall'] = 0.75"),
        (3, "TABLE_3.loc['nv', 'recall'] = 0.90"),
        (4, "TABLE_5['XGBoost'] = 0.6715"),
        (5, "TABLE_3.loc['bkl', 'recall'] = 0.80"),
        (5, "TABLE_3.loc['bkl', 'precision'] = 0.50"),
        (6, "RESNET = 0.99"),
        (6, "TABLE_5['SVM'] = 0.75"),
        (7, "IMAGES[:] = 1000"),
        (8, "IMAGES_OF_A_LESION = {1: 10015}"),
        (9, "INPUT = 450"),
        (10, "RESNET = 1.0"),
    ],
)
def test_a_check_fails_when_what_it_finds_is_no_longer_there(number, change):
    assert any(heading.startswith(f"{number}.") for heading in failing(change)), change


def printed_numbers():
    """Return one changing statement for each number of the paper that the appendix types."""
    space = {}
    exec(PRINTED, space)
    found = ["OUTPUTS = 7", "MICRO += 0.05", "VGG16 += 0.05", "RESNET -= 0.0005", "INPUT += 2"]
    for dx, row in space["TABLE_3"].iterrows():
        found += [
            f"TABLE_3.loc[{dx!r}, {name!r}] = {value + (0.1 if value < 0.9 else -0.1)}" for name, value in row.items()
        ]
    found += [f"TABLE_4[{name!r}] += 0.02" for name in space["TABLE_4"].index]
    found += [f"TABLE_5[{name!r}] += 0.02" for name in space["TABLE_5"].index]
    for number, (kind, kernel, side) in enumerate(space["TABLE_1"]):
        found.append(f"TABLE_1[{number}] = {(kind, kernel, side + 2)}")
    return found


@pytest.mark.parametrize("change", printed_numbers())
def test_no_number_of_the_paper_can_be_mistyped_unseen(change):
    assert failing(change), change


# The status page


def test_the_status_page_lists_every_record_once(found):
    said = status_page.substitutions(RESULTS)
    listed = re.findall(r"\(`([^`]+)`\)", said["status_records"])
    assert sorted(listed) == sorted(path.parent.name for path in RESULTS.glob("*/run.json")) != []
    assert int(said["status_count"]) == len(listed)
    experiments = re.findall(r"\(`([^`]+)`\)", said["status_experiments"])
    assert experiments == sorted(path.parent.name for path in RESULTS.glob("*/experiment.json"))
    assert re.findall(r"\(`([^`]+)`\)", said["status_benchmarks"]) == sorted(
        path.name for path in RESULTS.glob("*.json")
    )


def test_what_a_record_says_of_itself_is_shown_and_is_no_html_and_no_cell(found):
    run, hostile = found[0], "<script>alert(1)</script> | a\nnet"
    facts = run.facts | {"model": hostile, "data": hostile, "device": hostile, "notes": hostile}
    pages = [
        status_page.record_tables([replace(run, facts=facts)]),
        *(str(value) for value in model_card.details(replace(run, facts=facts))),
    ]
    for page in pages:
        assert "<script>" not in page
    shown = r"&lt;script&gt;alert(1)&lt;/script&gt; \| a net"
    assert f"| {shown} (`{run.name}`) | " in pages[0] and f"; {shown}; device: {shown}." in pages[0]


def test_a_row_of_the_status_page_and_what_stands_above_it_say_what_run_json_says(found):
    rows, protocol, above = {}, "", ""
    for line in status_page.record_tables(found).splitlines():
        if line.startswith("### "):
            protocol = line.split("`")[1]
        elif line.startswith("Tier "):
            above = line
        elif "(`" in line:
            rows[line.split("`")[1]] = (protocol, above, [cell.strip() for cell in line.split("|")[1:-1]])
    for path in RESULTS.glob("*/run.json"):
        facts, (protocol, above, cells) = json.loads(path.read_text()), rows[path.parent.name]
        assert protocol == facts["protocol"]
        assert above == f"Tier {facts['tier']}; {facts['data']}; device: {facts['device']}."
        assert cells[0].startswith(facts["model"]) and cells[1] == {1: "0", 5: "0 to 4"}[len(facts["folds"])]
        assert facts["folds"] == list(range(len(facts["folds"])))
        assert float(cells[3].replace(",", "")) == pytest.approx(facts["images_per_second"], abs=0.05)
        assert cells[4] == facts["date"]
        assert ("LEAKY" in cells[5]) == facts["leaky"]
        assert ("CHOSEN ON THE TEST SET" in cells[5]) == (facts.get("chosen_on") == "test")
        assert (cells[5] == "none") == (not facts["leaky"] and facts.get("chosen_on") != "test")


def test_records_of_one_training_are_counted_once(found):
    few = [run for run in found if run.name.startswith("vgg16-frozen-holdout938-200x150")]
    assert len(few) == 3 and len({run.facts["wall_seconds"] for run in few}) == 1
    said = status_page.substitutions(RESULTS)
    assert int(said["status_trainings"]) == len(found) - sum(run.name.endswith(READINGS) for run in found)


def test_a_record_that_is_not_whole_stops_the_build(tmp_path):
    source = next(RESULTS.glob("classical-*/run.json")).parent
    (tmp_path / source.name).mkdir()
    for path in source.iterdir():
        (tmp_path / source.name / path.name).write_bytes(path.read_bytes())
    assert len(status_page.every_run(tmp_path)) == 1
    status_page.every_run.cache_clear()
    metrics_file = tmp_path / source.name / "metrics.json"
    metrics_file.write_text(metrics_file.read_text().replace("0", "1", 1))
    with pytest.raises(records.RecordError, match="changed after it was written"):
        status_page.every_run(tmp_path)
    status_page.every_run.cache_clear()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (1406.4, "23 min"), (7200, "2 h 0 min")]
)
def test_a_duration_is_said_in_the_unit_that_fits(seconds, words):
    assert status_page.duration(seconds) == words


def test_chapters_show_how_long_they_ran_and_what_nobody_measured(tmp_path):
    pages = ["notebooks/01-a", "notebooks/02-b", "book/setup"]
    env = SimpleNamespace(
        found_docs=set(pages),
        titles={page: SimpleNamespace(astext=lambda page=page: page.upper()) for page in pages},
        nb_metadata=defaultdict(dict, {"notebooks/01-a": {"exec_data": {"runtime": 12.34}}}),
    )
    first, second = status_page.chapter_rows(env, tmp_path)
    assert first == ("notebooks/01-a", "NOTEBOOKS/01-A", "12.3", "not yet measured")
    assert second[2:] == ("not yet measured", "not yet measured")
    (tmp_path / "t4.json").write_text('{"02-b": {"minutes": 9.5, "tier": "workshop", "date": "2026-12-01"}}')
    first, second = status_page.chapter_rows(env, tmp_path)
    assert first[3] == "not yet measured" and second[3] == "9.5 (workshop tier, 2026-12-01)"


def test_the_versions_of_the_records_stand_beside_those_of_the_build(found):
    table = status_page.version_table(found)
    used = {name for run in found for name in run.facts["versions"]} - {"helpers"}
    for name in used:
        (row,) = (line for line in table.splitlines() if line.startswith(f"| {name} |"))
        for version in {run.facts["versions"][name] for run in found if name in run.facts["versions"]}:
            assert version in row.split("|")[3]
    assert f"| numpy | {np.__version__} |" in table


def test_the_appendix_says_what_the_records_of_networks_were_trained_with(found):
    rows = [line for line in status_page.trained_with(found).splitlines() if "(`" in line]
    plain = [run for run in found if "recipe" in run.facts["hyperparameters"] and not run.name.endswith(READINGS)]
    assert sorted(line.split("`")[1] for line in rows) == sorted(run.name for run in plain)
    for run in plain:
        (row,) = (line for line in rows if f"(`{run.name}`)" in line)
        assert f" {run.facts['hyperparameters']['recipe']['learning_rate']:g} " in row
    assert status_page.trained_with([]) == "There is no record of a network yet."


# The model card


def best_of_the_files():
    """Return the name of the best record, from the JSON files alone."""
    scores = {}
    for path in RESULTS.glob("*/run.json"):
        facts = json.loads(path.read_text())
        fair = facts["protocol"] == "grouped" and not facts["leaky"] and facts.get("chosen_on") != "test"
        own = "members" not in facts["hyperparameters"] and "split_seed" not in facts
        if fair and own and not facts["synthetic"]:
            rows = json.loads((path.parent / "metrics.json").read_text())
            scores[path.parent.name] = next(row["value"] for row in rows if row["metric"] == "balanced_accuracy")
    return max(scores, key=scores.get), len(scores)


def test_the_card_names_the_best_record_and_its_numbers_are_those_of_metrics_json(found):
    card = model_card.card(found)
    name, number = best_of_the_files()
    assert card["card_record"] == f"`{name}`" and card["card_candidates"] == str(number)
    rows = {(row["metric"], row["dx"]): row for row in json.loads((RESULTS / name / "metrics.json").read_text())}
    for key, words in model_card.HEADLINES.items():
        if key in rows:
            row = rows[key]
            (line,) = (line for line in card["card_metrics"].splitlines() if line.startswith(f"| {words} |"))
            assert [float(value) for value in re.findall(r"\d\.\d{3}", line)] == pytest.approx(
                [row["value"], row["low"], row["high"], row["floor"]], abs=0.0005001
            )
    for dx in CLASSES:
        (line,) = (line for line in card["card_classes"].splitlines() if line.startswith(f"| `{dx}` |"))
        wanted = [rows[metric, dx][key] for metric in ("recall", "precision") for key in ("value", "low", "high")]
        assert [float(value) for value in re.findall(r"\d\.\d{3}", line)] == pytest.approx(wanted, abs=0.0005001)
        assert f"| {rows['support', dx]['value']:,.0f} |" in line
    row = rows["balanced_accuracy", "all"]
    assert card["card_score"] == f"{row['value']:.3f} [{row['low']:.3f},\N{NO-BREAK SPACE}{row['high']:.3f}]"


def test_the_card_s_failures_and_ranking_agree_with_scikit_learn(found):
    card = model_card.card(found)
    best = next(run for run in found if f"`{run.name}`" == card["card_record"])
    truth, prob = best.predictions["true"], best.predictions[list(CLASSES)].to_numpy()
    said = np.array(CLASSES)[prob.argmax(axis=1)]
    matrix = pd.DataFrame(confusion_matrix(truth, said, labels=CLASSES), index=CLASSES, columns=CLASSES)
    assert (
        f"Of {matrix.loc['mel'].sum():,} images of melanoma, {matrix.loc['mel', 'mel']:,} are" in card["card_failures"]
    )
    line = next(line for line in card["card_failures"].splitlines() if "Melanoma is missed" in line)
    for dx in set(CLASSES) - {"mel"}:
        assert (f"{matrix.loc['mel', dx]:,} `{dx}`" in line) == bool(matrix.loc["mel", dx])
    recalls = pd.Series(np.diag(matrix), CLASSES) / matrix.sum(axis=1)
    assert f"finds least often** is `{recalls.idxmin()}`" in card["card_failures"]
    ranking = [line.split("|")[1:-1] for line in card["card_ranking"].splitlines() if "(`" in line]
    for cells in ranking:
        run = next(run for run in found if f"(`{run.name}`)" in cells[0])
        mine = run.predictions[run.predictions["fold"].isin(best.facts["folds"])]
        said = np.array(CLASSES)[mine[list(CLASSES)].to_numpy().argmax(axis=1)]
        assert float(cells[3]) == pytest.approx(balanced_accuracy_score(mine["true"], said), abs=0.0005001)


def test_the_card_s_slices_are_those_of_slices_csv(found):
    card = model_card.card(found)
    name, _ = best_of_the_files()
    table = pd.read_csv(RESULTS / name / "slices.csv", keep_default_na=False)
    lines = [line for line in card["card_slices"].splitlines() if line.startswith("| ")]
    wanted = table[(table["metric"] == "balanced_accuracy") & table["slice"].isin(model_card.SLICES)]
    assert {"age", "sex", "site", "source"} <= set(wanted["slice"])
    for _, row in wanted.iterrows():
        start = rf"\| `?{re.escape(row['stratum'])}`? \| {row['images']:,} \| {row['lesions']:,}\*? \|"
        (line,) = (line for line in lines if re.match(start, line))
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        assert cells[2].endswith("*") == (row["lesions"] < 30)
        assert float(cells[4].split()[0]) == pytest.approx(float(row["value"]), abs=0.0005001)
        part = table[(table["slice"] == row["slice"]) & (table["stratum"] == row["stratum"]) & (table["dx"] == "mel")]
        part = part.set_index("metric")["value"].astype(float)
        assert cells[5] == (f"{part['support']:,.0f}" if "support" in part else "0")
        if "support" in part and part["support"] < model_card.FEW:
            assert cells[6] == f"{part['recall'] * part['support']:.0f} of {part['support']:.0f}"


def improved(run, **facts):
    """Return a run with the highest possible balanced accuracy, and other facts."""
    table = run.metrics.copy()
    table.loc[table["metric"] == "balanced_accuracy", "value"] = 1.0
    return replace(run, metrics=table, facts=run.facts | {"name": "zz-better"} | facts)


def test_a_better_record_changes_the_card_and_a_marked_one_or_the_reader_s_does_not(found):
    honest = next(run for run in found if run.facts["protocol"] == "grouped" and not run.marks)
    card = model_card.card([*found, improved(honest)])
    assert card["card_record"] == "`zz-better`" and card["card_score"].startswith("1.000")
    before = model_card.card(found)["card_record"]
    unfit = [
        improved(honest, chosen_on="test"),
        improved(honest, leaky=True, leaked_images=5),
        improved(honest, synthetic=True),
        improved(honest, protocol="holdout938"),
        replace(improved(honest), origin="yours"),
        improved(honest, hyperparameters=honest.facts["hyperparameters"] | {"members": {}}),
        improved(honest, split_seed=2018),
    ]
    for run in unfit:
        assert model_card.card([*found, run])["card_record"] == before, run.facts
    with pytest.raises(ValueError, match="no unmarked record"):
        model_card.card(unfit)


def test_the_card_copes_with_a_model_that_misses_no_melanoma_and_with_other_kinds_of_records(found):
    honest = next(run for run in found if run.facts["protocol"] == "grouped" and not run.marks)
    perfect = honest.predictions.copy()
    perfect[list(CLASSES)] = (perfect["true"].to_numpy()[:, None] == np.array(CLASSES)).astype(float)
    perfect.loc[perfect["true"] == "df", list(CLASSES)] = np.eye(len(CLASSES))[CLASSES.index("nv")]
    said = model_card.failures(replace(honest, predictions=perfect))
    assert "images of melanoma are called melanoma" in said and "none shows something else" in said
    for run in [run for run in found if not run.name.startswith("pool-")]:
        assert model_card.failures(run) and model_card.slices(run) and model_card.details(run)


def test_the_pages_type_no_model_and_use_every_number_that_is_made_for_them(found):
    text = (ROOT / "book" / "model-card.md").read_text(encoding="utf-8")
    assert not re.search(r"resnet|vgg|mobilenet|svm|xgboost|forest", text, re.I)
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.md"))
    used = set(re.findall(r"\{\{ (\w+) \}\}", pages))
    assert {*model_card.card(found), *status_page.substitutions(RESULTS)} - used == set()


def test_runs_are_those_that_the_readers_see(found):
    assert [run.name for run in found] == [run.name for run in runs.load_runs() if run.origin == "the book"]


# The teacher's page

HEAD = "# %% [markdown]\n# # {title}\n#\n# | to read | {read} |\n# | to do the three exercises | {do} |\n"
BOOK = teaching.notebooks.chapters(ROOT)


def test_the_minutes_of_the_teachers_page_are_those_at_the_chapters_heads():
    times, texts = teaching.durations(BOOK), teaching.substitutions(BOOK)
    assert len(times) == len(BOOK) > 0
    for slug in BOOK:
        head = json.loads((ROOT / "notebooks" / f"{slug}.ipynb").read_text())["cells"][0]["source"]
        read, do = (int(re.search(rf"\| to {what}[^|]* \| (\d+) \|", "".join(head))[1]) for what in ("read", "do"))
        (row,) = (line for line in texts["teaching_chapters"].splitlines() if f"(../notebooks/{slug}.ipynb)" in line)
        assert row.endswith(f" | {read} | {do} | {read + do} |")
    hours = sum(sum(minutes) for _, *minutes in times.values()) / 60
    assert abs(int(texts["teaching_hours"]) - hours) <= 0.5


def test_a_head_without_minutes_is_named(tmp_path):
    def chapter(number, title, read):
        source = tmp_path / f"{title.lower()}.py"
        source.write_text(HEAD.format(title=title, read=read, do=30))
        return {source.stem: teaching.notebooks.Chapter(source.stem, number, title, source)}

    book = chapter(1, "A", 20)
    assert teaching.durations(book) == {"a": ("[Chapter 1: A](../notebooks/a.ipynb)", 20, 30)}
    with pytest.raises(ValueError, match=r"b\.py: the head lacks"):
        teaching.durations(book | chapter(2, "B", "?"))


def test_a_day_runs_on_by_the_minutes_of_its_items():
    times = {"first": ("[one]", 25, 30), "second": ("[two]", 40, 0)}
    rows, end = teaching.clock([("Hello", 10), "first", ("part of another", 15)], times)
    assert rows == [("09:00", "Hello", 10), ("09:10", "[one]", 55), ("10:05", "part of another", 15)]
    assert end == "10:20"


@pytest.mark.parametrize(
    ("plan", "ends"),
    [("half_day", ["13:00"]), ("one_day", ["17:30"]), ("two_days", ["17:30"] * 2), ("three_days", ["17:30"] * 3)],
)
def test_a_plan_ends_in_time_pauses_often_and_takes_the_chapters_in_order(plan, ends):
    times, days = teaching.durations(BOOK), teaching.PLANS[plan]
    for day, latest in zip(days, ends, strict=True):
        rows, end = teaching.clock(day, times)
        assert end <= latest
        stretch = 0
        for _, what, minutes in rows:
            stretch = 0 if what in ("Pause", "Lunch") else stretch + minutes
            assert stretch <= 90, f"{plan}: {stretch} minutes without a pause, up to {what}"
    whole = [item for day in days for item in day if isinstance(item, str)]
    assert whole == [slug for slug in BOOK if slug in whole]
    assert plan != "three_days" or whole == list(BOOK)


def test_the_plans_link_the_chapters_by_their_numbers():
    texts = teaching.substitutions(BOOK)
    for plan, days in teaching.PLANS.items():
        whole = [item for day in days for item in day if isinstance(item, str)]
        assert whole
        for slug in whole:
            assert (
                f"[Chapter {BOOK[slug].number}: {BOOK[slug].title}](../notebooks/{slug}.ipynb)"
                in (texts[f"teaching_{plan}"])
            )
        assert "{{" not in texts[f"teaching_{plan}"]


def sections(slug):
    """Return the titles of a chapter's sections and exercises."""
    return re.findall(r"^# ###? (.+)$", BOOK[slug].source.read_text(encoding="utf-8"), re.M)


def test_the_teachers_page_names_sections_that_the_chapters_have():
    text = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \{\{chapter:([a-z0-9-]+)\}\} \| (.+) \| (.+) \|$", text, re.M)
    assert [slug for slug, *_ in rows] == list(BOOK)
    for slug, *cells in [*rows, ("where-could-90-come-from", teaching.MIX[0])]:
        named = [name for cell in cells for name in re.findall(r"\*(.+?)\*", cell)]
        assert len(named) >= 3 and not set(named) - set(sections(slug)), slug
    for name, slug in {
        "The paired design": "where-could-90-come-from",
        "What made the difference?": "cnn-from-scratch",
        "What the paper leaves out": "against-the-paper",
    }.items():
        assert f"*{name}*" in text and name in sections(slug)


# The welcome page


def test_the_welcome_page_s_numbers_are_those_of_the_records(found):
    accuracies, floors = welcome.accuracies(found)
    shown = welcome.findings(found, accuracies)

    def stored(name, metric):
        rows = json.loads((RESULTS / name / "metrics.json").read_text())
        return next(row["value"] for row in rows if row["metric"] == metric)

    assert float(shown["welcome_cnn"]) == pytest.approx(stored("cnn-improved-holdout938-96x96", "accuracy"), abs=6e-4)
    assert float(shown["welcome_pool"]) == pytest.approx(stored("pool-grouped", "accuracy"), abs=6e-4)
    here, _, there = accuracies["resnet-frozen-200x150"]
    assert here == pytest.approx(stored("resnet-frozen-grouped-200x150", "accuracy"), abs=1e-6)
    assert there == pytest.approx(stored("resnet-frozen-holdout938-200x150", "accuracy"), abs=1e-6)
    assert shown["welcome_resnet"] == f"{here:.1%}"
    # What the page says of them: the mix alone lifts each to about its score on the other test set.
    assert all(mix - here > 0.07 and abs(mix - there) < 0.02 for here, mix, there in accuracies.values())
    assert floors[1] - floors[0] > 0.1
    assert float(shown["welcome_cnn"]) < float(shown["welcome_floor"]) < float(shown["welcome_cnn_restored"])
    assert float(shown["welcome_vgg"]) < float(shown["welcome_svm"]) < float(shown["welcome_tuned"])
    assert model_card.candidates(found)[0].name == "resnet-tuned-grouped-200x150-evened", "the best single model"


def test_the_welcome_page_s_figure_is_the_same_for_the_same_records(found, tmp_path):
    accuracies, floors = welcome.accuracies(found)
    paths = [tmp_path / folder / "figure.png" for folder in ("new", "again")]
    for path in paths:
        welcome.draw(accuracies, floors, path)
    with Image.open(paths[0]) as picture:
        assert picture.format == "PNG" and picture.width == 1152
    assert paths[0].read_bytes() == paths[1].read_bytes()


# Chapters' numbers


def test_a_page_s_chapters_are_numbered_by_the_table_of_contents():
    page = ["{{chapter:cnn-from-scratch}}, of {{ chapters }}; Chapter {{number:meet-the-data}}"]
    chapter_links.number(None, "book/index", page)
    number = BOOK["cnn-from-scratch"].number
    assert page == [f"[Chapter {number}](../notebooks/cnn-from-scratch.ipynb), of {{{{ chapters }}}}; Chapter 1"]
    config = SimpleNamespace(myst_substitutions={})
    chapter_links.count(None, config)
    assert config.myst_substitutions == {"chapters": str(len(BOOK))}


def test_no_page_types_the_number_or_the_file_of_a_chapter():
    pages = [*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks" / "src").glob("*.py")]
    assert len(pages) > len(BOOK)
    for path in pages:
        text = path.read_text(encoding="utf-8")
        typed = re.findall(r"\bchapters?\s(?:#\s)?\d+(?! to \{\{)|\bexercises?\s(?:#\s)?\d+", text, re.I)
        assert typed == [], path.name
        for slug in re.findall(r"\{\{(?:chapter|number):(.*?)\}\}", text):
            assert slug in BOOK, f"{path.name} names {slug}"


# The pages' figures


def test_a_figure_keeps_its_place_before_it_is_there(tmp_path):
    (tmp_path / "_images").mkdir()
    Image.new("RGB", (40, 10)).save(tmp_path / "_images" / "photo.png")
    (tmp_path / "_images" / "drawn.svg").write_text('<svg viewBox="0 0 720 540"/>', encoding="utf-8")
    for file, height in (("photo.png", 100), ("drawn.svg", 300)):
        text = f'<img alt="A" src="_images/{file}" style="width: 400px;" />'
        assert f'width="400" height="{height}"' in lighter.lighter(text, tmp_path)
