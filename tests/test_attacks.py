"""Hostile submissions against the real grader, with every sandbox on: nothing gained, nobody harmed, nothing leaked.

All attacks are handed in to one class, among honest students, and graded once by the command that people use. Where a
machine gives no sandbox these tests are skipped by name; those of the observer itself run everywhere.
"""

import json
import os
import subprocess
import sys
import time
import zipfile
from functools import cache

import numpy as np
import pytest
from attacks import all_attacks, arena, cases_files, ours, plain
from attacks.attack import GOT_IN, Attack
from attacks.watch import Run, Scene

from physiodl import exam

pytestmark = pytest.mark.slow

# The archive and the resubmissions are no notebooks.
ELSEWHERE = {18: "test_an_archive_stays_in_its_folder", 30: "test_resubmissions_do_not_climb"}
ATTACKS = {attack.name: attack for attack in all_attacks()}
TOGETHER = [name for name in ATTACKS if name not in ours.ALONE]


@cache
def lacking():
    return ours.lacking()


@pytest.fixture(scope="module")
def walls():
    if lacking():
        pytest.skip(lacking())


@pytest.fixture(scope="module")
def honest(walls):
    """Marks and states of the honest students in a class without any attack."""
    with Scene() as scene:
        run, marks = ours.grade(scene, [])
        assert run.code == 0, run.text
        return marks, {name: entry["status"] for name, entry in ours.entries(scene).items()}


@pytest.fixture(scope="module")
def graded(walls):
    """The class with all attacks: scene, how the grader ended, marks, journal entries."""
    with Scene() as scene:
        run, marks = ours.grade(scene, [ATTACKS[name] for name in TOGETHER], limit_s=1800)
        yield scene, run, marks, ours.entries(scene)


def check(scene, run, marks, attack):
    entry = ours.entries(scene).get(attack.name)
    assert entry is not None, f"{attack.name} was not graded: {run.text[-1500:]}"
    found = scene.harm(attack, run, marks, seconds=entry["seconds"])
    told = f"\n  {attack.tries}\n  {entry['points']} {entry['status']}: {entry['reasons']}"
    assert not found, "".join(f"\n  {kind}: {what}" for kind, what in found) + told
    if attack.look:
        assert entry["status"] != "graded", f"nobody is asked to look at it{told}"


@pytest.mark.parametrize("name", TOGETHER)
def test_attack(graded, name):
    scene, run, marks, _ = graded
    check(scene, run, marks, ATTACKS[name])


def test_nobody_else_and_nothing_else_is_harmed(graded, honest):
    scene, run, marks, _ = graded
    expected, _ = honest
    assert expected == {student: pytest.approx(points) for student, points in arena.EARNED.items()}
    found = scene.harm_to_all(run, marks, expected)
    assert not found, "".join(f"\n  {kind}: {what}" for kind, what in found)
    assert not scene.doors.heard, "somebody called at a door that only an attack would know"


def test_honest_students_are_graded_as_without_attacks(graded, honest):
    _, _, _, entries = graded
    assert {name: entries[name]["status"] for name in honest[1]} == honest[1]
    assert entries["aaron"]["status"] == entries["zoe"]["status"] == "graded"


@pytest.mark.parametrize("name", ours.ALONE)
def test_attack_that_could_stop_the_batch(walls, name):
    with Scene() as scene:
        blocked = name == "pipe_for_notebook"
        run, marks = ours.grade(scene, [ATTACKS[name]], limit_s=60 if blocked else 240)
        assert run.code is not None, f"the grader hung: {run.text[-500:]}"
        check(scene, run, marks, ATTACKS[name])
        found = scene.harm_to_all(run, marks, arena.EARNED)
        assert not found, "".join(f"\n  {kind}: {what}" for kind, what in found)


def test_an_archive_stays_in_its_folder(walls):
    """Number 18: members that lead out of the folder, links, a bomb; the honest one in the archive is taken."""
    harm, taken = ours.take_in_archive()
    assert not harm, "".join(f"\n  {kind}: {what}" for kind, what in harm)
    assert taken > {"zoe"} and not taken & {"link", "bomb", "under"}, taken


def test_resubmissions_do_not_climb():
    """Number 30: random guesses, weighted by the score each was told (Blum and Hardt 2015), ten times over.

    Ten are no danger. Some hundreds would be, and no grader can help that: what counts is when scores are told.
    """
    labels = arena.cohort()[1]
    unseen = exam.ExamCohort(np.zeros((len(labels), 1, 2)), exam.HiddenLabels(labels), 300.0, "simulated", True)
    rng, weighted = np.random.default_rng(30), np.zeros(len(labels))
    for _ in range(10):
        guess = rng.random(len(labels))
        weighted += (round(exam.score("roc_auc", unseen, guess).value, 3) - 0.5) * guess
    spread = (weighted - weighted.min()) / np.ptp(weighted)
    assert exam.credit(exam.score("roc_auc", unseen, spread), floor=0.75, full=0.9, points=6) == 0


# --- the catalogue ---


def test_every_attack_of_the_catalogue_is_here():
    assert {attack.number for attack in ATTACKS.values() if attack.number} | set(ELSEWHERE) == set(range(1, 34))
    assert all(name in globals() for name in ELSEWHERE.values())
    assert sum(attack.number is None for attack in ATTACKS.values()) >= 15
    assert all(attack.tries.endswith(".") for attack in ATTACKS.values())


def test_attacks_do_not_hold_the_texts_they_look_for():
    secrets = (
        arena.HIDDEN_TEST,
        arena.SOLUTION,
        arena.NEIGHBOUR,
        arena.HIDDEN_INPUT,
        str(arena.CALIBRATION),
        f"{GOT_IN}:",
    )
    for attack in ATTACKS.values():
        text = json.dumps([list(attack.cells.values()), attack.added])
        assert not [secret for secret in secrets if secret in text], attack.name


def test_some_attacks_fool_plain_nbgrader():
    """That the cases are real: without an examiner and walls they work. `make bench` shows all of them."""
    with Scene() as scene:
        chosen = ("reads_labels", "equals_everything", "skips_execution", "writes_modules", "points_nan")
        for name in chosen:
            scene.hand_in(ATTACKS[name])
        run, marks = plain.autograde(scene)
        assert run.code is not None
        found = {name: {kind for kind, _ in scene.harm(ATTACKS[name], run, marks)} for name in chosen}
        assert {"points", "leak", "reach"} <= found["reads_labels"]
        assert all("points" in found[name] for name in ("equals_everything", "skips_execution", "points_nan"))
        assert any("class/arena.py" in what for what in scene.changed())


# --- the observer: each kind of harm is seen, and its absence too ---

QUIET = Attack("quiet", None, "Does nothing.", {"rms": "def rms(x):\n    return 0.0"})
SECRETS = [
    "hidden test",
    "hidden input",
    "hidden recording",
    "solution",
    "neighbour",
    "class key",
    "environment",
    "home",
]


@pytest.fixture
def scene():
    with Scene() as made:
        made.hand_in(QUIET)
        made.before = made._files()
        yield made


def graded_notebook(scene, text):
    path = scene.course.notebook("autograded", arena.NAME, QUIET.name)
    path.parent.mkdir(parents=True)
    content = json.loads(scene.course.notebook("submitted", arena.NAME, QUIET.name).read_text())
    content["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    content["cells"][2]["source"] = f"# {arena.HIDDEN_TEST}, as the grader puts it back"
    path.write_text(json.dumps(content))


FINE = {task: 0.0 if task == "rms" else points for task, points in arena.POSSIBLE.items()}
RUN = Run(0, 5.0, "")


def kinds(scene, marks=FINE, **options):
    return {kind for kind, _ in scene.harm(QUIET, RUN, {QUIET.name: marks}, **options)}


def test_a_quiet_student_does_no_harm(scene):
    graded_notebook(scene, "12.5")
    assert kinds(scene, seconds=3.0) == set()
    assert scene.harm_to_all(RUN, arena.EARNED, arena.EARNED) == []


@pytest.mark.parametrize("secret", [*SECRETS, "hidden labels 0", "hidden labels 1"])
@pytest.mark.parametrize("form", [str, lambda s: s[::-1], lambda s: s.encode().hex()])
def test_leaks_are_seen(scene, secret, form):
    graded_notebook(scene, f"x{form(scene.canaries[secret])}y")
    assert kinds(scene) == {"leak"}
    assert kinds(scene, by_design=[secret]) == set()


def test_leaks_are_seen_in_pages_journal_and_terminal(scene):
    secret = scene.canaries["class key"]
    with open(scene.course.journal, "a") as file:
        file.write(json.dumps({"event": "grade", "student": "quiet", "reasons": [secret]}) + "\n")
    assert kinds(scene) == {"leak"}
    assert scene.harm_to_all(Run(0, 1.0, f"... {secret}"), arena.EARNED, arena.EARNED)


def test_points_and_victims_are_seen(scene):
    assert kinds(scene, FINE | {"rms": 0.5}) == {"points"}
    assert kinds(scene, FINE | {"negate": None}) == {"victim"}
    assert kinds(scene, seconds=100.0) == {"limits"}
    graded_notebook(scene, "x" * 101_000_000)
    assert kinds(scene) == {"limits"}


def test_success_told_and_script_in_pages_are_seen(scene):
    graded_notebook(scene, f"{GOT_IN}: read it\n")
    page = scene.course.feedback(QUIET.name, arena.NAME)
    page.parent.mkdir(parents=True)
    page.write_text("<p>&lt;script&gt;'attack-page'&lt;/script&gt;</p>")
    assert kinds(scene) == {"reach"}
    page.write_text("<script>'attack-page'</script>\x1b[2J")
    assert kinds(scene) == {"reach", "page"}


def test_calls_are_seen(scene):
    source = "import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
    source += "s.sendall(sys.argv[2].encode()); print(s.recv(100).decode())"
    done = subprocess.run(
        [sys.executable, "-c", source, scene.places["PORT"], "quiet"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == scene.canaries["loopback"]
    deadline = time.monotonic() + 5
    while not scene.doors.reached_by("quiet") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert kinds(scene) == {"network"}


def test_others_files_and_processes_are_seen(scene):
    def seen(run=RUN, marks=arena.EARNED):
        return {kind for kind, _ in scene.harm_to_all(run, marks, arena.EARNED)}

    assert seen(marks={**arena.EARNED, "zoe": dict.fromkeys(arena.POSSIBLE, 0.0)}) == {"others"}
    assert seen(marks={"zoe": arena.EARNED["zoe"]}) == {"batch"}
    assert seen(Run(None, 60.0, "")) == {"batch"}
    assert seen(Run(0, 1.0, "", ["sleep 987"])) == {"machine"}
    (scene.tmp / "left").mkdir()
    assert seen() == {"machine"}
    (scene.tmp / "left").rmdir()
    (scene.course.root / "source" / arena.NAME / "new").write_text("x")
    assert seen() == {"files"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and a child subreaper")
def test_the_launcher_finds_daemons_and_ends_what_hangs(scene):
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
    daemon += "    if os.fork() == 0:\n        time.sleep(60)\n    os._exit(0)\nos.wait()"
    run = scene.run([sys.executable, "-c", daemon], limit_s=20, settle_s=0.5)
    assert run.code == 0 and len(run.left) == 1 and "time.sleep(60)" in run.left[0]
    again = scene.run([sys.executable, "-c", "import time; time.sleep(60)"], limit_s=1)
    assert again.code is None and again.left == [] and again.seconds < 10
    assert scene.run([sys.executable, "-c", "print('well')"], limit_s=20).text == "well\n"
    assert not [p for p in os.listdir("/proc") if p.isdigit() and _says(p, daemon)]


def _says(pid, text):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return text in file.read()
    except OSError:
        return False


def test_the_archive_is_evil(scene, tmp_path):
    arena.hand_in_honest(scene.course, ["zoe"])
    cases_files.evil_archive(tmp_path / "a.zip", scene)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        assert any(name.startswith("../") for name in names) and any(name.startswith("/") for name in names)
        assert sum(info.file_size for info in archive.infolist()) > 300_000_000
    assert (tmp_path / "a.zip").stat().st_size < 2_000_000
