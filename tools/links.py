"""Ask of every address that the course names whether it is still there; weekly, from .github/workflows/links.yml.

``python tools/links.py`` looks through the pages, the notebooks' sources, the references and the code, and asks each
address once; of a DOI it asks doi.org whether it is registered, since publishers turn programs away.  A server that
answers and refuses (403, 429, ...) is listed and not counted as broken.  The exit status is 1 if a link is broken.
"""

import argparse
import re
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, unquote

import requests

from helpers.data import _download as sources

ROOT = Path(__file__).resolve().parents[1]
#: The files whose addresses readers meet, and the code's: it names where data come from.
FILES = (
    "*.md",
    "CITATION.cff",
    "_config.yml",
    "pyproject.toml",
    "book/*.md",
    "book/references.bib",
    "notebooks/src/*.py",
    "helpers/**/*.py",
)
#: An address up to what cannot be in one where it stands in text or code; brackets may, in pairs.
ADDRESS = re.compile(r"https?://(?:[^\s\"'<>`\\{}\[\]()|]|\([^\s\"'<>`\\{}\[\]()|]*\))+(?![^\s\"'<>`\\}\])|(])")
DOI = re.compile(r"^\s*doi = \{(.+)\}", re.M)
HANDLES = "https://doi.org/api/handles/"
AGENT = {"User-Agent": "Mozilla/5.0 (compatible; learning-to-see-skin-lesions link check)"}
#: Answers of a server that is there and does not talk to programs.
REFUSED = frozenset({401, 403, 405, 406, 418, 429, 999})
#: Seconds to wait for an answer, and pauses before each further attempt.
TIMEOUT, PAUSES = 30, (2, 10)


def addresses(text):
    """Return the addresses in a text, without the punctuation that ends a sentence and without fragments."""
    found = {match.rstrip(".,:;!?*").split("#")[0] for match in ADDRESS.findall(text)}
    return found | {f"https://doi.org/{doi}" for doi in DOI.findall(text)}


def collect(root=ROOT):
    """Return ``{address: [file, ...]}`` of all files, and of what can be downloaded.

    The beginning of an address that the code completes, as of the files to download, is none.
    """
    found = defaultdict(list)
    for pattern in FILES:
        for path in sorted(root.glob(pattern)):
            for address in addresses(path.read_text(encoding="utf-8")):
                found[address].append(path.relative_to(root).as_posix())
    files = {remote.url for remotes in sources.SOURCES.values() for remote in remotes}
    beginnings = {address for address in found if any(file.startswith(address) for file in files)}
    for file in files:
        found[file].append("helpers/data/_download.py")
    return {address: found[address] for address in sorted(found) if address not in beginnings - files}


def ask(address, handles=HANDLES, pauses=PAUSES):
    """Return what is wrong with an address, or ``""``; what begins with "refused" is no fault of the address."""
    doi = re.match(r"https?://(?:dx\.)?doi\.org/(10\..+)", address)
    target = handles + quote(unquote(doi.group(1))) if doi else address
    problem = ""
    for pause in (*pauses, None):
        try:
            with requests.get(target, headers=AGENT, timeout=TIMEOUT, stream=True) as answer:
                if answer.status_code < 400:
                    return ""
                problem = f"{answer.status_code} {answer.reason}"
                if answer.status_code in REFUSED:
                    return f"refused: {problem}"
                if answer.status_code < 500:
                    return problem
        except requests.RequestException as error:
            problem = f"{type(error).__name__}: {error}"
        if pause is not None:
            time.sleep(pause)
    return problem


def main(arguments=None, root=ROOT):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="ask nobody; print the addresses and where they stand")
    parser.add_argument("--report", type=Path, help="also write the report, as Markdown, into this file")
    options = parser.parse_args(arguments)
    named = collect(root)
    if options.list:
        print("\n".join(f"{address}  ({', '.join(files)})" for address, files in named.items()))
        return 0
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(named, pool.map(ask, named), strict=True))
    refused = {address: answer for address, answer in answers.items() if answer.startswith("refused")}
    broken = {address: answer for address, answer in answers.items() if answer and address not in refused}
    lines = [f"{len(broken)} of {len(named)} links are broken; {len(refused)} servers refused to say.", ""]
    for title, found in (("Broken", broken), ("Refused", refused)):
        lines += [
            f"- {title}: {address} ({answer}) in {', '.join(named[address])}" for address, answer in found.items()
        ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.report:
        options.report.write_text(text, encoding="utf-8")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
