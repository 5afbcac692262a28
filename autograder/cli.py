"""The command `autograder`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from autograder.terminal import COLOURS, console, errors, failure, grade_with_progress

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Build, grade and report assignments of the course, on top of nbgrader.",
)

ClassDir = Annotated[Path, typer.Argument(metavar="CLASS_DIR", help="The folder of the class.")]
Jobs = Annotated[int, typer.Option(min=1, max=256, help="Submissions that run at the same time.")]
NoSandboxFlag = Annotated[bool, typer.Option("--no-sandbox", help="Run submissions unconfined; every grade is marked.")]


@app.command()
def build(
    check: Annotated[bool, typer.Option("--check", help="Only say which notebooks are stale.")] = False,
) -> None:
    """Build all notebooks from their text sources."""
    from autograder.build import build_all
    from autograder.klass import PROJECT

    try:
        paths = build_all(PROJECT, check=check)
    except ValueError as error:  # SourceError and the lint's faults
        raise failure(error) from None
    for path in paths:
        console.print(f"{'stale' if check else 'built'}: {path}", highlight=False)
    if not paths:
        console.print("all notebooks are up to date")
    if check and paths:
        raise typer.Exit(1)


@app.command()
def init(
    class_dir: ClassDir,
    update: Annotated[bool, typer.Option("--update", help="Take over assignments whose text has changed.")] = False,
    real: Annotated[
        bool, typer.Option("--real", help="Examine on fetched recordings: a share is set aside and changed by key.")
    ] = False,
) -> None:
    """Make a class: key, gradebook, hidden recordings, every assignment of the course."""
    from autograder.klass import ClassError
    from autograder.newclass import built_assignments, init_class

    try:
        done = init_class(class_dir, built_assignments(), update=update, real=real)
    except (ClassError, ValueError, FileNotFoundError) as error:
        raise failure(error) from None
    for line in done:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if not done:
        console.print(f"{class_dir} is complete; nothing to do", highlight=False)


@app.command()
def grade(
    class_dir: ClassDir,
    assignment: Annotated[str | None, typer.Argument(help="One assignment; all if left out.")] = None,
    jobs: Jobs = 1,
    force: Annotated[bool, typer.Option("--force", help="Grade again what has not changed.")] = False,
    cell_timeout: Annotated[float | None, typer.Option(min=1, help="Seconds one cell may take.")] = None,
    total_timeout: Annotated[float | None, typer.Option(min=1, help="Seconds one submission may take.")] = None,
    no_sandbox: NoSandboxFlag = False,
) -> None:
    """Grade what is new, and print the table. Goes on where it was interrupted."""
    from autograder.klass import ClassError, open_class

    try:
        klass = open_class(class_dir)
        grade_with_progress(
            klass,
            assignment,
            jobs=jobs,
            force=force,
            cell_timeout_s=cell_timeout,
            total_timeout_s=total_timeout,
            sandboxed=not no_sandbox,
        )
    except ClassError as error:
        raise failure(error) from None


@app.command()
def report(class_dir: ClassDir) -> None:
    """Write the class page and one feedback page per submission."""
    from autograder.klass import ClassError, open_class
    from autograder.report import write_report

    try:
        path = write_report(open_class(class_dir))
    except ClassError as error:
        raise failure(error) from None
    console.print(f"report: {path}", highlight=False, soft_wrap=True)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the example class is kept.")] = Path("demo_class"),
    jobs: Jobs = 2,
    bank: Annotated[Path | None, typer.Option(help="Folder of bank cases.")] = None,
) -> None:
    """An example class: the submissions of the test bank, graded and reported."""
    from autograder.bank import BankError, check_case
    from autograder.demo import hand_in_bank
    from autograder.klass import ClassError, open_class
    from autograder.newclass import built_assignments, init_class
    from autograder.report import write_report
    from autograder.results import results
    from autograder.sandbox import means
    from autograder.yardsticks import measure

    try:
        assignments = built_assignments(parameters={"BUDGET": "ci"})
        init_class(folder, assignments, update=True)
        klass = open_class(folder)
        cases = hand_in_bank(klass, assignments, bank)
        walls = bool(means().way)
        if not walls:  # the bank is the course's own work
            console.print("no sandbox on this machine (autograder doctor): every grade is marked", style="yellow")
        grade_with_progress(klass, None, jobs=jobs, cell_timeout_s=120, sandboxed=walls)  # one of the cases never ends
        with console.status("examining reference and baseline"):
            for name in assignments:
                measure(klass, name, sandboxed=walls)
        path = write_report(klass)
    except (ClassError, BankError, ValueError) as error:
        raise failure(error) from None
    found = {(r.student, r.assignment): r for r in results(klass)}
    wrong = {f"{c.assignment}/{c.name}": check_case(found[c.name, c.assignment], c) for c in cases}
    wrong = {name: lines for name, lines in wrong.items() if lines}
    console.print(f"{len(cases) - len(wrong)} of {len(cases)} cases came out as expected")
    for name, lines in wrong.items():
        console.print(Text(f"  {name}: {'; '.join(lines)}"), style="red")
    console.print(f"report: {path.resolve()}", highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


@app.command()
def calibrate(
    assignment: Annotated[str, typer.Argument(help="For example 03_af_detection.")],
    seeds: Annotated[int, typer.Option(min=1, help="How often the reference is trained.")] = 30,
) -> None:
    """Train the reference with many seeds and print how far it stays from the thresholds for full points."""
    from autograder.calibrate import run

    run(assignment, seeds=seeds)


@app.command()
def export(
    class_dir: ClassDir,
    assignment: Annotated[str | None, typer.Argument(help="One assignment; all if left out.")] = None,
    to: Annotated[str, typer.Option("--to", help="canvas, moodle, gradescope or csv.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="Folder or CSV file; CLASS_DIR/exports if left out.")] = None,
    template: Annotated[
        Path | None, typer.Option(help="Canvas gradebook or Moodle grading worksheet to fill (CSV).")
    ] = None,
    roster: Annotated[Path | None, typer.Option(help="CSV with student, name, email, lms_id.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Also totals that are not final.")] = False,
) -> None:
    """Write the grades for Canvas, Moodle, Gradescope, or as plain CSV."""
    from autograder.export import export as write
    from autograder.klass import ClassError, open_class

    def tell(note: str) -> None:
        errors.print(Text(note), style="yellow", soft_wrap=True)

    options = {"assignment": assignment, "out": out, "template": template, "roster": roster, "partial": partial}
    try:
        paths = write(open_class(class_dir), to, tell=tell, **options)
    except ClassError as error:
        raise failure(error) from None
    if to == "gradescope":
        console.print(f"exported: {len(paths)} results.json", highlight=False)
    for path in paths if to != "gradescope" else sorted({p.parents[1] for p in paths}):
        console.print(f"exported: {path}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def reference(
    class_dir: ClassDir,
    assignment: Annotated[str | None, typer.Argument(help="One assignment; all if left out.")] = None,
    no_sandbox: NoSandboxFlag = False,
) -> None:
    """Examine the course's own reference and baseline on the class's hidden recordings, for the class report."""
    from autograder.klass import ClassError, open_class, registered
    from autograder.yardsticks import measure

    try:
        klass = open_class(class_dir)
        for name in [assignment] if assignment else registered(klass):
            with console.status(f"{name}: training the reference"):
                told = measure(klass, name, sandboxed=not no_sandbox)
            for who, what in (told or {"reference": "measured before, nothing has changed"}).items():
                console.print(f"{name}, {who}: {what}", highlight=False)
    except ClassError as error:
        raise failure(error) from None


@app.command()
def doctor() -> None:
    """Say what this machine can give for grading, and what is missing."""
    from autograder.doctor import examine_machine

    findings = examine_machine()
    for finding in findings:
        text = Text(f"{finding.what:10} ")
        text.append(f"{finding.state:8}", style=COLOURS[finding.state])
        text.append(finding.told)
        console.print(text, soft_wrap=True)
        if finding.todo:
            console.print(Text(f"{'':19}do: {finding.todo}"), soft_wrap=True)
    if any(finding.state == "missing" for finding in findings):
        console.print("Submissions cannot be graded safely here.", style="red")
        raise typer.Exit(1)


@app.command(name="import")
def import_(
    class_dir: ClassDir,
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Downloads of an LMS, folders, notebooks.")],
    assignment: Annotated[str | None, typer.Option(help="What they are for; their cells tell if left out.")] = None,
    roster: Annotated[Path | None, typer.Option(help="CSV with student, name, email, lms_id.")] = None,
) -> None:
    """Bring submissions in: Canvas and Moodle downloads (zip), other zips, tar.gz, folders, notebooks.

    Who handed in what is read from their names. A newer notebook replaces an older one, which stays beside it. Ends
    with 1 where anything was refused.
    """
    from autograder.intake import STATUSES, bring_in
    from autograder.klass import ClassError, open_class

    try:
        with console.status("reading") as status:
            arrivals = bring_in(
                open_class(class_dir),
                files,
                assignment=assignment,
                roster=roster,
                progress=lambda name: status.update(Text(f"reading {name}")),
            )
    except ClassError as error:
        raise failure(error) from None
    colours = dict(zip(STATUSES, ("green", "yellow", "dim", "red"), strict=True))
    for a in arrivals:
        whose = ", ".join(filter(None, (a.student, a.assignment)))
        line = Text(f"{a.status:9} ", style=colours[a.status])
        line.append(f"{a.name}{f': {whose}' if whose and a.status != 'refused' else ''}", style="")
        line.append(f" ({a.why})" if a.why and a.status != "refused" else f": {a.why}" if a.why else "", style="dim")
        console.print(line, highlight=False, soft_wrap=True)
    counts = {status: sum(a.status == status for a in arrivals) for status in STATUSES}
    summary = ", ".join(f"{n} {status}" for status, n in counts.items() if n) or "no notebooks found"
    if arrivals and counts["unchanged"] == len(arrivals):
        summary += ": nothing has changed"
    console.print(summary, highlight=False)
    if counts["refused"]:
        raise typer.Exit(1)


@app.command()
def regrade(
    class_dir: ClassDir,
    assignment: Annotated[str | None, typer.Argument(help="One assignment; all if left out.")] = None,
    student: Annotated[str | None, typer.Option(help="One student; all if left out.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Record the new points.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run again what the last call has run.")] = False,
    jobs: Jobs = 1,
    no_sandbox: NoSandboxFlag = False,
) -> None:
    """Grade again what has been graded, and show the difference before anything is written."""
    from autograder.differences import print_differences
    from autograder.klass import ClassError, open_class
    from autograder.regrade import regrade as run
    from autograder.sandbox import NoSandbox

    options = [*([assignment] if assignment else []), *(["--student", student] if student else [])]
    options += ["--no-sandbox"] if no_sandbox else []
    count = {"found": 0, "regraded": 0}
    try:
        with console.status("reading the journal") as status:

            def progress(event: str, value: Any) -> None:
                if event == "started":
                    status.update(f"{count['regraded'] + 1} of {count['found']}: {value}")
                else:
                    count[event] = value if event == "found" else count.get(event, 0) + 1

            found = run(
                open_class(class_dir),
                assignment,
                student=student,
                write=write,
                fresh=fresh,
                jobs=jobs,
                sandboxed=not no_sandbox,
                progress=progress,
            )
    except (ClassError, NoSandbox) as error:
        raise failure(error) from None
    command = shlex.join(["autograder", "regrade", str(class_dir), *options, "--write"])
    print_differences(console, found, write=write, command=command)


@app.command()
def verify(
    class_dir: ClassDir,
    noted: Annotated[str, typer.Option(help="A last hash, noted down before: it must still be there.")] = "",
) -> None:
    """Check that nobody has changed the journal, and that it agrees with the gradebook."""
    from autograder.klass import ClassError, locked, open_class
    from autograder.verify import verify as check

    try:
        klass = open_class(class_dir)
        with locked(klass):
            verdict = check(klass, noted=noted)
    except ClassError as error:
        raise failure(error) from None
    for note in verdict.notes:
        console.print(Text(f"note: {note}"), style="dim", soft_wrap=True)
    for fault in verdict.faults:
        errors.print(Text(f"journal, {fault}"), style="red", soft_wrap=True)
    if verdict.faults:
        raise typer.Exit(1)
    before = f" and {verdict.unchained} from before there was a chain" if verdict.unchained else ""
    console.print(f"{klass.journal}: {verdict.entries} chained entries{before}, none changed", soft_wrap=True)
    console.print(f"last hash, to be noted down elsewhere: {verdict.last or 'none'}", soft_wrap=True)


if __name__ == "__main__":
    app()
