"""The loader: every layout it takes, every bad input it refuses, and the real data set's published counts."""

import csv
import io
import json
import os
import pickle
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import data, settings
from helpers.data import _download as download
from helpers.data import _files as files
from helpers.data import _sample as sample
from helpers.data._files import DataError
from helpers.ham10000 import (
    CLASSES,
    COLUMNS,
    IMAGES_OF_A_LESION,
    PHOTOGRAPHED_ONCE,
    PUBLISHED_IMAGES,
    PUBLISHED_LESIONS,
)

ROWS = [
    ["HAM_0000001", "ISIC_0000001", "nv", "histo", "45.0", "male", "back", "rosendahl"],
    ["HAM_0000001", "ISIC_0000002", "nv", "histo", "45.0", "male", "back", "rosendahl"],
    ["HAM_0000002", "ISIC_0000003", "mel", "histo", "", "female", "face", "vidir_modern"],
    ["HAM_0000003", "ISIC_0000004", "bkl", "consensus", "70.0", "unknown", "unknown", "vidir_modern"],
]
IDS = [row[1] for row in ROWS]


def encode(array, kind="JPEG", **options):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()


def draw(seed, height=12, width=16):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


PHOTOS = {f"{image_id}.jpg": encode(draw(number)) for number, image_id in enumerate(IDS)}


def write_zip(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def write_files(folder, contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def write_metadata(path, rows=ROWS, header=COLUMNS, separator=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=separator).writerows([header, *rows])


@pytest.fixture
def folder(tmp_path):
    """A data folder with metadata of four images, and no image yet."""
    write_metadata(tmp_path / "skin" / "HAM10000_metadata.csv")
    return tmp_path / "skin"


@pytest.fixture
def config(folder, tmp_path):
    return settings.for_chapter("meet-the-data", data=folder, cache=tmp_path / "cache")


def halves():
    items = sorted(PHOTOS.items())
    return dict(items[:2]), dict(items[2:])


def as_zips(folder):
    for number, half in enumerate(halves(), 1):
        write_zip(folder / f"HAM10000_images_part_{number}.zip", half)


def as_lower_case_zips(folder):
    for number, half in enumerate(halves(), 1):
        inside = {f"ham10000_images_part_{number}/{name}": content for name, content in half.items()}
        write_zip(folder / f"ham10000_images_part_{number}.ZIP", inside)


def as_folders(folder):
    for number, half in enumerate(halves(), 1):
        write_files(folder / f"HAM10000_images_part_{number}", half)


def as_kaggle(folder):
    for number, half in enumerate(halves(), 1):
        write_files(folder / f"HAM10000_images_part_{number}", half)
        write_files(folder / f"ham10000_images_part_{number}" / f"ham10000_images_part_{number}", half)


def as_zips_and_unpacked(folder):
    as_zips(folder)
    as_folders(folder)


def as_loose_files(folder):
    write_files(folder, {name.replace(".jpg", ".JPG"): content for name, content in PHOTOS.items()})


def in_a_subfolder(folder):
    write_files(folder / "deep" / "images", PHOTOS)


def as_any_zip(folder):
    write_zip(folder / "mine.zip", PHOTOS | {"__MACOSX/._ISIC_0000001.jpg": b"x", "README.txt": b"x", "a/": b""})


def behind_a_link_that_loops(folder):
    write_files(folder.parent / "elsewhere", PHOTOS)
    (folder / "linked").symlink_to(folder.parent / "elsewhere")
    (folder.parent / "elsewhere" / "loop").symlink_to(folder.parent / "elsewhere")


LAYOUTS = [
    as_zips,
    as_lower_case_zips,
    as_folders,
    as_kaggle,
    as_zips_and_unpacked,
    as_loose_files,
    in_a_subfolder,
    as_any_zip,
    behind_a_link_that_loops,
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_gives_the_same_data_set(layout, folder, config, tmp_path):
    write_metadata(tmp_path / "reference" / "HAM10000_metadata.csv")
    as_zips(tmp_path / "reference")
    reference = data.load(replace(config, data=tmp_path / "reference"))
    layout(folder)
    ham = data.load(config)
    assert ham.fingerprint == reference.fingerprint
    assert ham.table.equals(reference.table)
    assert ham.table["image_id"].tolist() == IDS
    assert ham.size == (12, 16)
    assert not ham.missing and not ham.synthetic
    for image_id in IDS:
        expected = np.asarray(Image.open(io.BytesIO(PHOTOS[f"{image_id}.jpg"])))
        assert np.array_equal(ham.image(image_id), expected)
        assert ham.mask(image_id) is None


def semicolons(path):
    write_metadata(path / "HAM10000_metadata.csv", separator=";")


def tabs(path):
    write_metadata(path / "HAM10000_metadata.tab", separator="\t")


def no_extension(path):
    write_metadata(path / "HAM10000_metadata")


def lower_case_and_nested(path):
    write_metadata(path / "more" / "ham10000_metadata.csv")


def byte_order_mark_blank_lines_and_spaces(path):
    lines = [",".join(f" {cell} " for cell in row) for row in [COLUMNS, *ROWS]]
    (path / "HAM10000_metadata.csv").write_text("\ufeff" + "\n\n".join(lines) + "\n,,,,,,,\n", encoding="utf-8")


def other_columns_and_order(path):
    header = [column.upper() for column in COLUMNS[::-1]]
    write_metadata(path / "HAM10000_metadata.csv", [["x", *row[::-1]] for row in ROWS], ["remark", *header])


def twice_the_same(path):
    write_metadata(path / "HAM10000_metadata.csv")
    write_metadata(path / "HAM10000_metadata")


@pytest.mark.parametrize(
    "write",
    [
        semicolons,
        tabs,
        no_extension,
        lower_case_and_nested,
        byte_order_mark_blank_lines_and_spaces,
        other_columns_and_order,
        twice_the_same,
    ],
    ids=lambda write: write.__name__,
)
def test_every_form_of_the_metadata_gives_the_same_table(write, folder, config):
    as_zips(folder)
    reference = data.load(config).fingerprint
    (folder / "HAM10000_metadata.csv").unlink()
    write(folder)
    assert data.load(config).fingerprint == reference


def test_a_loop_of_links_is_walked_once(folder):
    behind_a_link_that_loops(folder)
    assert len(list(files.walk(folder))) == 1 + len(PHOTOS)


def test_columns_types_and_missing_values(folder, config):
    as_zips(folder)
    rows = [row[:-1] for row in ROWS]
    rows[1] = ["HAM_0000001", "ISIC_0000002", "nv", "", "", "", ""]
    write_metadata(folder / "HAM10000_metadata.csv", rows[::-1], COLUMNS[:-1])
    table = data.load(config).table
    assert tuple(table.columns) == (*COLUMNS, "checksum")
    assert table["image_id"].tolist() == IDS and table.index.tolist() == [0, 1, 2, 3]
    assert table["age"].dtype == float and table["age"].isna().tolist() == [False, True, True, False]
    assert table.loc[1, ["dx_type", "sex", "localization", "dataset"]].tolist() == ["unknown"] * 4
    assert (table["dataset"] == "unknown").all()
    assert table["checksum"].str.fullmatch("[0-9a-f]{8}").all()


def test_the_order_is_folder_then_download_then_sample(folder, config, tmp_path, monkeypatch):
    as_zips(folder)
    write_metadata(tmp_path / "earlier" / "HAM10000_metadata.csv")
    as_zips(tmp_path / "earlier")
    earlier = None
    monkeypatch.setattr(download, "found", lambda cache: earlier)
    drawn = sample.build(tmp_path / "drawn", n_images=30)
    monkeypatch.setattr(sample, "ensure", lambda cache, seed: drawn)
    assert data.load(config).source == "HAM10000 (Tschandl et al. 2018) from the folder skin"
    assert "CC BY-NC 4.0" in data.load(config).licence

    config = replace(config, data=None)
    synthetic = data.load(config)
    assert synthetic.synthetic and "synthetic" in synthetic.source and "MIT" in synthetic.licence
    assert len(synthetic.table) == 30 and "30 images" in repr(synthetic)
    assert data.load(replace(config, data=drawn)).synthetic

    earlier = tmp_path / "earlier"
    downloaded = data.load(config)
    assert downloaded.source == "HAM10000 (Tschandl et al. 2018) downloaded earlier" and not downloaded.synthetic


def test_your_own_images_are_not_called_ham10000(folder, config):
    write_metadata(folder / "HAM10000_metadata.csv", [["L1", "mole 7 (left)", "nv", "", "", "", "", ""]])
    write_files(folder, {"mole 7 (left).png": encode(draw(1), "PNG")})
    mine = data.load(config)
    assert mine.source == "images from the folder skin" and "Tschandl" not in mine.licence
    assert np.array_equal(mine.image("mole 7 (left)"), draw(1))


def test_beside_official_parts_other_images_do_not_count(folder, config):
    as_zips(folder)
    reference = data.load(config).fingerprint
    write_zip(folder / "ham10000_sample70_600x450.zip", {"ISIC_0000001.jpg": encode(draw(9, 30, 40))})
    write_files(folder, {"figure.png": encode(draw(8), "PNG"), "notes.txt": b"x"})
    (folder / "broken.zip").write_bytes(b"not even a zip")
    assert data.load(config).fingerprint == reference


def test_content_decides_the_fingerprint(folder, config):
    as_loose_files(folder)
    reference = data.load(config).fingerprint
    changed = [ROWS[0], [*ROWS[1][:4], "46.0", *ROWS[1][5:]], *ROWS[2:]]
    write_metadata(folder / "HAM10000_metadata.csv", changed)
    assert data.load(config).fingerprint != reference
    write_metadata(folder / "HAM10000_metadata.csv")
    (folder / "ISIC_0000002.JPG").write_bytes(encode(draw(77)))
    assert data.load(config).fingerprint != reference


def test_checksums_of_loose_files_are_remembered_until_a_file_changes(folder, config, monkeypatch):
    as_loose_files(folder)
    first = data.load(config)
    read = []
    checksum = files.checksum_of
    monkeypatch.setattr(files, "checksum_of", lambda image: read.append(image.name) or checksum(image))
    assert data.load(config).fingerprint == first.fingerprint and read == []
    (folder / "ISIC_0000003.JPG").write_bytes(encode(draw(5)))
    second = data.load(config)
    assert read == ["ISIC_0000003.JPG"]
    assert (second.table["checksum"] != first.table["checksum"]).tolist() == [False, False, True, False]
    (memory,) = (config.cache / "checksums").iterdir()
    memory.write_text("{ cut", encoding="utf-8")
    assert data.load(config).fingerprint == second.fingerprint
    assert len(json.loads(memory.read_text(encoding="utf-8"))) == 4


def test_a_data_set_works_in_other_processes(folder, config):
    as_zips(folder)
    ham = data.load(config)
    expected = [ham.image(image_id) for image_id in IDS]
    assert pickle.loads(pickle.dumps(ham)).fingerprint == ham.fingerprint
    for method in ("fork", "spawn"):
        with ProcessPoolExecutor(2, get_context(method)) as pool:
            assert all(map(np.array_equal, expected, pool.map(ham.image, IDS)))


def test_processes_that_read_one_zip_do_not_disturb_each_other(tmp_path):
    # Larger than any buffer: through one shared file handle, each would get the other's bytes.
    write_zip(tmp_path / "a.zip", {f"{number}.jpg": os.urandom(100_000) for number in range(20)})
    stored = files.members(tmp_path / "a.zip")
    expected = [image.read() for image in stored]
    with ProcessPoolExecutor(4, get_context("fork")) as pool:
        assert list(pool.map(files.Stored.read, stored * 10)) == expected * 10


# --- bad input -------------------------------------------------------------------------------------------------------


def message(config, **options):
    with pytest.raises(DataError) as caught:
        data.load(config, **options)
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


def test_a_folder_that_is_missing_or_a_file(config, tmp_path):
    absent = tmp_path / "nowhere"
    assert f"{absent} does not exist" in message(replace(config, data=absent))
    archive = tmp_path / "HAM10000_images_part_1.zip"
    archive.write_bytes(b"")
    text = message(replace(config, data=archive))
    assert f"{archive} is a file, not a folder" in text and "SKIN_DATA" in text


@pytest.mark.skipif(os.name != "posix", reason="Windows lets few users make links")
def test_a_link_to_an_image_that_is_gone_is_named(folder, config):
    as_zips(folder)
    as_loose_files(folder)
    for archive in folder.glob("*.zip"):
        archive.unlink()
    (folder / "ISIC_0000002.jpg").unlink(missing_ok=True)
    (folder / "ISIC_0000002.jpg").symlink_to(folder / "unplugged" / "ISIC_0000002.jpg")
    assert f"{folder / 'ISIC_0000002.jpg'} cannot be read" in message(config)


def test_no_metadata_and_two_that_differ(folder, config):
    as_zips(folder)
    write_metadata(folder / "ham10000_metadata.tsv", ROWS[:2])
    text = message(config)
    assert "HAM10000_metadata.csv" in text and "ham10000_metadata.tsv" in text and "Keep one" in text
    for path in folder.glob("*metadata*"):
        path.unlink()
    text = message(config)
    assert f"no HAM10000_metadata.csv in {folder}" in text and "HAM10000_images_part_1.zip" in text


def test_missing_images_name_number_cause_and_both_remedies(folder, config, monkeypatch):
    first, _ = halves()
    write_zip(folder / "HAM10000_images_part_1.zip", first)
    write_files(folder, {"stray.jpg": PHOTOS["ISIC_0000003.jpg"]})
    text = message(config)
    for part in (
        "2 of the 4 images",
        "HAM10000_metadata.csv",
        "ISIC_0000003, ISIC_0000004",
        "only ham10000_images_part_1 is there",
        "stray.jpg",
        "SKIN_SUBSET=1",
        "subset=True",
    ):
        assert part in text
    monkeypatch.setenv("SKIN_SUBSET", "0")
    assert message(config) == text
    monkeypatch.setenv("SKIN_SUBSET", "1")
    half = data.load(config)
    assert half.missing == 2 and half.table["image_id"].tolist() == IDS[:2]
    assert message(config, subset=False) == text
    monkeypatch.delenv("SKIN_SUBSET")
    assert data.load(config, subset=True).fingerprint == half.fingerprint
    as_zips(folder)
    assert data.load(config).fingerprint != half.fingerprint


@pytest.mark.parametrize(
    ("write", "cause"),
    [
        (lambda folder: write_zip(folder / "some.zip", halves()[0]), "not there, only some.zip"),
        (lambda folder: write_files(folder, halves()[0]), "stopped half-way"),
    ],
)
def test_missing_images_name_the_likely_cause(write, cause, folder, config):
    write(folder)
    assert cause in message(config)


def test_no_image_at_all_offers_no_subset(folder, config):
    text = message(config, subset=True)
    assert "4 of the 4" in text and "not been put into this folder" in text and "SKIN_SUBSET" not in text


def test_extra_images_are_named(folder, config):
    as_zips(folder)
    write_zip(folder / "HAM10000_images_part_2.zip", halves()[1] | {"ISIC_0000009.jpg": PHOTOS["ISIC_0000001.jpg"]})
    text = message(config)
    assert "1 images have no row" in text and "ISIC_0000009.jpg in" in text and "Add a row" in text


def test_one_id_with_two_contents_names_both_files(folder, config):
    as_kaggle(folder)
    other = folder / "ham10000_images_part_1" / "ham10000_images_part_1" / "ISIC_0000002.jpg"
    other.write_bytes(encode(draw(99)))
    text = message(config)
    assert str(other) in text and str(folder / "HAM10000_images_part_1" / "ISIC_0000002.jpg") in text


def cell(row, column, value):
    rows = [list(row) for row in ROWS]
    rows[row][COLUMNS.index(column)] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (cell(2, "dx", "melanoma"), ["line 4", "ISIC_0000003", "dx", "'melanoma'", "akiec, bcc, bkl"]),
        (cell(2, "dx", ""), ["line 4", "dx", "''", "akiec"]),
        (cell(3, "image_id", "ISIC_0000001"), ["line 5", "'ISIC_0000001'", "earlier line", "one row"]),
        (cell(3, "image_id", ""), ["line 5", "image_id", "empty"]),
        (cell(1, "lesion_id", ""), ["line 3", "ISIC_0000002", "lesion_id", "empty"]),
        (cell(1, "dx", "mel"), ["line 3", "ISIC_0000002", "'mel'", "'nv'", "HAM_0000001", "one diagnosis"]),
        (cell(0, "age", "forty"), ["line 2", "ISIC_0000001", "age", "'forty'", "empty"]),
        (cell(0, "age", "-5"), ["line 2", "'-5'", "0 to 120"]),
        (cell(0, "age", "121"), ["line 2", "'121'", "0 to 120"]),
        (cell(0, "age", "inf"), ["line 2", "'inf'", "0 to 120"]),
        (cell(3, "sex", "x"), ["line 5", "sex", "'x'", "male, female, unknown"]),
        (cell(3, "sex", "1"), ["line 5", "sex", "'1'", "male, female, unknown"]),
        (cell(0, "age", "40-45"), ["line 2", "'40-45'", "0 to 120"]),
        ([], ["header and no rows"]),
        ([["", "", "", "", "", "", "", ""]], ["header and no rows"]),
        ([*ROWS[:2], [*ROWS[2], "surplus"], ROWS[3]], ["line 4", "saw 9"]),
    ],
)
def test_bad_metadata_rows(rows, parts, folder, config):
    as_zips(folder)
    write_metadata(folder / "HAM10000_metadata.csv", rows)
    text = message(config)
    for part in (str(folder / "HAM10000_metadata.csv"), *parts):
        assert part in text
    assert not config.cache.exists()


def test_bad_metadata_files(folder, config):
    as_zips(folder)
    path = folder / "HAM10000_metadata.csv"
    write_metadata(path, [row[:-3] for row in ROWS], COLUMNS[:-3])
    assert "no column sex, localization" in message(config)
    write_metadata(path, [[*row, "nv"] for row in ROWS], [*COLUMNS, "dx"])
    assert "column dx more than once" in message(config)
    path.write_bytes(b"")
    assert "cannot be read as a table" in message(config)
    path.write_bytes(b"\x80\x00\xff" * 100)
    assert str(path) in message(config) and "UTF-8" in message(config)


BAD_FILES = [
    (b"", "is empty"),
    (b"<html>404 Not Found</html>", "neither a JPEG nor a PNG"),
    (PHOTOS["ISIC_0000002.jpg"][:-40], "cut short"),
    (PHOTOS["ISIC_0000002.jpg"][:100], "cut short"),
    (encode(draw(1), "PNG")[:-30], "cut short"),
]


@pytest.mark.parametrize(
    ("content", "why"), BAD_FILES, ids=["empty", "text", "cut", "cut before the pixels", "cut PNG"]
)
def test_a_bad_loose_file_is_named_and_nothing_is_written(content, why, folder, config):
    as_folders(folder)
    bad = folder / "HAM10000_images_part_1" / "ISIC_0000002.jpg"
    bad.write_bytes(content)
    text = message(config)
    assert str(bad) in text and why in text
    assert not config.cache.exists()


@pytest.mark.parametrize(
    "content",
    [b"<html>404 Not Found</html>", PHOTOS["ISIC_0000002.jpg"][:-40], b"\xff\xd8\xff"],
    ids=["text", "cut", "start marker alone"],
)
def test_a_bad_file_in_a_zip_is_named_when_it_is_decoded(content, folder, config, monkeypatch):
    # Loading looks at few of the images in a zip; here at the first alone, as with a larger data set.
    as_zips(folder)
    write_zip(folder / "HAM10000_images_part_1.zip", halves()[0] | {"ISIC_0000002.jpg": content})
    monkeypatch.setattr(np, "linspace", lambda *_: np.zeros(1))
    ham = data.load(config)
    for use in (lambda: ham.image("ISIC_0000002"), lambda: data.load_pixels(ham, config)):
        with pytest.raises(DataError, match=r"ISIC_0000002\.jpg in .*part_1\.zip cannot be decoded"):
            use()
    assert ham.image("ISIC_0000001").shape == (12, 16, 3)
    assert list((config.cache / "pixels").iterdir()) == []


def test_an_empty_member_is_named(folder, config):
    as_zips(folder)
    write_zip(folder / "HAM10000_images_part_1.zip", halves()[0] | {"ISIC_0000002.jpg": b""})
    assert "ISIC_0000002.jpg in" in message(config) and "is empty" in message(config)


def test_a_cut_zip_and_damage_inside_a_zip(folder, config):
    as_zips(folder)
    path = folder / "HAM10000_images_part_1.zip"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    text = message(config)
    assert str(path) in text and "download it again" in text
    damaged = bytearray(whole)
    damaged[200] ^= 0xFF
    path.write_bytes(damaged)
    assert "ISIC_0000001.jpg in" in message(config) and "cannot be read" in message(config)


@pytest.mark.parametrize("name", ["../ISIC_0000001.jpg", "/etc/ISIC_0000001.jpg", "a\\..\\b.jpg", "C:/x.jpg", "C:\\x"])
def test_zips_that_point_outside_are_refused(name, folder, config):
    as_zips(folder)
    write_zip(folder / "HAM10000_images_part_1.zip", halves()[0] | {name: b"x"})
    text = message(config)
    assert repr(name) in text and "HAM10000_images_part_1.zip" in text and "outside" in text


def refuse(*_, **__):
    raise PermissionError(13, "Permission denied", "the folder")


def test_no_permission_to_read(folder, config, monkeypatch):
    # Patched rather than chmod: the tests may run as root, who may read everything.
    as_folders(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        assert "the folder cannot be read (Permission denied)" in message(config)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        assert "ISIC_0000001.jpg cannot be read" in message(config) and "Permission denied" in message(config)
    as_zips(folder)
    with monkeypatch.context() as patch:
        patch.setattr(files, "_archive", refuse)
        assert "HAM10000_images_part_1.zip cannot be opened" in message(config)
    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", refuse)
        assert "HAM10000_metadata.csv cannot be read" in message(config)


def test_a_cache_that_cannot_be_written(folder, config, tmp_path):
    # A folder below a file: not even root can make it.
    (tmp_path / "file").write_bytes(b"")
    blocked = replace(config, cache=tmp_path / "file" / "cache")
    as_loose_files(folder)
    assert "SKIN_CACHE" in message(blocked) and str(blocked.cache) in message(blocked)
    text = message(replace(blocked, data=None))
    assert "embedded sample cannot be written" in text and "SKIN_CACHE" in text


def test_a_failed_write_leaves_no_temporary_file(folder, config, monkeypatch):
    as_loose_files(folder)
    monkeypatch.setattr(os, "replace", refuse)
    assert "Permission denied" in message(config)
    assert list((config.cache / "checksums").iterdir()) == []


def test_an_unknown_image_id_is_named(folder, config):
    as_zips(folder)
    ham = data.load(config)
    for use in (ham.image, ham.mask):
        with pytest.raises(DataError, match=r"'ISIC_7'.*ISIC_0000001 to ISIC_0000004"):
            use("ISIC_7")


# --- kinds of images and masks ---------------------------------------------------------------------------------------


def one_image(folder, content, suffix="png"):
    """Make ``content`` the only image."""
    write_metadata(folder / "HAM10000_metadata.csv", ROWS[:1])
    write_files(folder, {f"ISIC_0000001.{suffix}": content})


def as_kind(picture, kind="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


RED = Image.new("RGB", (16, 12), (200, 30, 30))


def half_clear(mode):
    picture = RED.convert("RGBA")
    picture.paste((200, 30, 30, 0), (8, 0, 16, 12))
    return picture.convert(mode)


@pytest.mark.parametrize(
    ("content", "left", "right"),
    [
        (as_kind(RED.convert("L")), (81, 81, 81), (81, 81, 81)),
        (as_kind(RED.convert("1", dither=Image.Dither.NONE)), (0, 0, 0), (0, 0, 0)),
        (as_kind(RED.quantize(4)), (200, 30, 30), (200, 30, 30)),
        (as_kind(half_clear("RGBA")), (200, 30, 30), (255, 255, 255)),
        (as_kind(half_clear("LA")), (81, 81, 81), (255, 255, 255)),
        (as_kind(RED, transparency=(200, 30, 30)), (255, 255, 255), (255, 255, 255)),
        (as_kind(RED.convert("CMYK"), "JPEG", quality=98), (200, 30, 30), (200, 30, 30)),
        (as_kind(RED.convert("L"), "JPEG", quality=98), (81, 81, 81), (81, 81, 81)),
    ],
    ids=["grey", "bilevel", "palette", "RGBA", "grey-alpha", "colour-key", "CMYK", "grey JPEG"],
)
def test_every_kind_of_pixel_becomes_rgb(content, left, right, folder, config):
    one_image(folder, content)
    for pixels in (data.load(config).image("ISIC_0000001"), data.load_pixels(data.load(config), config)[0]):
        assert pixels.dtype == np.uint8 and pixels.shape[2] == 3
        assert np.abs(pixels[1, 1].astype(int) - left).max() <= 3
        assert np.abs(pixels[1, -2].astype(int) - right).max() <= 3


def test_sixteen_bits_a_channel_are_refused_rather_than_clipped(folder, config):
    one_image(folder, encode(np.full((12, 16), 30000, np.uint16), "PNG"))
    with pytest.raises(DataError, match=r"ISIC_0000001\.png.*8 bits"):
        data.load(config).image("ISIC_0000001")


@pytest.mark.parametrize(("orientation", "left_is"), [(5, "top"), (6, "top"), (7, "bottom"), (8, "bottom")])
def test_a_photo_taken_sideways_is_shown_upright(folder, config, orientation, left_is):
    exif = Image.Exif()
    exif[files.ORIENTATION] = orientation
    photo = np.zeros((12, 16, 3), np.uint8)
    photo[:, :8] = 255
    one_image(folder, encode(photo, quality=95, exif=exif), "jpg")
    ham = data.load(config)
    assert ham.size == (16, 12)
    upright = ham.image("ISIC_0000001")
    bright, dark = (upright[:6], upright[-6:])[:: 1 if left_is == "top" else -1]
    assert upright.shape == (16, 12, 3) and bright.min() > 200 and dark.max() < 50


def test_bytes_after_the_end_of_a_jpeg_are_allowed(folder, config):
    one_image(folder, PHOTOS["ISIC_0000001.jpg"] + b"what a camera adds" * 10, "jpg")
    assert data.load(config).image("ISIC_0000001").shape == (12, 16, 3)


LESION = np.zeros((24, 32), np.uint8)
LESION[6:18, 8:24] = 1


def palette_mask():
    picture = Image.fromarray(LESION, "P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    return as_kind(picture)


@pytest.mark.parametrize(
    ("content", "share"),
    [
        (encode(LESION * 255, "PNG"), 0.25),
        (encode(LESION, "PNG"), 0.25),
        (palette_mask(), 0.25),
        (encode(LESION * 0, "PNG"), 0),
        (encode(LESION * 0 + 255, "PNG"), 1),
    ],
    ids=["0 and 255", "0 and 1", "palette", "empty", "full"],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_masks_come_at_the_size_of_their_image(content, share, zipped, folder, config):
    as_zips(folder)
    name = "HAM10000_segmentations_lesion_tschandl"
    if zipped:
        write_zip(folder / f"{name}.zip", {f"{name}/ISIC_0000002_segmentation.png": content})
    else:
        write_files(folder / name.lower(), {"ISIC_0000002_Segmentation.PNG": content})
    ham = data.load(config)
    mask = ham.mask("ISIC_0000002")
    assert mask.dtype == bool and mask.shape == (12, 16) and mask.mean() == share
    if share == 0.25:
        assert mask[3:9, 4:12].all()
    assert ham.mask("ISIC_0000001") is None


def test_a_pixel_half_covered_by_a_larger_mask_belongs_to_the_lesion(folder, config):
    as_zips(folder)
    columns = np.zeros((24, 32), np.uint8)
    columns[:, :3] = 255
    write_files(folder, {"ISIC_0000001_segmentation.png": encode(columns, "PNG")})
    assert np.flatnonzero(data.load(config).mask("ISIC_0000001")[0]).tolist() == [0, 1]


# --- the real data set -----------------------------------------------------------------------------------------------


def test_the_real_table_agrees_with_what_is_published(real_ham):
    table = real_ham.table
    assert len(table) == 10_015 and table["lesion_id"].nunique() == 7_470 and real_ham.missing == 0
    assert table["dx"].value_counts().to_dict() == PUBLISHED_IMAGES
    assert table.drop_duplicates("lesion_id")["dx"].value_counts().to_dict() == PUBLISHED_LESIONS
    assert set(PUBLISHED_IMAGES) == set(CLASSES)
    once = ~table["lesion_id"].duplicated(keep=False)
    assert table["dx"][once].value_counts().to_dict() == PHOTOGRAPHED_ONCE
    assert table["lesion_id"].value_counts().value_counts().to_dict() == IMAGES_OF_A_LESION
    assert table["age"].isna().sum() == 57
    assert (table["sex"] == "unknown").sum() == 57 and (table["localization"] == "unknown").sum() == 234
    assert table["dx_type"].value_counts().to_dict() == {
        "histo": 5_340,
        "follow_up": 3_704,
        "consensus": 902,
        "confocal": 69,
    }
    assert real_ham.source.startswith("HAM10000") and "CC BY-NC 4.0" in real_ham.licence and not real_ham.synthetic


def test_the_real_copies_are_two_pairs_each_within_one_lesion(real_ham):
    # Found at 200x150: the resized files of each pair are byte-identical too.
    copies = real_ham.table[real_ham.table.duplicated("checksum", keep=False)].groupby("checksum")
    assert [len(pair) for _, pair in copies] == [2, 2]
    for _, pair in copies:
        assert pair["lesion_id"].nunique() == 1
        first, second = (real_ham.stored[image_id].read() for image_id in pair["image_id"])
        assert first == second


def test_every_real_image_decodes(real_ham, tmp_path):
    pixels = data.load_pixels(real_ham, settings.for_chapter("meet-the-data", cache=tmp_path), size=(38, 50))
    assert pixels.shape == (10_015, 38, 50, 3)
    assert (pixels[:, ::4, ::4].std(axis=(1, 2, 3)) > 5).all()


def test_real_masks_have_the_size_of_their_images(real_ham):
    # The two that cover their whole image, and two ordinary ones.
    assert real_ham.mask("ISIC_0026042").all() and real_ham.mask("ISIC_0029819").all()
    for image_id in ("ISIC_0024306", "ISIC_0024307"):
        mask = real_ham.mask(image_id)
        assert mask.shape == (150, 200) and 0.01 < mask.mean() < 0.99


def test_seventy_real_images_at_full_resolution_are_a_stated_subset(real_folder, tmp_path):
    for name in ("HAM10000_metadata.csv", "ham10000_sample70_600x450.zip"):
        (tmp_path / name).symlink_to(real_folder / name)
    config = settings.for_chapter("meet-the-data", data=tmp_path, cache=tmp_path / "cache")
    text = message(config)
    assert "9,945 of the 10,015" in text and "ham10000_sample70_600x450.zip" in text and "SKIN_SUBSET=1" in text
    few = data.load(config, subset=True)
    assert few.table["dx"].value_counts().to_dict() == dict.fromkeys(CLASSES, 10)
    assert few.missing == 9_945 and few.size == (450, 600)
