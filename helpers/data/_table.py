"""The metadata: a table of images as people save it, read as far as that needs no guess, and checked.

What stands in another form than HAM10000's own is read and said; what could be meant in two ways is refused, with the
line in the file and the remedy.
"""

import io
import re

import pandas as pd

from helpers.data import _isic
from helpers.data._files import DataError, first_of
from helpers.ham10000 import CLASSES, COLUMNS

OLDEST = 120
#: How people write that a value is not known, in lower case.
MISSING = frozenset(
    [
        *("", "unknown", "na", "n/a", "n.a.", "<na>", "nan", "nat", "null", "none", "nil", "missing", "not available"),
        *("not known", "not reported", "unspecified", "?", "-", "--", "."),
    ]
)
SEXES = {"male": "male", "m": "male", "man": "male", "female": "female", "f": "female", "woman": "female"}
AGE = re.compile(r"([+-]?\d+(?:[.,]\d*)?)\s*(\+|y|yrs?|years?)?", re.IGNORECASE)
#: A lesion_id of this form that more images than MOST_OF_A_LESION share stands for no lesion.
ZERO = re.compile(r"-?[0.]+|-1(\.0)?|9{3,}")
MOST_OF_A_LESION = 20
#: Above the header there may be a title, in at most so many lines.
TITLE_LINES = 10


def read(path, groupings=None):
    """Return ``(table, notices)``: the metadata as a checked table, in the file's order, and what was read how.

    Parameters
    ----------
    path : Path
    groupings : Path, optional
        The ISIC challenge's table of lesions, where the metadata are its table of diagnoses.

    Raises
    ------
    DataError
        For a file that is no table, or a value that cannot be used; it names the line in the file.
    """
    notices = []
    table = _cells(path, notices)
    if set(map(str.lower, _isic.TRUTH_COLUMNS)) <= set(table.columns):
        table = _from_isic(path, table, groupings, notices)
    _check_columns(path, table)
    if "dataset" not in table:
        table["dataset"] = ""
    table = table[list(COLUMNS)].apply(lambda column: column.str.strip())
    table = table[(table != "").any(axis=1)].copy()
    if table.empty:
        raise DataError(f"{path} has a header and no rows. Add one row for each image, or download the file again.")
    return _checked(path, table, notices), tuple(notices)


def _cells(path, notices):
    """Return all cells as text under their header's names, in lower case; the index is the line in the file minus 1."""
    text = _text(path, notices)
    lines = text.split("\n")
    declared = re.fullmatch(r'"?sep=(.)"?[,;\t]*\s*', lines[0], re.IGNORECASE)  # a line that Excel writes and hides
    start = 1 if declared else 0
    if declared:
        notices.append(
            f"{path.name} begins with {lines[0].strip()!r}, a line of Excel's, and was read by it."
        )
    header = next((n for n, line in enumerate(lines[: start + TITLE_LINES]) if _is_header(line)), start)
    if any(line.strip(" ,;\t\r") for line in lines[start:header]):
        notices.append(f"{path.name}: the lines above its header (line {header + 1}) were left out.")
    separator = declared.group(1) if declared else max(",\t;|", key=lines[header].count)
    try:
        # The header is read as a row: so a row that is longer than it is an error, and never shifts the columns.
        cells = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            skiprows=header,
            dtype=str,
            header=None,
            keep_default_na=False,
            skip_blank_lines=False,
        ).fillna("")
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise DataError(
            f"{path} cannot be read as a table ({str(error).strip()}). Save it as a comma-separated UTF-8 file."
        ) from error
    cells.index += header
    return cells.iloc[1:].set_axis(cells.iloc[0].str.strip().str.lower().tolist(), axis="columns")


def _is_header(line):
    names = {cell.strip(' "').lower() for cell in re.split(r"[,;\t|]", line)}
    return len(names & set(COLUMNS)) >= 3 or {"image", *map(str.lower, CLASSES)} <= names


def _text(path, notices):
    """Return the text of a file, whatever its encoding; raise :class:`DataError` for what is none."""
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}). Give yourself permission to.") from error
    if re.match(rb"\s*<(!doctype|html|head|\?xml|body)", content.removeprefix(b"\xef\xbb\xbf"), re.IGNORECASE):
        title = re.search(rb"<title>\s*([^<]{1,80})", content, re.IGNORECASE)
        said = f' ("{title.group(1).decode(errors="replace").strip()}")' if title else ""
        raise DataError(
            f"{path} is a web page{said}, not a table: a server sent its login or an error instead of the file. "
            "Download HAM10000_metadata.csv again."
        )
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise DataError(f"{path} is an Excel workbook or a zip, not a text file. Save its table as CSV (UTF-8).")
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeError:
            continue
        if "\0" in text:
            break
        if encoding != "utf-8-sig":
            notices.append(f"{path.name} was read as {'UTF-16' if utf16 else 'Windows-1252'}, since it is not UTF-8.")
        return text.replace("\r\n", "\n").replace("\r", "\n")
    raise DataError(f"{path} cannot be read as a table: it is no text. Save it as a comma-separated UTF-8 file.")


def _from_isic(path, truth, groupings, notices):
    """Return the metadata made from the ISIC challenge's two tables."""
    if groupings is None:
        raise DataError(
            f"{path} is the ISIC challenge's table of diagnoses, which does not say which images show one lesion. Put "
            f"{_isic.GROUPINGS} beside it (https://challenge.isic-archive.com/data/), or use HAM10000_metadata.csv."
        )
    lower = {name.lower(): name for name in _isic.TRUTH_COLUMNS}
    truth = truth[list(lower)].rename(columns=lower)
    truth = truth[truth["image"].str.strip() != ""]
    try:
        table = _isic.metadata(truth, _cells(groupings, notices))
    except ValueError as error:
        raise DataError(f"{path} and {groupings} do not fit together: {error}. Download both again.") from error
    notices.append(f"The metadata were made from ISIC's {path.name} and {groupings.name}: without age, sex and site.")
    table.index += 1
    return table.fillna("").astype(str)


def _check_columns(path, table):
    repeated = table.columns[table.columns.duplicated()]
    if repeated.isin(COLUMNS).any():
        raise DataError(f"{path} has the column {repeated[0]} more than once. Keep the right one.")
    lacking = [column for column in COLUMNS if column not in table and column != "dataset"]
    if lacking and any(re.fullmatch(r"pixel\d+", column) for column in table.columns):
        raise DataError(
            f"{path} holds pixels of tiny images, as Kaggle's hmnist_28_28_RGB.csv does, and no metadata. Put "
            "HAM10000_metadata.csv there, which has the columns lesion_id, image_id, dx, ..."
        )
    if lacking:
        raise DataError(
            f"{path} has no column {', '.join(lacking)} (it has {first_of(list(table.columns), 12)}). Add it; where a "
            "value is not known, leave the cell empty."
        )


def _checked(path, table, notices):
    """Return the table with values in HAM10000's own words; raise :class:`DataError` for one that has none."""

    def refuse(wrong, column, why):
        if wrong.any():
            line, value = wrong.idxmax(), table.loc[wrong.idxmax(), column]
            image = table.loc[line, "image_id"]
            raise DataError(f"{path}, line {line + 1} (image {image!r}), column {column}: {value!r} {why}")

    for column in ("lesion_id", "image_id"):
        refuse(table[column] == "", column, "is empty. Every image needs it; images of one lesion share the lesion_id.")
    _check_lesions(table, refuse)
    dx = table["dx"].str.lower()
    refuse(~dx.isin(CLASSES), "dx", f"is no known diagnosis. Use one of {', '.join(CLASSES)}.")
    table["dx"] = dx
    refuse(table["image_id"].duplicated(), "image_id", "stands on an earlier line too. Keep one row for each image.")
    first = table.groupby("lesion_id")["dx"].transform("first")
    other = first[dx != first]
    if len(other):
        lesion = table.loc[other.index[0], "lesion_id"]
        refuse(
            dx != first,
            "dx",
            f"but an earlier line has {other.iloc[0]!r} for the same lesion, {lesion}. "
            "A lesion has one diagnosis: correct one of them, or give the images different lesion_ids.",
        )
    table["age"] = _ages(table["age"], refuse, notices)
    for column in ("dx_type", "localization", "dataset", "sex"):
        unknown = table[column].str.lower().isin(MISSING)
        _say_words(table[column][unknown], ("", "unknown"), column, "not known", notices)
        table[column] = table[column].mask(unknown, "unknown")
    sex = table["sex"].str.lower().map(SEXES | {"unknown": "unknown"})
    refuse(sex.isna(), "sex", "is none of male, female, unknown. Write one of them.")
    for word in ("male", "female"):
        _say_words(table["sex"][sex == word], (word,), "sex", word, notices)
    table["sex"] = sex
    return table


def _say_words(written, own, column, meaning, notices):
    """Say which cells of a column were read as something although they are not in HAM10000's own words."""
    other = written[~written.str.lower().isin(own)]
    if len(other):
        notices.append(f"In the column {column}, {other.iloc[0]!r} was read as {meaning} ({len(other):,} rows).")


def _check_lesions(table, refuse):
    """Refuse a lesion_id that several images share because nothing better was known."""
    lesions = table["lesion_id"]
    images = lesions.groupby(lesions).transform("size")
    no_name = lesions.str.lower().isin(MISSING) & (images > 1)
    zero = lesions.map(lambda lesion: ZERO.fullmatch(lesion) is not None) & (images > MOST_OF_A_LESION)
    alone = (images == len(lesions)) & (images > MOST_OF_A_LESION)
    wrong = no_name | zero | alone
    refuse(
        wrong,
        "lesion_id",
        f"stands for {images[wrong].max():,} images: a placeholder, by which they would all count as one lesion. Give "
        "each lesion a name of its own; where no two images show one lesion, the image_id can be it.",
    )


def _ages(written, refuse, notices):
    """Return ages in years, float, NaN where missing."""
    parts = written.str.extract(f"^{AGE.pattern}$", flags=re.IGNORECASE)
    known = ~written.str.lower().isin(MISSING)
    age = pd.to_numeric(parts[0].str.replace(",", "."), errors="coerce").where(known)
    refuse(
        known & ~age.between(0, OLDEST),
        "age",
        f"is no age in years from 0 to {OLDEST}. Leave the cell empty if it is not known.",
    )
    _say_words(written[~known], ("", "unknown"), "age", "not known", notices)
    least = written[known & (parts[1] == "+")]
    if len(least):
        notices.append(f"Ages such as {least.iloc[0]!r} were read as the number alone ({len(least):,} rows).")
    return age.astype(float)
