"""The tools that the workflows run: all notebooks as on Colab, the links, the notes of a release."""

import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import nbformat
import pytest

from helpers.data import _download as sources
from tools import colab, links, release

# --- tools/colab.py --------------------------------------------------------------------------------------------------


def notebook(folder, name, *cells):
    """Write a notebook of these cells and return its path."""
    path = folder / f"{name}.ipynb"
    found = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    found.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(found, path)
    return path


def test_notebooks_run_in_empty_folders_of_their_own_in_the_quick_tier(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SKIN_TIER", "full")
    monkeypatch.setenv("SKIN_DATA", "/nowhere")
    alone = "import os\nassert os.listdir() == [], os.listdir()\nopen('left', 'w').close()"
    quick = "assert os.environ['SKIN_TIER'] == 'quick' and 'SKIN_DATA' not in os.environ"
    good = [notebook(tmp_path, name, alone, quick) for name in ("first", "second")]
    bad = notebook(tmp_path, "third", "x = 1", "raise ValueError('no such thing')")
    written = tmp_path / "report.md"
    assert colab.main([*map(str, [*good, bad]), "--installed", "--report", str(written)]) == 1
    text = written.read_text()
    assert text.startswith("2 of 3 notebooks ran.") and text.count("**failed**") == 1
    assert "no such thing" in text.split("third")[-1] and "Python 3." in text
    assert text in capsys.readouterr().out


def test_all_chapters_and_their_learner_editions_are_run_if_none_is_named(tmp_path, monkeypatch):
    (tmp_path / "notebooks" / "learner").mkdir(parents=True)
    for folder in (tmp_path / "notebooks", tmp_path / "notebooks" / "learner"):
        notebook(folder, "01-first", "1")
    ran = []
    monkeypatch.setattr(colab, "run", lambda path, folder, environ: ran.append(path) or "")
    monkeypatch.setattr(colab, "install", lambda root, folder: [])
    assert colab.main([], tmp_path) == 0
    assert [path.relative_to(tmp_path).as_posix() for path in ran] == [
        "notebooks/01-first.ipynb",
        "notebooks/learner/01-first.ipynb",
    ]


def test_an_installation_that_changes_another_package_fails_and_names_it(tmp_path, monkeypatch, capsys):
    before = {"numpy": "2.1.3", "keras": "3.13.2", "old": "1"}
    after = {"numpy": "2.5.5", "keras": "3.13.2", "new": "1", colab.PACKAGE: "0.1.0"}
    assert colab.changes(before, after) == [
        "installing the helpers changed new: absent -> 1",
        "installing the helpers changed numpy: 2.1.3 -> 2.5.5",
        "installing the helpers changed old: 1 -> absent",
    ]
    monkeypatch.setattr(colab, "run", lambda path, folder, environ: "")
    monkeypatch.setattr(colab, "install", lambda root, folder: colab.changes(before, after))
    assert colab.main([str(notebook(tmp_path, "first", "1"))]) == 1
    assert "- installing the helpers changed numpy: 2.1.3 -> 2.5.5" in capsys.readouterr().out


def test_what_is_installed_is_a_copy_without_dependencies(tmp_path, monkeypatch):
    (tmp_path / "course" / "helpers").mkdir(parents=True)
    (tmp_path / "course" / "_build").mkdir()
    (tmp_path / "course" / "pyproject.toml").write_text("")
    (tmp_path / "work").mkdir()
    seen = []

    def pip(command, **more):
        seen.append(command)
        copy = tmp_path / "work" / "course"
        assert sorted(path.name for path in copy.iterdir()) == ["helpers", "pyproject.toml"]

    monkeypatch.setattr(colab, "packages", lambda: {})
    monkeypatch.setattr(colab.subprocess, "run", pip)
    assert colab.install(tmp_path / "course", tmp_path / "work") == []
    assert seen[0][1:] == ["-m", "pip", "install", "--quiet", "--no-deps", str(tmp_path / "work" / "course")]


# --- tools/links.py --------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    """A server on this machine; its answers by path, one after another."""
    answers = {
        "/good": [200],
        "/gone": [404],
        "/shy": [403],
        "/tired": [503, 200],
        "/broken": [500],
        "/10.1/a(b)": [200],
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            left = answers.get(self.path.replace("%28", "(").replace("%29", ")"), [404])
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.end_headers()

        def log_message(self, *rest):
            pass

    found = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}"
    found.shutdown()
    found.server_close()


@pytest.mark.parametrize(
    ("path", "problem"),
    [("/good", ""), ("/gone", "404 Not Found"), ("/shy", "refused: 403 Forbidden"), ("/tired", ""), ("/broken", "500")],
)
def test_what_a_server_answers_is_told_apart(server, path, problem):
    found = links.ask(server + path, pauses=(0,))
    assert found == problem or (problem and found.startswith(problem))


def test_a_server_that_is_not_there_is_broken():
    assert "ConnectionError" in links.ask("http://127.0.0.1:9/", pauses=())


def test_of_a_doi_the_registry_is_asked_and_not_the_publisher(server):
    assert links.ask("https://doi.org/10.1/a%28b%29", handles=f"{server}/", pauses=()) == ""
    assert links.ask("https://doi.org/10.1/unknown", handles=f"{server}/", pauses=()).startswith("404")


def test_addresses_are_found_in_text_code_and_references():
    text = """See [a](https://a.example/x). Or <https://b.example/y_(z)>, "https://c.example/?q=1#part"!
    url = f"https://d.example/{name}"; EVERY = "https://e.example/files/" and `https://f.example`
      doi = {10.1016/S0010-4825(97)00020-6},
    """
    assert links.addresses(text) == {
        "https://a.example/x",
        "https://b.example/y_(z)",
        "https://c.example/?q=1",
        "https://e.example/files/",
        "https://f.example",
        "https://doi.org/10.1016/S0010-4825(97)00020-6",
    }


def test_every_file_to_download_is_asked_for_and_no_half_of_its_address():
    found = links.collect()
    files = {remote.url for remotes in sources.SOURCES.values() for remote in remotes}
    assert files <= found.keys() and sources.DATAVERSE not in found and sources.ISIC not in found
    assert "book/references.bib" in found["https://doi.org/10.1038/sdata.2018.161"]


def test_a_broken_link_fails_and_is_reported_with_its_file_and_a_shy_server_is_not(
    server, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(links, "PAUSES", ())
    monkeypatch.setattr(links.sources, "SOURCES", {})
    (tmp_path / "README.md").write_text(f"[a]({server}/good) [b]({server}/shy)")
    assert links.main([], tmp_path) == 0
    (tmp_path / "NOTICE.md").write_text(f"[a]({server}/gone)")
    assert links.main(["--report", str(tmp_path / "report.md")], tmp_path) == 1
    text = (tmp_path / "report.md").read_text()
    assert text.startswith("1 of 3 links are broken; 1 servers refused to say.")
    assert f"- Broken: {server}/gone (404 Not Found) in NOTICE.md" in text and f"- Refused: {server}/shy" in text
    assert text in capsys.readouterr().out


# --- tools/release.py ------------------------------------------------------------------------------------------------


@pytest.fixture
def ready(tmp_path):
    """A project that is ready for the tag v0.2.0."""
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.2.0"\n')
    (tmp_path / "CITATION.cff").write_text('version: 0.2.0\ndate-released: "2026-12-01"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changes\n\n## 0.2.0 (2026-12-01)\n\nNew.\n\n## 0.1.0 (2026-11-22)\n\nOld.\n"
    )
    return tmp_path


def test_the_notes_of_a_release_are_its_part_of_the_changes(ready):
    assert release.notes("v0.2.0", ready) == "New."


@pytest.mark.parametrize(
    ("tag", "name", "old", "new"),
    [
        ("0.2.0", "pyproject.toml", "", ""),
        ("v0.3.0", "pyproject.toml", "", ""),
        ("v0.2.0", "pyproject.toml", "0.2.0", "0.2.1"),
        ("v0.2.0", "CITATION.cff", "0.2.0", "0.1.0"),
        ("v0.2.0", "CITATION.cff", "2026-12-01", "2026-11-22"),
        ("v0.2.0", "CHANGELOG.md", "0.2.0 (2026-12-01)", "Unreleased"),
        ("v0.2.0", "CHANGELOG.md", "New.", ""),
        ("v0.2.0", "CHANGELOG.md", "# Changes\n", "# Changes\n\n## Unreleased\n\nNewer than 0.2.0.\n"),
    ],
)
def test_a_tag_that_the_project_is_not_ready_for_is_refused(ready, tag, name, old, new):
    (ready / name).write_text((ready / name).read_text().replace(old, new))
    with pytest.raises(release.ReleaseError, match=re.escape(tag.removeprefix("v"))):
        release.notes(tag, ready)


def test_the_command_says_why_on_the_error_stream(capsys):
    assert release.main(["v999.0.0"]) == 1 and "999.0.0" in capsys.readouterr().err
    assert release.main([]) == 2
