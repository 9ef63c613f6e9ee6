"""How good does Lighthouse find the pages of the built book, on its simulated mid-range phone?

    make book && python benchmarks/lighthouse.py [PAGE ...]

Every page is measured three times, and the median of each score counts; the results go to
``benchmarks/results/lighthouse.json``.  The pages come from a server of this machine that compresses text, as the one
of GitHub Pages does.  Needs Chromium and npm, which fetches Lighthouse into ``_build/lighthouse`` the first time.  A
score of performance falls when the machine is busy with other work.

Lighthouse slows the processor down to that of a phone, by a factor that fits a fast desktop.  On a slower machine the
factor has to be smaller, or the phone is slower than any (GoogleChrome/lighthouse, docs/throttling.md, "Calibrating
the CPU slowdown").  So the machine is measured first.
"""

import argparse
import datetime
import gzip
import http.server
import json
import os
import shutil
import statistics
import subprocess
import threading
from functools import cache, partial
from pathlib import Path

import numpy as np

from helpers.records import _provenance as provenance

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
TOOL = ROOT / "_build" / "lighthouse"
RESULTS = Path(__file__).parent / "results" / "lighthouse.json"
VERSION = "12.8.2"
CATEGORIES = ("performance", "accessibility", "best-practices")
RUNS = 3
#: Benchmark indexes of a low-end and of a high-end desktop, and the slowdowns that Lighthouse's table has for them.
INDEXES, SLOWDOWNS = (1250, 1750), (2, 4)
COMPRESSED = (".html", ".css", ".js", ".svg", ".json")


@cache
def compressed(path):
    """Return a file as it is sent; kept, so that compressing it does not count as the page's time."""
    return gzip.compress(path.read_bytes(), 6)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; text goes out compressed."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if path.suffix not in COMPRESSED or not path.is_file():
            return super().do_GET()
        content = compressed(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


def install():
    """Return the path of Lighthouse's command, fetched first where it is not there."""
    command = TOOL / "node_modules" / ".bin" / "lighthouse"
    if not command.exists():
        TOOL.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--prefix", TOOL, f"lighthouse@{VERSION}"], check=True)
    return command


def report(command, address, slowdown=SLOWDOWNS[1]):
    """Return Lighthouse's report of one run, with the processor slowed down by a factor."""
    flags = "--headless=new --no-sandbox --disable-gpu"
    options = ["--output=json", "--quiet", f"--chrome-flags={flags}", f"--only-categories={','.join(CATEGORIES)}"]
    options.append(f"--throttling.cpuSlowdownMultiplier={slowdown}")
    environ = os.environ | {"CHROME_PATH": shutil.which("chromium") or shutil.which("google-chrome") or ""}
    done = subprocess.run([command, address, *options], check=True, capture_output=True, text=True, env=environ)
    return json.loads(done.stdout)


def slowdown_of(index):
    """Return the factor by which a machine of this benchmark index is slowed down to a mid-range phone.

    Lighthouse's table says 2 for a low-end desktop (1000 to 1500) and 4 for a high-end one (1500 to 2000): these hold
    in the middle of each, and between them it is interpolated.
    """
    return round(float(np.interp(index, INDEXES, SLOWDOWNS)), 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", nargs="*", help="such as book/index.html; all pages if none is given")
    folders = [HTML / "book", HTML / "notebooks"]
    every = [path.relative_to(HTML).as_posix() for folder in folders for path in sorted(folder.glob("*.html"))]
    pages = parser.parse_args().page or every
    if not pages:
        parser.error("there is no book to measure: run `make book` first")
    command = install()
    for path in HTML.rglob("*"):
        if path.suffix in COMPRESSED:
            compressed(path)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=HTML))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    index = statistics.median(report(command, address + pages[0])["environment"]["benchmarkIndex"] for _ in range(RUNS))
    slowdown = slowdown_of(index)
    print(f"benchmark index {index:.0f}: slowed down by {slowdown}", flush=True)
    found = {}
    for page in pages:
        scores = [report(command, address + page, slowdown)["categories"] for _ in range(RUNS)]
        runs = [{name: round(100 * score[name]["score"]) for name in CATEGORIES} for score in scores]
        found[page] = {
            "median": {name: statistics.median(run[name] for run in runs) for name in CATEGORIES},
            "runs": runs,
            "benchmark_index": index,
            "slowdown": slowdown,
        }
        print(page, *found[page]["median"].values(), flush=True)
    server.shutdown()
    known = json.loads(RESULTS.read_text(encoding="utf-8"))["pages"] if RESULTS.exists() else {}
    there = {page for page in known if (HTML / page).exists()}
    facts = {
        "what": f"Lighthouse {VERSION}, simulated phone: median of the runs of a page",
        "date": datetime.date.today().isoformat(),
        "device": provenance.device(),
        "cores": os.cpu_count(),
        "pages": {page: (known | found)[page] for page in sorted(there | found.keys())},
    }
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
