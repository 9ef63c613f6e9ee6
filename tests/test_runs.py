import gzip
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import records, splits
from helpers.evaluate import _metrics as metrics
from helpers.ham10000 import CLASSES, MISSED_PAIRS
from helpers.records import _experiments as experiments
from helpers.records import _runs as runs
from helpers.records import _seal as seal
from helpers.records._seal import RecordError

ROOT = Path(__file__).parents[1]
COMMITTED = sorted(path.parent for path in (ROOT / "book" / "results").glob("*/run.json"))
EXPERIMENTS = sorted(path.parent for path in (ROOT / "book" / "results").glob("*/experiment.json"))
FILES = ("run.json", "predictions.csv.gz", "validation.csv.gz", "metrics.json", "slices.csv", "history.csv")


def probabilities(table, rows, seed=0):
    rng = np.random.default_rng(seed)
    truth = pd.Index(CLASSES).get_indexer(table["dx"].iloc[rows])
    logits = rng.normal(size=(len(rows), 7)) + 1.5 * np.eye(7)[truth]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def made(ham, config, parts, seed=0, **changes):
    """Return the keyword arguments of ``runs.write_run`` for a run that is in order."""
    folds = list(range(len(parts)))
    frames = {
        name: pd.concat(
            runs.frame(ham.table, getattr(split, part), probabilities(ham.table, getattr(split, part), seed), fold)
            for fold, split in enumerate(parts)
        )
        for name, part in (("predictions", "test"), ("validation_predictions", "validation"))
    }
    run = runs.facts(ham, config) | {
        "name": "guess",
        "model": "an informed guess",
        "folds": folds,
        "hyperparameters": {"noise": np.float32(1), "depth": np.int64(3)},
        "wall_seconds": 1.5,
        "images_per_second": 100,
        "notes": "tried nothing else",
    }
    return {"run": run, "table": ham.table, "split": parts, "resamples": 20} | frames | changes


@pytest.fixture(scope="module")
def folds(ham):
    return [splits.grouped(ham.table, fold) for fold in range(2)]


@pytest.fixture(scope="module")
def in_order(ham, config, folds):
    return made(ham, config, folds, history=pd.DataFrame({"epoch": [1, 2], "loss": [1.25, 0.5]}))


@pytest.fixture(scope="module")
def written(in_order, tmp_path_factory):
    return runs.write_run(tmp_path_factory.mktemp("runs"), **in_order)


@pytest.fixture
def copied(written, tmp_path):
    """A record that a test may spoil."""
    return Path(shutil.copytree(written, tmp_path / "mine" / written.name))


def test_a_run_whose_epoch_was_chosen_on_the_test_set_is_marked_everywhere(ham, in_order, written, tmp_path):
    twin = in_order["run"] | {"name": "twin", "chosen_on": "test"}
    honest = in_order["run"] | {"name": "honest", "chosen_on": "validation"}
    for run in (twin, honest):
        runs.write_run(tmp_path, **in_order | {"run": run})
    mark = "CHOSEN ON THE TEST SET: the epoch was picked on the very images that are scored here"
    run = records.load_run(tmp_path / "twin")
    assert mark in run.marks and mark in repr(run)
    assert mark not in records.load_run(tmp_path / "honest").marks + records.load_run(written).marks
    runs.verify(run, ham.table)
    assert {"twin", "honest"} <= {run.name for run in records.load_runs(tmp_path)}


def test_a_record_says_what_was_run_and_holds_what_was_predicted(written, in_order, ham, config, folds):
    assert sorted(path.name for path in written.iterdir()) == sorted(FILES)
    assert [path.name for path in written.parent.iterdir()] == ["guess"]
    run = records.load_run(written)
    assert (run.name, run.origin, run.path) == ("guess", "yours", written)
    assert run.facts["fingerprint"] == ham.fingerprint and run.facts["tier"] == config.tier
    assert run.facts["hyperparameters"] == {"noise": 1.0, "depth": 3}
    assert run.facts["protocol"] == "grouped" and not run.facts["leaky"] and run.facts["leaked_images"] == 0
    assert run.facts["split_hashes"] == [split.hash for split in folds]
    assert {"numpy", "scikit-learn", "Python"} <= set(run.facts["versions"])
    for mine, given in (
        (run.predictions, in_order["predictions"]),
        (run.validation, in_order["validation_predictions"]),
    ):
        pd.testing.assert_frame_equal(mine, given.reset_index(drop=True), rtol=0, atol=1e-5)
    assert run.history.equals(in_order["history"])
    assert set(run.slices["note"]) <= {"", metrics.NEVER_ANSWERED} | set(run.slices["note"][run.slices["dx"] == "all"])
    assert run.slices.loc[run.slices["metric"] != "support", "value"].notna().all()
    assert set(run.slices["slice"]) == {"dx_type", "age", "sex", "site", "source", "leakable"}


def test_a_record_re_evaluates_to_its_metrics_and_to_those_of_the_unrounded_predictions(written, in_order):
    run = records.load_run(written)
    again = runs.reevaluate(run.predictions, run.validation, resamples=run.facts["resamples"])
    pd.testing.assert_frame_equal(run.metrics, again, check_dtype=False, rtol=0, atol=1e-6)
    unrounded = runs.reevaluate(in_order["predictions"], in_order["validation_predictions"], resamples=0)
    assert np.allclose(run.metrics["value"], unrounded["value"], atol=1e-4)
    whole = run.metric("balanced_accuracy")
    assert whole["floor"] == pytest.approx(1 / 7, abs=1e-6) and whole["low"] < whole["value"] < whole["high"]
    assert run.metric("recall", "mel")["dx"] == "mel"
    with pytest.raises(KeyError, match="no metric 'recall' of 'all'"):
        run.metric("recall")


def test_each_fold_is_tested_at_the_threshold_of_its_own_validation_set(written, in_order):
    run = records.load_run(written)
    called = pd.Series(False, index=run.predictions.index)
    thresholds = []
    for fold, mine in run.predictions.groupby("fold"):
        validation = run.validation[run.validation["fold"] == fold]
        thresholds.append(metrics.melanoma_threshold(validation["true"], validation[list(CLASSES)])[0.9])
        called[mine.index] = mine["mel"] >= thresholds[-1]
    assert thresholds[0] != thresholds[1]
    melanoma = run.predictions["true"] == "mel"
    assert run.metric("sensitivity_at_specificity_90", "mel")["value"] == pytest.approx(
        called[melanoma].mean(), abs=1e-6
    )
    assert run.metric("specificity_reached_90", "mel")["value"] == pytest.approx(1 - called[~melanoma].mean(), abs=1e-6)
    # Turning the test labels about moves no threshold.
    turned = in_order["predictions"].assign(true=np.roll(in_order["predictions"]["true"], 5))
    expected = runs._thresholds(in_order["predictions"], in_order["validation_predictions"])
    assert np.array_equal(runs._thresholds(turned, in_order["validation_predictions"])[0.9], expected[0.9])


def test_without_validation_predictions_no_threshold_is_made_up(in_order, tmp_path):
    given = in_order | {"validation_predictions": None, "history": None}
    run = records.load_run(runs.write_run(tmp_path, **given))
    assert run.validation is None and run.history is None
    assert not run.metrics["metric"].str.contains("specificity").any()


def test_a_fold_without_a_melanoma_to_choose_on_costs_the_threshold_not_the_record(ham, config, tmp_path):
    few = replace(ham, table=ham.table[ham.table["dx"] != "mel"].reset_index(drop=True))
    run = records.load_run(runs.write_run(tmp_path, **made(few, config, [splits.grouped(few.table)])))
    assert run.validation is not None and not run.metrics["metric"].str.contains("specificity").any()
    assert np.isfinite(run.metric("accuracy")["value"])


def test_a_record_of_few_lesions_has_no_slices(ham, config, tmp_path):
    rows = ham.table.drop_duplicates("lesion_id").groupby("dx").head(5)
    few = replace(ham, table=rows[rows["dx"] == "nv"].reset_index(drop=True))
    run = records.load_run(runs.write_run(tmp_path, **made(few, config, [splits.grouped(few.table)])))
    assert len(run.predictions) == 1 and run.slices.empty and "stratum" in run.slices


def test_the_same_run_is_written_as_the_same_bytes(written, in_order, tmp_path):
    again = runs.write_run(tmp_path, **in_order)
    for name in FILES:
        assert (again / name).read_bytes() == (written / name).read_bytes(), name


def spoil(frame, row, **values):
    frame = frame.reset_index(drop=True)
    for column, value in values.items():
        frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize("which", ["predictions", "validation_predictions"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: spoil(p, 3, mel=p["mel"].iloc[3] + 0.01), r"row 3 \(image SYN_\d+\): .* sum to 1.0100; they must"),
        (lambda p: spoil(p, 4, mel=-0.25, nv=p["mel"].iloc[4] + p["nv"].iloc[4] + 0.25), "row 4 .* at least 0"),
        (lambda p: spoil(p, 5, df=np.nan), "row 5 .* sum to nan"),
        (lambda p: spoil(p, 6, true="melanoma"), "row 6 .* 'melanoma' is no class; use akiec"),
        (
            lambda p: spoil(p, 0, true="vasc" if p["true"].iloc[0] != "vasc" else "nv"),
            "row 0 .*: true is .* the data say",
        ),
        (lambda p: spoil(p, 7, group="SYL_x"), r"row 7 \(image SYN_\d+\): group is 'SYL_x', but the data say 'SYL_"),
        (lambda p: spoil(p, 8, fold=4), r"row 8 .* fold 4 is not among the run's folds \[0, 1\]"),
        (lambda p: spoil(p, 9, image_id="SYN_x"), "fold 0: image ids not in the split: 1, the first is SYN_x. Predict"),
        (lambda p: p.iloc[1:], "fold 0: image ids of the split missing: 1, the first is SYN_"),
        (lambda p: pd.concat([p, p.iloc[2:3]]), "it stands there twice; predict each image once"),
        (lambda p: p.drop(columns="group"), "has the columns .* give .*'group'"),
        (lambda p: p[[*p.columns[:4], *p.columns[:3:-1]]], "in this order"),
        (lambda p: p.iloc[:0], "has no row"),
    ],
)
def test_predictions_that_are_not_of_the_split_are_refused(in_order, tmp_path, which, change, message):
    file = {"predictions": "^predictions.csv.gz", "validation_predictions": "^validation.csv.gz"}[which]
    with pytest.raises(RecordError, match=f"{file}.*{message}"):
        runs.write_run(tmp_path, **in_order | {which: change(in_order[which])})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "2018"}, "run.json: seed is '2018'; give a whole number"),
        ({"seed": True}, "run.json: seed is True; give a whole number"),
        ({"synthetic": "no"}, "give True or False"),
        ({"wall_seconds": None}, "wall_seconds is None; give a number"),
        ({"wall_seconds": float("nan")}, "run.json cannot hold the facts: .*Give finite numbers"),
        ({"hyperparameters": {"model": object()}}, "is no JSON value"),
        ({"name": "n" * 300}, r"the name 'nnnnnnnnnnnnnnnnnnnn...' has 300 characters .* use at most 150"),
        ({"name": "../elsewhere"}, "the name '../elsewhere' becomes the folder's: use lower-case letters"),
        ({"folds": [0]}, r"folds \[0\] with 2 splits of \['grouped'\]; give one split a fold"),
        ({"folds": [0, 0]}, "give one split a fold"),
    ],
)
def test_facts_that_do_not_fit_are_refused(in_order, tmp_path, change, message):
    with pytest.raises(RecordError, match=message):
        runs.write_run(tmp_path, **in_order | {"run": in_order["run"] | change})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", seal.FACTS)
def test_no_fact_may_lack(in_order, tmp_path, name):
    run = {key: value for key, value in in_order["run"].items() if key != name}
    with pytest.raises(RecordError, match=f"run.json lacks '{name}'"):
        runs.write_run(tmp_path, **in_order | {"run": run})


def test_a_test_lesion_in_training_is_refused_unless_the_protocol_says_leaky(ham, config, tmp_path):
    naive = splits.image8020(ham.table)
    leaked = splits.audit(ham.table, np.r_[naive.train, naive.validation], naive.test).leaked_images
    called_honest = splits.Split("grouped", naive.train, naive.validation, naive.test)
    with pytest.raises(RecordError, match=f"fold 0: {leaked} test images show a lesion .* 'grouped' forbids it"):
        runs.write_run(tmp_path, **made(ham, config, [called_honest]))
    called_holdout = splits.Split("holdout938", naive.train, naive.validation, naive.test)
    with pytest.raises(RecordError, match="'holdout938' forbids it"):
        runs.write_run(tmp_path, **made(ham, config, [called_holdout]))
    given = made(ham, config, [naive]) | {"split": naive}
    run = records.load_run(runs.write_run(tmp_path, **given))
    assert run.facts["leaky"] and run.facts["leaked_images"] == leaked
    mark = f"LEAKY: {leaked:,} test images show lesions seen before the test"
    assert run.marks == (
        mark,
        "SYNTHETIC: drawn images, which say nothing about skin",
        "REHEARSAL: the quick tier, few images and epochs",
    )
    assert repr(run).startswith(f"*** {mark} ***\n*** SYNTHETIC")


def test_a_lesion_that_is_half_validation_half_test_is_refused(ham, config, folds, tmp_path):
    split = folds[0]
    groups = splits.lesion_groups(ham.table).to_numpy()
    inner = groups[split.validation]
    twin = split.validation[pd.Series(inner).duplicated().to_numpy()][:1]
    moved = splits.Split("grouped", split.train, np.setdiff1d(split.validation, twin), np.sort(np.r_[split.test, twin]))
    with pytest.raises(RecordError, match=f"1 test images .* the first of group '{groups[twin[0]]}'"):
        runs.write_run(tmp_path, **made(ham, config, [moved]))


def test_holdout_counts_the_missed_pairs_that_cross_it(ham):
    # The recipe knows lesion_ids only, so a pair that they miss can stand on both sides.
    table = ham.table.copy()
    split = splits.holdout938(table)
    table.loc[split.test[0], "image_id"], table.loc[split.train[0], "image_id"] = MISSED_PAIRS[0]
    assert seal.check_leak(split, table, 0) == 1
    assert seal.check_leak(split, ham.table, 0) == 0


def test_protocols_do_not_mix(ham, config, folds, tmp_path):
    with pytest.raises(RecordError, match=r"2 splits of \['grouped', 'image8020'\]"):
        runs.write_run(tmp_path, **made(ham, config, [folds[0], splits.image8020(ham.table)]))
    unknown = splits.Split("leave-one-out", folds[0].train, folds[0].validation, folds[0].test)
    with pytest.raises(RecordError, match=r"\['leave-one-out'\]; .* protocol of grouped, image8020, holdout938"):
        runs.write_run(tmp_path, **made(ham, config, [unknown]))


@pytest.mark.parametrize("name", FILES)
def test_a_record_edited_by_hand_is_refused(copied, name):
    content = (copied / name).read_bytes()
    if name.endswith(".gz"):
        text = gzip.decompress(content).decode()
        changed = gzip.compress(text.replace(",nv,", ",mel,", 1).encode(), mtime=0)
    else:
        changed = content.replace(b"5", b"6", 1)
    assert changed != content
    (copied / name).write_bytes(changed)
    with pytest.raises(RecordError, match=rf"{name} was changed after it was written. Remove the folder"):
        records.load_run(copied)


@pytest.mark.parametrize("name", FILES)
def test_half_a_record_is_refused(copied, name):
    content = (copied / name).read_bytes()
    (copied / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(RecordError, match=f"{name} (was changed|is damaged)"):
        records.load_run(copied)
    (copied / name).unlink()
    with pytest.raises(RecordError, match=f"{name}"):
        records.load_run(copied)


def test_what_is_no_record_is_named(tmp_path):
    with pytest.raises(RecordError, match=r"is no record: it has no run.json"):
        records.load_run(tmp_path)
    (tmp_path / "run.json").write_text("[1]")
    with pytest.raises(RecordError, match=r"run.json is damaged"):
        records.load_run(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RecordError, match=r"run.json is damaged .*seal"):
        records.load_run(tmp_path)


def test_line_ends_of_another_system_do_not_break_the_seal(copied):
    for name in ("run.json", "slices.csv", "history.csv", "metrics.json"):
        (copied / name).write_bytes((copied / name).read_bytes().replace(b"\n", b"\r\n"))
    assert records.load_run(copied).history.shape == (2, 2)


def test_a_failed_write_leaves_the_old_record_and_nothing_else(copied, in_order, monkeypatch):
    before = {path.name: path.read_bytes() for path in copied.iterdir()}

    def no_room(self, content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", no_room)
        with pytest.raises(RecordError, match=r"cannot be written \(No space left on device\). Set SKIN_RUNS"):
            runs.write_run(copied.parent, **in_order)
    replace = os.replace

    def only_away(source, target):
        if str(source).endswith(".partial"):
            raise OSError(5, "Input/output error")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", only_away)
        with pytest.raises(RecordError, match="Input/output error"):
            runs.write_run(copied.parent, **in_order)
    assert [path.name for path in copied.parent.iterdir()] == ["guess"]
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before


def test_writing_again_replaces_the_record(copied, in_order):
    runs.write_run(copied.parent, **in_order | {"run": in_order["run"] | {"notes": "second try"}, "history": None})
    assert records.load_run(copied).facts["notes"] == "second try"
    assert not (copied / "history.csv").exists() and len(list(copied.parent.iterdir())) == 1


def test_a_record_is_verified_against_the_data(written, ham):
    run = records.load_run(written)
    runs.verify(run, ham.table)
    with pytest.raises(RecordError, match=r"fold 0: its split has the hash .* other data or another seed"):
        runs.verify(run, ham.table.iloc[:-1])
    run.facts["split_seed"] = 1
    with pytest.raises(RecordError, match="other data or another seed"):
        runs.verify(run, ham.table)


def test_the_split_may_have_another_seed_than_the_model(ham, config, tmp_path):
    given = made(ham, config, [splits.grouped(ham.table, seed=7)])
    given["run"] |= {"seed": 1, "split_seed": 7}
    runs.verify(records.load_run(runs.write_run(tmp_path, **given)), ham.table)


@pytest.fixture
def book(tmp_path, monkeypatch):
    """An empty folder that is the book's, and another that is yours."""
    monkeypatch.setenv("SKIN_RUNS", str(tmp_path / "mine"))
    monkeypatch.setattr(seal, "book_folder", lambda: tmp_path / "book")
    (tmp_path / "book").mkdir()
    return tmp_path / "book"


def test_your_records_stand_beside_the_books(in_order, book):
    runs.write_run(book, **in_order)
    path = runs.write_run(None, **in_order | {"run": in_order["run"] | {"name": "another"}})
    assert [(run.name, run.origin) for run in records.load_runs()] == [("guess", "the book"), ("another", "yours")]
    assert path.resolve() == book.parent / "mine" / "another"
    assert records.load_run("guess").origin == "the book" and records.load_run("another").origin == "yours"
    with pytest.raises(RecordError, match=r"no record is called 'gues', .* did you mean guess\?"):
        records.load_run("gues")
    with pytest.raises(RecordError, match=r"no record is called 'x', .* give the name or the path"):
        records.load_run("x")


def test_a_record_of_yours_never_takes_the_place_of_one_of_the_book(in_order, experiment, book):
    runs.write_run(book, **in_order)
    experiments.write_experiment(book, experiment, RESULTS)
    with pytest.raises(RecordError, match=r"'guess' is the name of a record of the book.* such as 'guess-mine'"):
        runs.write_run(None, **in_order)
    with pytest.raises(RecordError, match="'leak' is the name of a record of the book"):
        experiments.write_experiment(book.parent / "elsewhere", experiment, RESULTS)
    # An older version of this package wrote it, or somebody copied it, under this name or another.
    for name in ("guess", "renamed"):
        shutil.copytree(book / "guess", book.parent / "mine" / name)
    with pytest.warns(UserWarning, match="left out: .*(guess|renamed) has the name of a record of the book") as warned:
        listed = records.load_runs()
    assert [run.origin for run in listed] == ["the book"] and len(warned) == 2
    assert records.load_run("guess").origin == "the book"


def test_a_folder_that_was_copied_does_not_take_the_place_of_its_original(in_order, book):
    path = runs.write_run(None, **in_order)
    shutil.copytree(path, path.with_name("z-copy"))
    with pytest.warns(UserWarning, match="z-copy has the name of a record of yours, 'guess'"):
        assert [run.path.name for run in records.load_runs()] == ["guess"]


def test_your_records_go_to_runs_in_the_working_folder(in_order, tmp_path, monkeypatch):
    monkeypatch.delenv("SKIN_RUNS", raising=False)
    monkeypatch.setattr(seal, "book_folder", lambda: tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    assert records.load_runs() == []
    path = runs.write_run(None, **in_order)
    assert path.resolve() == tmp_path / "runs" / "guess"
    assert [run.name for run in records.load_runs()] == ["guess"]


def resealed(folder, change=lambda facts: None, **files):
    """Change facts and files of a record and seal it again, as another program, or another version, might write it."""
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    facts = json.loads((folder / "run.json").read_text())
    del facts["seal"]
    change(facts)
    if isinstance(facts.get("files"), dict):
        digests = {
            name: seal._digest((folder / name).read_bytes()) for name in facts["files"] if (folder / name).is_file()
        }
        facts["files"] |= digests
    (folder / "run.json").write_text(json.dumps(facts | {"seal": seal._seal(facts)}))


def without(name):
    return lambda folder: resealed(folder, lambda facts: facts.pop(name))


def with_fact(name, value):
    return lambda folder: resealed(folder, lambda facts: facts.update({name: value}))


def with_hyperparameter(name, value):
    return lambda folder: resealed(folder, lambda facts: facts["hyperparameters"].update({name: value}))


def with_file(name, change):
    return lambda folder: resealed(folder, **{name.replace(".", "_"): change((folder / name).read_bytes())})


def a_folder_in_place_of(name):
    def spoil(folder):
        (folder / name).unlink()
        (folder / name).mkdir()

    return spoil


def a_pipe_in_place_of(name):
    def spoil(folder):
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return spoil


def columns(**changes):
    """Change a table's columns; None takes one away."""

    def change(content):
        table = pd.read_csv(io.BytesIO(gzip.decompress(content) if content[:1] == b"\x1f" else content))
        table = table.assign(**{k: v for k, v in changes.items() if v is not None})
        text = table.drop(columns=[k for k, v in changes.items() if v is None]).to_csv(index=False).encode()
        return gzip.compress(text) if content[:1] == b"\x1f" else text

    return change


BAD = {
    **{f"lacks {name}": without(name) for name in {**seal.FACTS, **seal.ADDED, "files": dict}},
    **{
        f"{name} is {value!r}": with_fact(name, value)
        for name, value in [
            ("name", 7),
            ("name", "../x"),
            ("name", "<b>"),
            ("name", "n" * 300),
            ("model", None),
            ("model", ["a"]),
            ("hyperparameters", []),
            ("hyperparameters", None),
            ("leaky", "no"),
            ("leaked_images", "3"),
            ("folds", 3),
            ("folds", {}),
            ("protocol", "none"),
            ("protocol", None),
            ("files", []),
            ("files", {"../guess/run.json": "0"}),
            ("tier", 1),
            ("data", None),
            ("synthetic", 0),
            ("versions", "all"),
            ("wall_seconds", "long"),
        ]
    },
    **{
        f"hyperparameter {name} is {value!r}": with_hyperparameter(name, value)
        for name, value in [
            ("recipe", "x"),
            ("recipe", None),
            ("recipe", {"weights": 3}),
            ("image", 3),
            ("image", [1]),
            ("image", ["a", "b"]),
        ]
    },
    **{f"{name} is a folder": a_folder_in_place_of(name) for name in FILES},
    **{f"{name} is a pipe": a_pipe_in_place_of(name) for name in ("run.json", "metrics.json")},
    **{f"{name} is empty": with_file(name, lambda content: b"") for name in FILES[1:]},
    **{f"{name} is bytes": with_file(name, lambda content: bytes(range(256))) for name in FILES[1:]},
    **{
        f"{name} is cut": with_file(name, lambda content: content[:-50])
        for name in ("predictions.csv.gz", "metrics.json")
    },
    "run.json is nested deep": lambda folder: (folder / "run.json").write_text("[" * 100_000),
    "run.json is of another encoding": lambda folder: (folder / "run.json").write_bytes(b"\xff\xfe\x00"),
    "run.json is a number": lambda folder: (folder / "run.json").write_text("3"),
    "run.json has a long number": lambda folder: (folder / "run.json").write_text("1" * 5000),
    "facts are nested deep": with_fact("notes", json.loads("[" * 400 + "]" * 400)),
    "metrics.json is nested deep": with_file("metrics.json", lambda content: b"[" * 100_000),
    "metrics.json is a dict": with_file("metrics.json", lambda content: b'{"a": 1}'),
    "metrics.json lacks a metric": with_file("metrics.json", lambda c: json.dumps(json.loads(c)[1:]).encode()),
    "metrics.json lacks a column": with_file("metrics.json", lambda c: c.replace(b'"floor"', b'"flour"')),
    "slices.csv lacks a column": with_file("slices.csv", columns(stratum=None)),
    "predictions lack a column": with_file("predictions.csv.gz", columns(group=None)),
    "predictions are words": with_file("predictions.csv.gz", columns(mel="high")),
    "predictions sum to two": with_file("predictions.csv.gz", columns(mel=1.5)),
    "predictions are of no class": with_file("predictions.csv.gz", columns(true="melanoma")),
    "validation lacks a column": with_file("validation.csv.gz", columns(nv=None)),
}


@pytest.mark.parametrize("kind", BAD)
def test_no_bad_record_of_yours_stops_a_list(written, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(seal, "book_folder", lambda: tmp_path / "none")
    bad = Path(shutil.copytree(written, tmp_path / "mine" / "bad"))
    BAD[kind](bad)
    with pytest.raises(RecordError):
        records.load_run(bad)
    with pytest.warns(UserWarning, match="left out: ") as warned:
        assert records.load_runs(bad.parent) == []
    (line,) = (str(warning.message) for warning in warned)
    assert str(bad) in line and "\n" not in line and len(line) < 600
    assert any(word in line for word in ("Remove", "rite", "give", "use", "add", "predict"))


def test_records_of_yours_that_may_not_be_read_are_left_out_and_named(copied, monkeypatch):
    monkeypatch.setattr(seal, "book_folder", lambda: copied.parent / "none")

    def forbidden(*args, **options):
        raise PermissionError(13, "Permission denied", str(copied))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", forbidden)
        with pytest.warns(UserWarning, match="run.json is damaged .*Permission denied.* Remove the folder"):
            assert records.load_runs(copied.parent) == []
    monkeypatch.setattr(os, "listdir", forbidden)
    with pytest.warns(UserWarning, match="left out: all records in .*Permission denied.* Make it readable"):
        assert records.load_runs(copied.parent) == []


def test_what_lies_beside_your_records_is_no_record(copied, monkeypatch):
    monkeypatch.setattr(seal, "book_folder", lambda: copied.parent / "none")
    (copied.parent / "notes.txt").write_text("not a record")
    (copied.parent / "an-experiment").mkdir()
    assert [run.name for run in records.load_runs(copied.parent)] == ["guess"]
    assert records.load_runs(copied.parent / "notes.txt") == records.load_runs(copied.parent / "nowhere") == []


KILLED = """
import os, pathlib, pickle, signal, sys
from helpers.records import _runs as runs

replace, done = os.replace, []

def killed(source, target):
    if len(done) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(replace(source, target))

os.replace = killed
runs.write_run(pathlib.Path(sys.argv[1]), **pickle.load(open(sys.argv[2], "rb")))
"""


@pytest.mark.skipif(os.name == "nt", reason="the signal that cannot be caught is POSIX's")
@pytest.mark.parametrize("renames", [0, 1])
def test_a_record_survives_a_kill_while_it_is_replaced(copied, in_order, tmp_path, monkeypatch, renames):
    """Killed before the first rename, or between the two: the old record stays, and the next write tidies up."""
    monkeypatch.setattr(seal, "book_folder", lambda: tmp_path / "none")
    task = tmp_path / "task.pickle"
    task.write_bytes(pickle.dumps(in_order | {"run": in_order["run"] | {"notes": "new"}}))
    killed = [sys.executable, "-c", KILLED, str(copied.parent), str(task), str(renames)]
    assert subprocess.run(killed, cwd=ROOT, check=False).returncode == -9
    assert len(list(copied.parent.glob(".guess.*"))) == 1 + renames
    (run,) = records.load_runs(copied.parent)
    assert run.facts["notes"] == in_order["run"]["notes"] and run.path == copied
    runs.write_run(copied.parent, **in_order)
    assert [path.name for path in copied.parent.iterdir()] == ["guess"]


def test_a_record_that_a_kill_hid_is_loaded_by_its_name(copied, tmp_path, monkeypatch):
    monkeypatch.setattr(seal, "book_folder", lambda: tmp_path / "none")
    monkeypatch.setenv("SKIN_RUNS", str(copied.parent))
    copied.rename(copied.with_name(f".guess.{'0' * 32}.old"))
    assert records.load_run("guess").path == copied


def test_of_two_that_write_one_record_at_once_one_is_told_so_and_the_record_is_whole(copied, in_order, monkeypatch):
    replace = os.replace

    def other_comes_between(source, target):
        if str(source).endswith(".partial"):
            shutil.copytree(target.with_name(next(copied.parent.glob("*.old")).name), target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", other_comes_between)
    with pytest.raises(RecordError, match=r"guess was written by another process at the same time.* write yours again"):
        runs.write_run(copied.parent, **in_order)
    assert records.load_run(copied).name == "guess"
    assert [path.name for path in copied.parent.iterdir()] == ["guess"]


def test_two_runs_on_the_same_images_are_compared_in_pairs(written, ham, config, folds, tmp_path):
    a = records.load_run(written)
    given = made(ham, config, folds, seed=1)
    # The order of the rows does not matter.
    given["predictions"] = given["predictions"].iloc[::-1]
    b = records.load_run(runs.write_run(tmp_path, **given))
    pair = records.compare(a, b, resamples=50).set_index(["metric", "dx"])
    for name in ("accuracy", "f1_macro"):
        assert pair.loc[(name, "all"), "a"] == pytest.approx(a.metric(name)["value"], abs=1e-6)
        assert pair.loc[(name, "all"), "b"] == pytest.approx(b.metric(name)["value"], abs=1e-6)
    other = records.load_run(runs.write_run(tmp_path, **made(ham, config, [splits.holdout938(ham.table)])))
    with pytest.raises(RecordError, match=r"not tested on the same images .* of grouped, .* of holdout938"):
        records.compare(a, other)


def test_runs_are_compared_on_the_folds_that_both_have(written):
    a = records.load_run(written)
    first, second = (
        replace(a, predictions=a.predictions.query("fold == @fold"), facts=a.facts | {"folds": [fold]})
        for fold in range(2)
    )
    right = metrics.answers(second.predictions[list(CLASSES)]) == second.predictions["true"]
    for pair in ((a, second), (second, a)):
        found = records.compare(*pair, resamples=20).set_index(["metric", "dx"]).loc[("accuracy", "all")]
        assert found["a"] == found["b"] == pytest.approx(right.mean(), abs=1e-6) != a.metric("accuracy")["value"]
    with pytest.raises(RecordError, match=r"grouped, folds \[0\]; .*grouped, folds \[1\]"):
        records.compare(first, second)


RESULTS = pd.DataFrame(
    {
        "repetition": [0, 0],
        "arm": ["leaky", "clean"],
        "stratum": ["siblings", "NA"],
        "metric": ["balanced_accuracy"] * 2,
        "value": [0.5, 0.375],
    }
)


@pytest.fixture
def experiment(in_order):
    run = in_order["run"]
    keys = ("data", "fingerprint", "synthetic", "device", "versions", "date", "seed", "notes")
    return {"name": "leak", "question": "What does a leak buy?"} | {key: run[key] for key in keys}


def test_an_experiment_comes_back_as_it_was_written(experiment, tmp_path):
    path = experiments.write_experiment(tmp_path, experiment, RESULTS)
    facts, results = records.load_experiment(path)
    assert results.equals(RESULTS)
    assert facts["question"] == experiment["question"]
    (path / "results.csv").write_text((path / "results.csv").read_text().replace("0.375", "0.475"))
    with pytest.raises(RecordError, match=r"results.csv was changed"):
        records.load_experiment(path)


def test_an_experiment_that_lacks_something_is_refused(experiment, tmp_path):
    with pytest.raises(RecordError, match=r"results.csv has the columns .* give .*'stratum'"):
        experiments.write_experiment(tmp_path, experiment, RESULTS.drop(columns="stratum"))
    for value in (np.nan, np.inf):
        with pytest.raises(RecordError, match=r"results.csv, row 1 .*'clean'.* no finite number; measure it"):
            experiments.write_experiment(tmp_path, experiment, RESULTS.assign(value=[1, value]))
    del experiment["question"]
    with pytest.raises(RecordError, match=r"experiment.json lacks 'question'"):
        experiments.write_experiment(tmp_path, experiment, RESULTS)
    assert not list(tmp_path.iterdir())


def test_the_wheel_carries_the_books_records(written, tmp_path):
    # Built from a copy, with a record among the results: building leaves folders beside what it builds.
    source = tmp_path / "source"
    for name in ("helpers", "book/results"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(written, source / "book" / "results" / "guess")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    subprocess.run([*pip, "install", *offline, "--target", installed, wheel], check=True)
    empty.mkdir()
    question = (
        "import json, helpers; from helpers import records; from helpers.records._seal import book_folder;"
        "names = [(run.name, run.origin) for run in records.load_runs()];"
        "print(json.dumps([helpers.__file__, str(book_folder()), names]))"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SKIN_")} | {"PYTHONPATH": str(installed)}
    ask = [sys.executable, "-c", question]
    answer = subprocess.run(ask, cwd=empty, env=environment, check=True, capture_output=True, text=True)
    package, folder, found = json.loads(answer.stdout)
    assert Path(package) == installed / "helpers" / "__init__.py"
    assert Path(folder) == installed / "helpers" / "results"
    assert found == [[path.name, "the book"] for path in sorted([*COMMITTED, written], key=lambda path: path.name)]
    # Every room of the checkout is in the package too.
    rooms = {path.relative_to(ROOT) for path in (ROOT / "helpers").rglob("*.py")}
    assert rooms == {path.relative_to(installed) for path in (installed / "helpers").rglob("*.py")}
    # A plain checkout finds the records where they lie.
    environment["PYTHONPATH"] = str(source)
    answer = subprocess.run(ask, cwd=empty, env=environment, check=True, capture_output=True, text=True)
    assert json.loads(answer.stdout)[1:] == [str(source / "book" / "results"), found]


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_a_committed_record_is_whole_and_of_the_real_data(path, real_ham, each_split_made_once):
    """Its numbers are computed again by ``test_against_the_paper``, all of them, with scikit-learn alone."""
    run = records.load_run(path.name)
    assert run.origin == "the book" and run.name == path.name
    assert not run.facts["synthetic"] and run.facts["resamples"] == metrics.RESAMPLES
    seal.check_predictions(run.predictions, run.facts["folds"])
    assert run.facts["fingerprint"] == real_ham.fingerprint
    runs.verify(run, real_ham.table)


@pytest.fixture(scope="module")
def each_split_made_once():
    """The records share their splits, and each takes seconds to make: remember them by protocol, fold and seed."""
    made = {}

    def remember(protocol, make):
        def split(table, fold, seed):
            key = (protocol, fold, seed)
            if key not in made:
                made[key] = make(table, fold, seed=seed)
            return made[key]

        return split

    with pytest.MonkeyPatch.context() as patch:
        for protocol, make in list(seal.SPLITS.items()):
            patch.setitem(seal.SPLITS, protocol, remember(protocol, make))
        yield


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_a_committed_experiment_is_whole(path):
    facts, results = records.load_experiment(path)
    assert facts["name"] == path.name and not facts["synthetic"] and len(results)
