"""The workflows: what they run is there, what they use is pinned, and no job may do more than it has to."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest
import rooms
import yaml
from packaging.specifiers import SpecifierSet

from helpers.data import _download as download

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yml"))}
WORKFLOWS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = {(name, job): value for name, workflow in WORKFLOWS.items() for job, value in workflow["jobs"].items()}
STEPS = [(key, step) for key, job in JOBS.items() for step in job.get("steps", [])]
RUNS = [pytest.param(step["run"], id=f"{'/'.join(key)}: {step['name']}") for key, step in STEPS if "run" in step]
#: What a job may write; every other job reads the repository and no more.
WRITES = {
    ("publish", "deploy"): {"pages": "write", "id-token": "write"},
    ("release", "release"): {"contents": "write"},
    ("colab", "report"): {"contents": "read", "issues": "write"},
    ("links", "report"): {"contents": "read", "issues": "write"},
}
DATA = "_build/data/ham10000-dataverse"


def on(name):
    """Return what starts a workflow; YAML 1.1 takes the key ``on`` for true."""
    return WORKFLOWS[name][True]


def steps(name, job):
    return JOBS[name, job]["steps"]


def using(name, job, action):
    """Return the steps of a job that use an action."""
    return [step for step in steps(name, job) if step.get("uses", "").startswith(f"{action}@")]


def test_there_is_a_workflow_for_each_promise():
    assert set(WORKFLOWS) == {"book", "colab", "links", "publish", "release", "test"}


# --- what they run is there ------------------------------------------------------------------------------------------


#: What the machines of GitHub have; everything else that a step starts is the project's or its environment's.
SYSTEM = {"brew", "cd", "df", "docker", "gh", "mkdir", "pipx", "python3", "sudo", "tar", "zip"}


def commands(script):
    """Return the commands of a script as lists of words."""
    lexer = shlex.shlex(re.sub(r"\\\n", " ", script).replace("\n", " && "), posix=True, punctuation_chars="&()")
    lexer.whitespace_split = True
    words_of = [[]]
    for word in lexer:
        if set(word) <= set("&()"):
            words_of.append([])
        else:
            words_of[-1].append(word)
    return [words for words in words_of if words]


def missing(script):
    """Return what a script starts or names and the project has not."""
    problems = []
    makefile = (ROOT / "Makefile").read_text().replace("$(READY)", ".venv/ready")
    for first, *words in commands(script):
        program = first.split("/")[-1]
        if first == "make":
            # make itself takes a folder for a target that is up to date.
            if not re.search(rf"^{re.escape(words[0])}:", makefile, flags=re.M):
                problems.append(f"make {words[0]}")
        elif first.startswith(".venv/bin/"):
            if not (Path(sys.executable).parent / program).exists():
                problems.append(first)
        elif first not in SYSTEM and not (ROOT / first).is_file():
            problems.append(first)
        for before, word in pairwise([first, *words]):
            path = re.fullmatch(r"(?:/course/)?((?:tools|tests|helpers|notebooks|book|benchmarks)/[\w./-]+)", word)
            if path and not (ROOT / path.group(1)).is_file():
                problems.append(word)
            if before == "-m" and not (ROOT / word.replace(".", "/") / "__main__.py").is_file():
                problems.append(f"-m {word}")
            if before == "-c":
                problems += rooms.not_exported(ast.parse(word), ROOT)
    return problems


@pytest.mark.parametrize("script", RUNS)
def test_what_a_step_runs_is_there(script):
    assert commands(script) and missing(script) == []


@pytest.mark.parametrize(
    "script",
    [
        "make no-such-target",
        "make tests",
        "python tools/release.py",
        "python3 tools/none.py",
        ".venv/bin/none",
        "mkdir a\ndocker run x \\\n  /course/tools/none.py",
        ".venv/bin/python -m helpers.none download",
        '.venv/bin/python -c "from helpers import networks; networks.none()"',
        '.venv/bin/python -c "from helpers.networks import none"',
        "(cd site && tools/none.sh)",
    ],
)
def test_the_check_of_what_is_run_sees_what_it_looks_for(script):
    assert missing(script)


def hashed_to_nothing(text):
    """Return the patterns of ``hashFiles`` that no file fits: they hash to nothing, without a word."""
    patterns = [pattern for found in re.findall(r"hashFiles\(([^)]*)\)", text) for pattern in found.split(",")]
    return [pattern for pattern in patterns if not any(ROOT.glob(pattern.strip().strip("'")))]


def test_what_the_key_of_a_cache_is_made_from_is_there():
    assert any("hashFiles(" in text for text in TEXTS.values())
    assert {name: hashed_to_nothing(text) for name, text in TEXTS.items() if hashed_to_nothing(text)} == {}
    assert hashed_to_nothing("${{ hashFiles('helpers/none.py') }}") == ["'helpers/none.py'"]


@pytest.mark.parametrize("script", RUNS)
def test_a_step_is_bash_and_nobody_else_s_text_gets_into_it(script):
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    # A title or a branch's name pasted into a script would run as a part of it: values come in the environment.
    assert "${{" not in script


def test_a_called_workflow_is_there_and_can_be_called():
    called = [job["uses"] for job in JOBS.values() if "uses" in job]
    assert called
    for path in called:
        assert (ROOT / path).is_file() and "workflow_call" in yaml.safe_load((ROOT / path).read_text())[True]


def test_the_badges_show_workflows_that_are_there():
    shown = re.findall(r"actions/workflows/([\w.-]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown and all((FOLDER / name).is_file() for name in shown)


def test_scripts_can_be_started():
    scripts = re.findall(r"run: (tools/\S+)", "".join(TEXTS.values()))
    assert scripts
    for path in scripts:
        assert (ROOT / path).stat().st_mode & 0o111, path


# --- what they use is pinned -----------------------------------------------------------------------------------------


def test_every_action_is_pinned_to_one_commit_and_says_which_version_that_is():
    used = re.findall(r"uses: +(?!\./)(\S+?)@(\S+)(.*)", "".join(TEXTS.values()))
    assert used
    pins = {}
    for action, commit, comment in used:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), f"{action} is pinned to {commit}, which its authors can move"
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{action}: which version is {commit}?"
        repository = "/".join(action.split("/")[:2])
        pins.setdefault(repository, set()).add((commit, comment))
    assert {repository: found for repository, found in pins.items() if len(found) > 1} == {}
    assert {repository.split("/")[0] for repository in pins} == {"actions"}, "an action of somebody else than GitHub"


def test_a_tool_that_a_step_fetches_has_a_version():
    specs = re.findall(r"--spec (\S+)", "".join(TEXTS.values()))
    assert specs
    for spec in specs:
        assert re.fullmatch(r"[\w-]+==[\d.]+", spec)


def test_the_pythons_are_those_that_the_project_takes():
    wanted = SpecifierSet(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"])
    tested = JOBS["test", "test"]["strategy"]["matrix"]["python"]
    assert all(isinstance(version, str) for version in tested), "without quotation marks 3.10 is 3.1"
    assert all(version in wanted for version in tested)
    oldest = min(tested, key=lambda version: int(version.split(".")[1]))
    assert f"3.{int(oldest.split('.')[1]) - 1}" not in wanted, "the oldest Python that the project takes is not tested"
    conda = re.search(r"python=(\S+)", (ROOT / "environment.yml").read_text()).group(1)
    used = {step["with"]["python-version"] for _, step in STEPS if "setup-python" in step.get("uses", "")}
    assert used - {"${{ matrix.python }}"} == {conda} and conda in tested


# --- no job may do more than it has to -------------------------------------------------------------------------------


def test_a_job_has_the_permissions_it_needs_and_no_others():
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {}, f"{name}: a job that names no permissions would have these"
    assert {key: job.get("permissions") for key, job in JOBS.items()} == {
        key: WRITES.get(key, {"contents": "read"}) for key in JOBS
    }


def zizmor(*paths):
    """Return what zizmor, the auditor of workflows, finds in files: ``{name of the audit}``."""
    program = Path(sys.executable).parent / "zizmor"
    command = [program, "--offline", "--min-severity", "medium", "--format", "json-v1", *paths]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (0, 11, 12, 13, 14), done.stderr
    return {finding["ident"] for finding in json.loads(done.stdout)}


def test_an_auditor_finds_no_hole_in_the_workflows():
    assert zizmor(*sorted(FOLDER.glob("*.yml"))) == set()


@pytest.mark.parametrize(
    ("old", "new", "audit"),
    [
        ("          persist-credentials: false\n", "          fetch-depth: 1\n", "artipacked"),
        ("@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "@v6", "unpinned-uses"),
        ("run: make test", "run: echo ${{ github.head_ref }} && make test", "template-injection"),
        ("  pull_request:", "  pull_request_target:", "dangerous-triggers"),
    ],
)
def test_the_auditor_sees_what_it_looks_for(tmp_path, old, new, audit):
    assert old in TEXTS["test"]
    broken = tmp_path / ".github" / "workflows" / "test.yml"
    broken.parent.mkdir(parents=True)
    broken.write_text(TEXTS["test"].replace(old, new), encoding="utf-8")
    assert audit in zizmor(broken)


def test_no_job_that_may_write_runs_the_code_of_a_package():
    for key in WRITES:
        scripts = "\n".join(step.get("run", "") for step in JOBS[key]["steps"])
        assert not re.search(r"\b(pip|make|pipx|npm|\.venv)\b", scripts), key


def test_every_job_ends():
    assert [key for key, job in JOBS.items() if "uses" not in job and not 0 < job["timeout-minutes"] <= 180] == []


def test_no_step_s_failure_is_passed_over_but_a_missing_report_s():
    passed = [(key, step["uses"]) for key, step in STEPS if step.get("continue-on-error")]
    assert {key for key, _ in passed} == {("colab", "report"), ("links", "report")}
    assert all(action.startswith("actions/download-artifact@") for _, action in passed)
    assert not re.search(r"\|\| *(true|:)|set \+e", "".join(TEXTS.values()))


# --- each does what it is for ----------------------------------------------------------------------------------------


def test_every_push_is_tested_on_both_systems():
    assert on("test")["push"] == {"branches": ["**"]} and "pull_request" in on("test")
    matrix = JOBS["test", "test"]["strategy"]["matrix"]
    assert {system.split("-")[0] for system in matrix["system"]} == {"ubuntu", "macos"}


def test_what_is_published_stands_on_downloaded_images_or_is_not_published():
    found = steps("book", "build")
    named = [step.get("name", "") for step in found]
    order = ["Take HAM10000 from the cache", "Download HAM10000", "Keep HAM10000 in the cache", "Build the book"]
    positions = [named.index(name) for name in [*order, "Test the built book"]]
    assert positions == sorted(positions) and "upload-pages-artifact" in found[-1]["uses"]
    take, fetch, keep = (found[named.index(name)] for name in order[:3])
    assert take["with"]["path"] == keep["with"]["path"] == DATA
    # Skipped only after an exact hit; and where there is neither hit nor download, everything after it is skipped too.
    assert fetch["if"] == keep["if"] == "steps.data.outputs.cache-hit != 'true'" and take["id"] == "data"
    assert "restore-keys" not in take["with"] and not any("if" in step for step in found[positions[3] :])
    cache = re.search(r"--cache (\S+)", fetch["run"]).group(1)
    source = re.search(r"--source (\S+)", fetch["run"]).group(1)
    assert download.folder(cache, source).as_posix() == DATA
    for name in ("Build the book", "Test the built book"):
        # An explicit folder: the loader fails where it is not whole, and never falls back on the sample.
        assert found[named.index(name)]["env"] == {"SKIN_CACHE": cache, "SKIN_DATA": DATA}


def test_only_a_book_of_the_main_branch_that_was_built_is_deployed():
    assert on("publish")["push"] == {"branches": ["main"]}
    deploy = JOBS["publish", "deploy"]
    assert deploy["needs"] == "book" and deploy["if"] == "github.ref == 'refs/heads/main'"
    assert "always" not in TEXTS["publish"] and WORKFLOWS["publish"]["concurrency"]["cancel-in-progress"] is False
    configured = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert configured["repository"]["branch"] == "main"


def test_a_release_is_of_a_tag_that_was_checked_and_carries_the_built_book():
    assert on("release") == {"push": {"tags": ["v*"]}}
    assert JOBS["release", "book"]["needs"] == "check" and JOBS["release", "release"]["needs"] == "book"
    (asset,) = re.findall(r"(\S+)\.zip \.\)", TEXTS["release"])
    assert f'gh release create "$GITHUB_REF_NAME" {asset.removeprefix("../")}.zip' in TEXTS["release"]
    (fetched,) = using("release", "release", "actions/download-artifact")
    # What upload-pages-artifact names and packs, unless told otherwise.
    assert fetched["with"] == {"name": "github-pages", "path": "pages"}


@pytest.mark.skipif(not shutil.which("zip"), reason="zip is not installed here; GitHub's machines have it")
def test_the_step_that_packs_a_release_makes_an_archive_that_opens(tmp_path):
    page = tmp_path / "html" / "index.html"
    page.parent.mkdir()
    page.write_text("<p>the book</p>")
    (tmp_path / "pages").mkdir()
    with tarfile.open(tmp_path / "pages" / "artifact.tar", "w") as pages:
        pages.add(page.parent, arcname=".")
    (pack,) = (step["run"] for step in steps("release", "release") if step.get("name") == "Pack the book")
    subprocess.run(["bash", "-euo", "pipefail", "-c", pack], cwd=tmp_path, check=True)
    (packed,) = tmp_path.glob("*.zip")
    with zipfile.ZipFile(packed) as archive:
        assert archive.read("index.html") == b"<p>the book</p>"


@pytest.mark.parametrize("name", ["colab", "links"])
def test_a_weekly_run_that_fails_opens_an_issue_with_its_report(name):
    (job,) = (key[1] for key in JOBS if key[0] == name and key[1] != "report")
    (schedule,) = on(name)["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"]) and "workflow_dispatch" in on(name)
    assert JOBS[name, "report"]["needs"] == job and JOBS[name, "report"]["if"] == "failure()"
    (kept,), (fetched,) = (
        using(name, job, "actions/upload-artifact"),
        using(name, "report", "actions/download-artifact"),
    )
    assert kept["with"]["name"] == fetched["with"]["name"] and kept["with"]["path"] == fetched["with"]["path"]
    assert kept["if"] == "${{ !cancelled() }}"
    script = steps(name, "report")[-1]["run"]
    assert f"{kept['with']['path']}/{name}.md" in script
    assert f"{name}.md" in "".join(step.get("run", "") for step in steps(name, job))


def test_what_runs_in_colab_s_image_runs_all_notebooks_of_this_commit():
    script = next(step["run"] for step in steps("colab", "run") if step.get("name") == "Run the notebooks")
    assert '"$PWD:/course:ro"' in script and "/course/tools/colab.py --report /report/colab.md" in script
    assert JOBS["colab", "run"]["env"]["IMAGE"].startswith("us-docker.pkg.dev/colab-images/public/runtime:")


# --- the script that opens issues ------------------------------------------------------------------------------------

GH = """#!/usr/bin/env bash
echo "$*" >>"$CALLS"
if [[ $2 == list ]]; then printf '%b' "$OPEN"; else cat "${@: -1}" >"$BODY"; fi
"""


@pytest.fixture
def github(tmp_path, monkeypatch):
    """A stand-in for GitHub's command: returns what the script called, and what it wrote."""
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name, value in {
        "CALLS": tmp_path / "calls",
        "BODY": tmp_path / "body",
        "GITHUB_SERVER_URL": "https://host.example",
        "GITHUB_REPOSITORY": "me/course",
        "GITHUB_RUN_ID": "42",
    }.items():
        monkeypatch.setenv(name, str(value))

    def call(title, report, listed=""):
        monkeypatch.setenv("OPEN", listed)
        subprocess.run([shutil.which("bash"), ROOT / "tools/open_issue.sh", title, report], check=True)
        return (tmp_path / "calls").read_text().splitlines()[-1], (tmp_path / "body").read_text()

    return call


def test_the_first_failure_opens_an_issue_with_the_report_and_the_run(github, tmp_path):
    (tmp_path / "report.md").write_text("3 links are broken.\n")
    called, body = github("Broken links", tmp_path / "report.md", "7\\tBroken links in chapter 1\\n")
    assert called.startswith("issue create --title Broken links --body-file")
    assert body == "3 links are broken.\n\nThe run: https://host.example/me/course/actions/runs/42\n"


def test_the_next_failure_is_added_to_the_issue_that_is_open(github, tmp_path):
    (tmp_path / "report.md").write_text("Still.\n")
    called, body = github("Broken links", tmp_path / "report.md", "9\\tOther\\n8\\tBroken links\\n5\\tBroken links\\n")
    assert called.startswith("issue comment 8 --body-file") and body.startswith("Still.")


def test_without_a_report_the_issue_says_so(github, tmp_path):
    called, body = github("Broken links", tmp_path / "none.md")
    assert called.startswith("issue create") and "before there was a report" in body


def test_a_report_longer_than_github_takes_is_cut(github, tmp_path):
    (tmp_path / "report.md").write_text("x" * 100_000)
    body = github("Broken links", tmp_path / "report.md")[1]
    assert len(body) < 65_536 and body.rstrip().endswith("runs/42")
