"""What may not stand in a notebook's prose, captions and alternative texts, and where it stands all the same."""

import re

#: A role, a directive, a target, a substitution, a comment, a citation key: MyST that other renderers show as it is.
MYST = (
    r"(?<!`)\{[A-Za-z][\w:.+-]*\}`",
    r"^\s*(?:```+|~~~+|:::+)\s*\{",
    r"^:::",
    r"^\([\w-]+\)=\s*$",
    r"\{\{.*?\}\}",
    r"^%",
    r"^\+\+\+",
    r"\[@\w",
    r"\]\(#",
    r"\]\((?:doc|ref|numref|term|project):",
)
#: A year beside a name, a link to another site, or a table of the work just cited.
CITATION = (
    r"\b(?:its|their) Table \d|\b[A-Z][\w'’-]+(?: et al\.?| and [A-Z][\w'’-]+)?,? \(?(?:19|20)\d\d\b|\]\(https?://"
)
NUMERAL = r"\d[.,]\d+\s*%|\d\s*%|(?<![\w.])\d+\.\d+|(?<![\w.])\.\d+|\bper ?cent\b"


def myst(text):
    """Return the pieces of MyST mark-up in a text."""
    return [piece.group() for pattern in MYST for piece in re.finditer(pattern, text, re.M)]


def sentences(text):
    """Return a text's sentences without code and levels of confidence, which are no results."""
    text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)
    text = re.sub(r"\b9[059](?:\.\d)?[ \n]?%(?=\s(?:confidence\s|bootstrap\s)*intervals?\b)", "", text)
    text = re.sub(r"\b(et al|e\.g|i\.e|Fig|vs|cf)\.", r"\1", text)
    ends = (r"(?<=[.!?:;])[\"'’”)]*\s+", r"\n\s*\n", r"\n(?=\s*(?:[-*|#>]|\d+\.\s))", r"</?(?:p|li|td|div|h\d)\b[^>]*>")
    parts = re.split("|".join(ends), text)
    return [" ".join(part.split()) for part in parts if part and part.strip()]


def uncited_numerals(text):
    """Return the sentences that state a decimal number or a percentage and cite nobody for it."""
    return [
        sentence
        for sentence in sentences(text)
        # An address is no statement.
        if re.search(NUMERAL, re.sub(r"\]\([^)]*\)|https?://\S+", "]", sentence)) and not re.search(CITATION, sentence)
    ]
