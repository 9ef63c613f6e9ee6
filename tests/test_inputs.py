"""Folders and tables as people have them: what can be read without a guess is read and said, the rest is named."""

import io
import os
import re
import shutil
import unicodedata
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from helpers import data, settings
from helpers.data import _files as files
from helpers.data import _isic
from helpers.data._files import DataError
from helpers.ham10000 import CLASSES, COLUMNS

HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"
IDS = [f"IMG_{number}" for number in range(24)]


def picture(seed, kind="JPEG", **options):
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def rows(**columns):
    """Return the table's lines: 24 images, one lesion each, all of them nevi, with some columns set otherwise."""
    values = {"lesion_id": [f"L{n}" for n in range(24)], "image_id": IDS, "dx": ["nv"] * 24, "dx_type": ["histo"] * 24}
    values |= {"age": ["40"] * 24, "sex": ["male"] * 24, "localization": ["back"] * 24}
    for name, few in columns.items():
        values[name] = [*few, *values[name][len(few) :]]
    return [",".join(cells) for cells in zip(*values.values(), strict=True)]


def table(**columns):
    return "\n".join([HEADER, *rows(**columns)]) + "\n"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "skin"
    folder.mkdir()
    for number, name in enumerate(IDS):
        (folder / f"{name}.jpg").write_bytes(picture(number))
    (folder / "HAM10000_metadata.csv").write_text(table(), encoding="utf-8")
    return folder


@pytest.fixture
def load(folder, tmp_path):
    config = settings.for_chapter("meet-the-data", data=folder, cache=tmp_path / "cache")
    return lambda **options: data.load(config, **options)


def message(load, **options):
    with pytest.raises(DataError) as caught:
        load(**options)
    text = str(caught.value)
    assert len(text) < 900 and text.count("\n") < 4
    return text


def write(folder, content):
    path = folder / "HAM10000_metadata.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


# --- the table as a file -------------------------------------------------------------------------------------------


def test_a_plain_table_has_nothing_to_say(load):
    assert load().notices == ()


@pytest.mark.parametrize(
    ("content", "notice"),
    [
        ("sep=,\n" + table(), "'sep=,'"),
        ("sep=;\r\n" + table().replace(",", ";").replace("\n", "\r\n"), "'sep=;'"),
        ('"sep=;"\n' + table().replace(",", ";"), "Excel"),
        (table().replace(",", "|"), None),
        ("My clinic, 2024\n\n" + table(), "above its header (line 3)"),
        ("Exported by A;;;;;;\n" + table().replace(",", ";"), "above its header (line 2)"),
        (table().replace("back", "Rücken").encode("cp1252"), "Windows-1252"),
        (table().replace("back", "Rücken").replace(",", "\t").encode("utf-16"), "UTF-16"),
        (table().replace("\n", "\r"), None),
    ],
    ids=["sep,", "sep;", "sep quoted", "pipes", "title", "title;", "cp1252", "utf-16", "old mac"],
)
def test_other_forms_of_a_table_are_read(content, notice, folder, load):
    write(folder, content)
    ham = load()
    assert ham.table["image_id"].tolist() == sorted(IDS)
    assert set(ham.table["localization"]) <= {"back", "Rücken"}
    assert (notice is None and ham.notices == ()) or (len(ham.notices) == 1 and notice in ham.notices[0])


def test_a_bad_row_below_a_title_is_named_by_its_line_in_the_file(folder, load):
    write(folder, "sep=;\nA title\n" + table(age=["old"]).replace(",", ";"))
    assert "line 4 (image 'IMG_0'), column age: 'old'" in message(load)
    write(folder, "A title\n" + table() + "L,X,nv,histo,1,male,back,surplus\n")
    assert "line 27" in message(load)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"<!DOCTYPE html><html><head><title>Log In</title></head>,,,</html>", ["web page", "Log In", "again"]),
        (b"\xef\xbb\xbf\n <html><body>a,b</body></html>", ["web page"]),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", ["web page"]),
        (b"PK\x03\x04 an xlsx", ["Excel", "CSV"]),
        (b"\x00\x01\x02" * 50, ["no text"]),
        (",".join(f"pixel{n:04}" for n in range(2352)) + ",label\n" + ",".join("0" * 2353), ["hmnist", "lesion_id"]),
        (
            ",".join(f"feature_number_{n}" for n in range(3000)) + "\n",
            ["no column lesion_id", "feature_number_0"],
        ),
    ],
    ids=["html", "html after a BOM", "xml", "xlsx", "binary", "hmnist", "thousands of columns"],
)
def test_what_is_no_metadata_is_named_for_what_it_is(content, parts, folder, load):
    write(folder, content)
    text = message(load)
    assert all(part in text for part in [str(folder / "HAM10000_metadata.csv"), *parts])


@pytest.mark.parametrize("name", ["HAM10000_metadata (1).csv", "metadata.csv", "HAM10000_metadata.xlsx", "table.tab"])
def test_a_table_of_nearly_the_right_name_is_named(name, folder, load):
    (folder / "HAM10000_metadata.csv").rename(folder / name)
    assert f"If {name!r} is the metadata, rename it to HAM10000_metadata.csv" in message(load)


# --- ISIC's tables -------------------------------------------------------------------------------------------------


def isic_truth():
    names = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    lines = [",".join(["image", *names])]
    lines += [",".join([image, *("1.0" if name == "NV" else "0.0" for name in names)]) for image in IDS]
    return "\n".join(lines) + "\n"


def isic_groupings():
    return "image,lesion_id,diagnosis_confirm_type\n" + "".join(f"{i},L{i},histopathology\n" for i in IDS)


@pytest.mark.parametrize("name", [_isic.TRUTH, "HAM10000_metadata.csv"])
def test_isic_s_two_tables_are_read_as_metadata(name, folder, load):
    (folder / "HAM10000_metadata.csv").unlink()
    (folder / name).write_text(isic_truth())
    (folder / _isic.GROUPINGS).write_text(isic_groupings())
    ham = load()
    assert set(ham.table["dx"]) == {"nv"} and set(ham.table["dx_type"]) == {"histo"}
    assert ham.table["age"].isna().all() and set(ham.table["sex"]) == {"unknown"}
    assert ham.table["lesion_id"].tolist() == [f"L{i}" for i in sorted(IDS)]
    assert "made from ISIC's" in ham.notices[0]


def test_isic_s_diagnoses_without_its_lesions_are_named(folder, load):
    write(folder, isic_truth())
    text = message(load)
    assert "ISIC" in text and _isic.GROUPINGS in text and "one lesion" in text
    (folder / _isic.GROUPINGS).write_text(isic_groupings().replace("histopathology", "a guess"))
    assert "confirmed by 'a guess'" in message(load)


# --- values --------------------------------------------------------------------------------------------------------

UNKNOWN = ["", "unknown", "NA", "N/A", "n/a", "NaN", "null", "None", "<NA>", "not available", "?", "-", "Unknown"]


@pytest.mark.parametrize("word", UNKNOWN)
def test_words_for_not_known_are_read(word, folder, load):
    write(folder, table(age=[word], sex=[word], localization=[word], dx_type=[word]))
    first = load().table.set_index("image_id").loc["IMG_0"]
    assert np.isnan(first["age"]) and first[["sex", "localization", "dx_type"]].tolist() == ["unknown"] * 3
    said = [f"In the column {column}, {word!r} was read as not known (1 rows)." for column in ("dx_type", "age")]
    assert all((line in load().notices) == (word.lower() not in ("", "unknown")) for line in said)


@pytest.mark.parametrize(
    ("written", "age"),
    [("42.5", 42.5), ("85+", 85), ("85 +", 85), ("42 years", 42), ("42y", 42), ("42 yrs", 42), ("0", 0), ("42.", 42)],
)
def test_ages_as_people_write_them(written, age, folder, load):
    write(folder, table(age=[written]))
    ham = load()
    assert ham.table.set_index("image_id").loc["IMG_0", "age"] == age
    assert any("'85" in notice for notice in ham.notices) == ("+" in written)


def test_a_decimal_comma_is_read(folder, load):
    write(folder, table().replace(",", ";").replace(";40;", ";42,5;"))
    assert (load().table["age"] == 42.5).all()


@pytest.mark.parametrize("written", ["-1", "121", "40-45", "forty", "1e1", "4O", "40/50", "NaN?"])
def test_what_is_no_age_stays_an_error(written, folder, load):
    write(folder, table(age=[written]))
    assert f"{written!r} is no age" in message(load)


@pytest.mark.parametrize(("written", "sex"), [("M", "male"), ("f", "female"), ("Male", "male"), ("woman", "female")])
def test_usual_words_for_sex_are_read(written, sex, folder, load):
    write(folder, table(sex=[written]))
    ham = load()
    assert ham.table.set_index("image_id").loc["IMG_0", "sex"] == sex
    said = f"In the column sex, {written!r} was read as {sex} (1 rows)."
    assert (said in ham.notices) == (written.lower() != sex)


def test_diagnoses_in_capitals_are_read(folder, load):
    write(folder, table(dx=[dx.upper() for dx in CLASSES]))
    assert set(load().table["dx"]) == set(CLASSES)


@pytest.mark.parametrize("word", ["nan", "NA", "unknown", "None", "null", "?", "-"])
def test_a_placeholder_for_lesions_is_refused(word, folder, load):
    write(folder, table(lesion_id=[word, word]))
    text = message(load)
    assert f"{word!r} stands for 2 images: a placeholder" in text and "image_id can be it" in text


@pytest.mark.parametrize("word", ["0", "0.0", "-1", "999", "lesion", "patient"])
def test_one_lesion_for_everything_is_refused(word, folder, load):
    write(folder, table(lesion_id=[word] * 24))
    assert f"{word!r} stands for 24 images: a placeholder" in message(load)
    if not word.isalpha():
        write(folder, table(lesion_id=[word] * 22))
        assert f"{word!r} stands for 22 images: a placeholder" in message(load)


@pytest.mark.parametrize("lesions", [["0", "0", "1", "1"], ["L"] * 15, ["unknown"]])
def test_lesions_that_may_be_meant_are_taken(lesions, folder, load):
    write(folder, table(lesion_id=lesions))
    assert load().table["lesion_id"].nunique() == 24 - len(lesions) + len(set(lesions))


# --- names of images -----------------------------------------------------------------------------------------------

SPELLINGS = {
    "ending": (lambda n: f"IMG_{n}.jpg", lambda n: f"IMG_{n}.jpg"),
    "another ending": (lambda n: f"IMG_{n}.JPEG", lambda n: f"IMG_{n}.jpg"),
    "folder": (lambda n: f"images/part 1/IMG_{n}.jpg", lambda n: f"IMG_{n}.jpg"),
    "folder of Windows": (lambda n: f"C:\\images\\IMG_{n}.jpg", lambda n: f"IMG_{n}.jpg"),
    "letter case": (lambda n: f"IMG_{n}", lambda n: f"img_{n}.jpg"),
    "Unicode": (lambda n: f"Läsion_{n}", lambda n: unicodedata.normalize("NFD", f"Läsion_{n}.jpg")),
    "leading zeros": (lambda n: f"{n + 1}", lambda n: f"{n + 1:06}.jpg"),
    "copies alone": (lambda n: f"IMG_{n}", lambda n: f"IMG_{n} (1).jpg"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_ids_spelt_otherwise_than_files_are_matched_one_to_one_and_said(spelling, folder, load, tmp_path):
    in_table, on_disk = SPELLINGS[spelling]
    for path in folder.glob("*.jpg"):
        path.unlink()
    for n in range(24):
        (folder / on_disk(n)).write_bytes(picture(n))
        (folder / on_disk(n).replace(".jpg", "_segmentation.png")).write_bytes(picture(n, "PNG"))
    write(folder, table(image_id=[in_table(n) for n in range(24)]))
    ham = load()
    assert len(ham.table) == 24 and len(ham.notices) == 1 and "24 image_ids are spelt otherwise" in ham.notices[0]
    if spelling == "Unicode":  # the two look alike, so their code points are shown
        assert r"'L\xe4sion_" in ham.notices[0] and r"'La\u0308sion_" in ham.notices[0]
    elif spelling == "ending":
        assert "which has the ending of its file" in ham.notices[0]
    assert not ham.table["image_id"].str.contains(r"\.|/|\\").any()
    lesion = ham.table.set_index("lesion_id")["image_id"]
    for n in (0, 7, 23):
        expected = np.asarray(Image.open(io.BytesIO(picture(n))))
        assert np.array_equal(ham.image(lesion[f"L{n}"]), expected)
        assert ham.mask(lesion[f"L{n}"]) is not None


def test_two_files_that_one_id_could_mean_are_an_error_that_shows_both_spellings(folder, load):
    (folder / "IMG_0.jpg").unlink()
    (folder / "img_0.jpg").write_bytes(picture(0))
    (folder / "Img_0.jpg").write_bytes(picture(1))
    text = message(load)
    assert "2 images have no row" in text and "Img_0" in text and "such as 'IMG_0', spelt otherwise?" in text


@pytest.mark.parametrize("name", ["IMG_0 (1).jpg", "IMG_0 - Copy.jpg", "IMG_0 copy 2.jpg", "IMG_0 2.jpg"])
def test_second_copies_of_the_same_bytes_are_left_out_and_said(name, folder, load):
    shutil.copy(folder / "IMG_0.jpg", folder / name)
    ham = load()
    assert len(ham.table) == 24 and "second copies" in ham.notices[0] and name in ham.notices[0]
    (folder / name).write_bytes(picture(99))
    assert "1 images have no row" in message(load) and name in message(load)


# --- images that are not read --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["bmp", "tif", "tiff", "webp", "heic", "dcm"])
@pytest.mark.parametrize("zipped", [False, True])
def test_images_of_other_kinds_are_named_by_their_ending(ending, zipped, folder, load):
    (folder / "IMG_3.jpg").unlink()
    if zipped:
        with zipfile.ZipFile(folder / "rest.zip", "w") as archive:
            archive.writestr(f"IMG_3.{ending}", b"x")
    else:
        (folder / f"IMG_3.{ending}").write_bytes(b"x")
    text = message(load)
    assert ("rest.zip" if zipped else f"IMG_3.{ending}") in text and ".jpg, .jpeg or .png" in text


@pytest.mark.parametrize("name", ["dataverse_files.zip", "archive.rar", "images.7z", "images.tar.gz"])
@pytest.mark.parametrize("beside", [True, False])
def test_what_is_still_packed_is_named(name, beside, folder, load):
    for path in folder.glob("*.jpg"):
        path.unlink()
    if not beside:
        (folder / "HAM10000_metadata.csv").unlink()
    if name.endswith(".zip"):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("HAM10000_images_part_1.zip", b"x")
    else:
        (folder / name).write_bytes(b"x")
    text = message(load)
    assert name in text and re.search("[Uu]npack", text)


DAMAGE = {
    "zeros": lambda content, at: content[:at] + bytes(600) + content[at + 600 :],
    "a stray marker": lambda content, at: content[:at] + b"\xff\x02" + content[at + 2 :],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_jpeg_damaged_in_the_middle_is_named(damage, folder, load):
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (120, 160, 3), np.uint8)).save(stream, "JPEG", quality=90)
    content = stream.getvalue()
    (folder / "IMG_2.jpg").write_bytes(content)
    load()
    broken = DAMAGE[damage](content, len(content) // 2)
    if damage == "zeros":
        Image.open(io.BytesIO(broken)).load()  # a decoder takes it without a word
    (folder / "IMG_2.jpg").write_bytes(broken)
    text = message(load)
    assert "IMG_2.jpg is damaged in the middle" in text and "again" in text


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize(
    "options",
    [{}, {"optimize": True}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 3}],
    ids=["plain", "optimized", "progressive", "4:4:4", "restarts"],
)
def test_an_even_image_is_not_called_damaged(level, options):
    for shape in ((450, 600, 3), (450, 600)):
        stream = io.BytesIO()
        Image.fromarray(np.full(shape, level, np.uint8)).save(stream, "JPEG", comment=bytes(100), **options)
        assert files.damage_of(stream.getvalue()) == ""


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands for Ghostscript")
@pytest.mark.parametrize("name", ["I0.jpg", "I0_segmentation.png"])
def test_no_program_is_started_for_an_image(name, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >>"{tmp_path}/started"\n[ "$1" = --version ] && echo 10.02\nexit 0\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "skin"
    folder.mkdir()
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for member in ("I0.jpg", "I0_segmentation.png"):
            archive.writestr(member, picture(0, "EPS" if member == name else "JPEG"))
    (folder / "HAM10000_metadata.csv").write_text(HEADER + "\nL,I0,nv,histo,4,male,back\n")
    with pytest.raises(DataError, match="cannot be decoded"):
        ham = data.load(settings.for_chapter("meet-the-data", data=folder, cache=tmp_path / "cache"))
        ham.mask("I0")
    assert not (tmp_path / "started").exists()


def test_a_file_that_is_no_photograph_by_its_size_is_not_read(folder, load, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 100)
    assert "that is no photograph" in message(load)


# --- remembered checksums ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["[]", "null", '{"a": 1}', '{"a": [1, 2]}', '{"a": ["x", "../.."]}', "[" * 5000])
def test_damaged_memories_of_checksums_count_as_none(text, load, folder, tmp_path):
    before = load().fingerprint
    (memory,) = (tmp_path / "cache" / "checksums").iterdir()
    text = text.replace('"a"', f'"{folder / IDS[0]}.jpg"')
    memory.write_text(text)
    assert load().fingerprint == before


# --- how a folder is named -----------------------------------------------------------------------------------------


def named(monkeypatch, path):
    monkeypatch.setenv("SKIN_DATA", path)
    return settings.for_chapter("meet-the-data").data


def test_paths_as_people_write_them(folder, monkeypatch):
    for path in (f'"{folder}"', f"'{folder}'", f"{folder} ", f"file://{folder}", f"{folder}/"):
        assert named(monkeypatch, path) == folder
    monkeypatch.setenv("SKIN_TEST_FOLDER", str(folder))
    assert named(monkeypatch, "$SKIN_TEST_FOLDER") == folder
    odd = folder / "it's 'mine' "
    odd.mkdir()
    assert named(monkeypatch, str(odd)) == odd


@pytest.mark.skipif(os.name != "posix", reason="there they are right")
@pytest.mark.parametrize("path", ["C:\\Users\\anna\\ham", "C:/Users/anna/ham"])
def test_a_path_of_windows_elsewhere_is_named(path, monkeypatch, tmp_path):
    config = replace(settings.for_chapter("meet-the-data", cache=tmp_path), data=named(monkeypatch, path))
    assert "path of Windows" in message(lambda: data.load(config))


def test_of_a_folder_that_does_not_exist_the_nearest_one_is_shown(folder, tmp_path):
    config = settings.for_chapter("meet-the-data", data=tmp_path / "skim" / "images", cache=tmp_path)
    text = message(lambda: data.load(config))
    assert f"{tmp_path} is there, and holds skin" in text


@pytest.mark.parametrize("word", ["1", "true", "Yes", "on", "'1'"])
def test_words_for_yes_switch_a_subset_on(word, folder, load, monkeypatch):
    (folder / "IMG_3.jpg").unlink()
    monkeypatch.setenv("SKIN_SUBSET", word)
    assert load().missing == 1


@pytest.mark.parametrize("word", ["false", "False", "no", "off", "n", '"0"', " 0 ", ""])
def test_words_for_no_do_not_switch_a_subset_on(word, folder, load, monkeypatch):
    (folder / "IMG_3.jpg").unlink()
    monkeypatch.setenv("SKIN_SUBSET", word)
    assert "1 of the 24 images" in message(load)


def test_a_word_that_is_neither_is_named(load, monkeypatch):
    monkeypatch.setenv("SKIN_SUBSET", "maybe")
    assert "SKIN_SUBSET is 'maybe'; set it to 1 (on) or 0 (off)" in message(load)


def test_every_column_of_the_official_table_is_there(load):
    assert tuple(load().table.columns) == (*COLUMNS, "checksum")
