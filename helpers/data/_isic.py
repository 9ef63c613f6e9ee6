"""The tables of the ISIC 2018 challenge, task 3, as HAM10000's metadata: the same images, described in another form."""

from helpers.ham10000 import CLASSES, COLUMNS

#: The names of the challenge's two tables.
TRUTH = "ISIC2018_Task3_Training_GroundTruth.csv"
GROUPINGS = "ISIC2018_Task3_Training_LesionGroupings.csv"
TRUTH_COLUMNS = ("image", *(dx.upper() for dx in CLASSES))
GROUPING_COLUMNS = ("image", "lesion_id", "diagnosis_confirm_type")

#: What the challenge calls the way a diagnosis was confirmed, in the terms of HAM10000's ``dx_type``.
CONFIRMED_BY = {
    "histopathology": "histo",
    "serial imaging showing no change": "follow_up",
    "single image expert consensus": "consensus",
    "confocal microscopy with consensus dermoscopy": "confocal",
}


def metadata(truth, groupings):
    """Return the metadata of HAM10000 made from the challenge's two tables.

    The challenge publishes neither age nor sex nor site; they are missing, as they are where HAM10000 lacks them.
    Its classes stand in another order than ours, so they are taken by name.

    Parameters
    ----------
    truth : pandas.DataFrame
        One row an image: ``image``, and 1 in the column of its diagnosis (``MEL``, ``NV``, ...), 0 in the others.
    groupings : pandas.DataFrame
        One row an image: ``image``, ``lesion_id``, ``diagnosis_confirm_type``.

    Returns
    -------
    pandas.DataFrame
        One row an image, with the official columns but ``dataset``, sorted by image_id.

    Raises
    ------
    ValueError
        If the tables contradict each other, or hold what HAM10000 does not; it says what.

    Examples
    --------
    >>> import pandas as pd
    >>> truth = pd.DataFrame(0, index=[0], columns=TRUTH_COLUMNS).assign(image="ISIC_0024306", NV=1)
    >>> groupings = pd.DataFrame([["ISIC_0024306", "HAM_0000550", "histopathology"]], columns=GROUPING_COLUMNS)
    >>> metadata(truth, groupings)[["lesion_id", "image_id", "dx", "dx_type"]].values.tolist()
    [['HAM_0000550', 'ISIC_0024306', 'nv', 'histo']]
    """
    for table, name, columns in ((truth, TRUTH, TRUTH_COLUMNS), (groupings, GROUPINGS, GROUPING_COLUMNS)):
        if lacking := [column for column in columns if column not in table]:
            raise ValueError(f"{name} has no column {', '.join(lacking)}")
    if sorted(truth["image"]) != sorted(set(groupings["image"])):
        raise ValueError(f"{TRUTH} and {GROUPINGS} list different images, or one twice")
    one_hot = truth.set_index("image")[list(TRUTH_COLUMNS[1:])].astype(float)
    wrong = one_hot.index[((one_hot == 1).sum(axis=1) != 1) | (one_hot.sum(axis=1) != 1)]
    if len(wrong):
        raise ValueError(f"{wrong[0]} has not exactly one diagnosis in {TRUTH}")
    table = groupings.set_index("image").rename_axis("image_id").sort_index()
    table["dx"] = one_hot.idxmax(axis=1).str.lower()
    table["dx_type"] = table["diagnosis_confirm_type"].map(CONFIRMED_BY)
    unknown = table[table["dx_type"].isna()]
    if len(unknown):
        confirmed = unknown["diagnosis_confirm_type"].iloc[0]
        raise ValueError(f"{unknown.index[0]} is confirmed by {confirmed!r}, which is not known")
    return table.assign(age=None, sex="unknown", localization="unknown").reset_index()[list(COLUMNS[:-1])]
