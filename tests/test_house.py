"""The house itself: one list of pins, the make targets, what is in git, the licences, the README."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PINS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = (ROOT / "README.md").read_text()
TARGETS = ("setup", "lab", "test", "grade", "notebooks", "bench", "clean")


def tracked():
    """Paths of what is in git, or a visible skip in a copy without git's own folder."""
    try:
        out = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git working copy")
    paths = [ROOT / name for name in out.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


# ---- one list of pins ----------------------------------------------------------------------------------


def conda_pip():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (section,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    return environment, section


def test_environment_yml_has_the_pins_of_pyproject_and_no_others():
    _, section = conda_pip()
    pins = [line for line in section if not line.startswith("-")]
    assert sorted(pins) == sorted(PINS["dependencies"])
    assert "-e ." in section
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in section


def test_conda_python_is_one_the_course_runs_on():
    environment, _ = conda_pip()
    (python,) = (entry for entry in environment["dependencies"] if str(entry).startswith("python="))
    version = tuple(int(part) for part in python.split("=")[1].split("."))
    assert PINS["requires-python"] == ">=3.11,<3.14"
    assert (3, 11) <= version < (3, 14)


@pytest.mark.parametrize("line", PINS["dependencies"] + PINS["optional-dependencies"]["test"])
def test_every_requirement_is_pinned_exactly_and_installed(line):
    from importlib.metadata import version

    from packaging.requirements import Requirement

    requirement = Requirement(line)
    assert re.fullmatch(r"==[\d.]+", str(requirement.specifier)), line
    if requirement.marker is None or requirement.marker.evaluate():
        # a local part ("+cpu") names the build, not the version
        assert version(requirement.name).split("+")[0] == str(requirement.specifier)[2:]


@pytest.mark.parametrize(
    ("system", "processor", "name"),
    [
        ("linux", "x86_64", "tensorflow-cpu"),
        ("win32", "AMD64", "tensorflow-cpu"),
        ("linux", "aarch64", "tensorflow"),
        ("darwin", "arm64", "tensorflow"),
        ("win32", "ARM64", "tensorflow"),
    ],
)
def test_every_machine_gets_one_tensorflow(system, processor, name):
    from packaging.requirements import Requirement

    place = {"sys_platform": system, "platform_machine": processor}
    wanted = [Requirement(line) for line in PINS["dependencies"] if line.startswith("tensorflow")]
    assert [each.name for each in wanted if each.marker.evaluate(place)] == [name]


# ---- make ----------------------------------------------------------------------------------------------


def make(*args):
    return subprocess.run(["make", *args], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_make_alone_lists_every_target():
    text = make()
    assert text == make("help")
    listed = re.findall(r"^  make (\w+) +\S", text, re.MULTILINE)
    assert set(TARGETS) <= set(listed)
    assert f".PHONY: {' '.join(['help', *TARGETS])}" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("target", [name for name in TARGETS if name not in ("setup", "clean")])
def test_every_target_sets_up_first(target):
    plan = make("--dry-run", target)
    assert "tools/bootstrap.py" in plan
    assert plan.index("tools/bootstrap.py") < plan.rindex(".venv/bin/")


# ---- what is in git ------------------------------------------------------------------------------------


def test_no_large_file_in_git():
    large = [str(path.relative_to(ROOT)) for path in tracked() if path.stat().st_size > 1_000_000]
    assert not large, f"built or downloaded files of more than 1 MB in git: {large}"


def test_no_output_in_notebooks_in_git():
    for path in tracked():
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            ran = [cell for cell in cells if cell.get("outputs") or cell.get("execution_count") is not None]
            assert not ran, f"{path.relative_to(ROOT)} was saved with output; make notebooks builds it anew"


def test_nothing_private_in_git():
    private = [path for path in tracked() if path.name in ("secret.key", "gradebook.db", ".env")]
    assert not private


# ---- licences and README -------------------------------------------------------------------------------


def test_licences_are_there_and_named_in_the_readme():
    code, text = (ROOT / "LICENSE").read_text(), (ROOT / "LICENSE-text").read_text()
    assert code.startswith("BSD 3-Clause License") and "Copyright (c) 2026, The PhysioDL authors" in code
    assert "CC BY 4.0" in text and "https://creativecommons.org/licenses/by/4.0/legalcode" in text
    assert "[LICENSE](LICENSE)" in README and "[LICENSE-text](LICENSE-text)" in README
    assert PINS["license"] == "BSD-3-Clause AND CC-BY-4.0"


def test_readme_opens_with_the_three_commands_and_then_the_three_readers():
    assert re.findall(r"^make (\w+)", README.split("```")[1], re.MULTILINE) == ["lab", "test", "grade"]
    assert re.findall(r"^## (.+)$", README, re.MULTILINE)[:3] == ["Student", "Instructor", "Self-learner"]


def test_relative_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)\s]+)\)", README)
    assert links
    elsewhere = ("http://", "https://", "#", "mailto:")
    relative = [link.split("#")[0] for link in links if not link.startswith(elsewhere)]
    assert not [link for link in relative if not (ROOT / link).exists()]


def test_readme_names_the_pinned_torch():
    (pin,) = (line for line in PINS["dependencies"] if line.startswith("torch=="))
    assert f"pip install {pin} --index-url https://download.pytorch.org/whl/cpu" in README


def test_the_tests_run_the_same_everywhere():
    assert "exec make test" in (ROOT / ".ci" / "run").read_text()
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
    job = workflow["jobs"]["tests"]
    assert any("make test" in step.get("run", "") for step in job["steps"])
    assert set(job["strategy"]["matrix"]["python"]) == {"3.11", "3.12", "3.13"}
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111, ".ci/run must be executable"
