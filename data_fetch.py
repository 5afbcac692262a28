"""Get the data of the course: real recordings, those of a mirror, or simulated ones.

    python data_fetch.py --list                      what there is, and what is on this disk
    python data_fetch.py af                          from Zenodo, verified
    python data_fetch.py af --mirror FOLDER_OR_URL   from a copy, such as the one of your institute
    python data_fetch.py af --simulate               no network needed
    python data_fetch.py mitdb                       from PhysioNet, verified; --mirror and --simulate as above
    python data_fetch.py sleep                       nights of Sleep-EDF, in the same way (7 GB)
    python data_fetch.py workload                    EEG of mental arithmetic, in the same way (175 MB)

Running it again is cheap: what is there and undamaged is used, what is incomplete is gone on with.
"""

import logging
import sys
from pathlib import Path
from typing import Annotated

try:
    import typer
    from rich.console import Console
    from rich.table import Table

    from physiodl import download, registry
    from physiodl.afdata import DataError
    from physiodl.zenodo import FetchError
except ModuleNotFoundError as missing:
    sys.exit(
        f"{missing}. The course is not set up for this Python ({sys.executable}): run `make lab` once, "
        "then use .venv/bin/python data_fetch.py"
    )

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
HELP = __doc__.replace("ones.\n\n", "ones.\n\n\b\n")  # \b: leave these lines as they are
FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit codes; 130 is the shells' for Ctrl-C


@app.command(help=HELP, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
def main(
    name: Annotated[
        str | None, typer.Argument(help="Dataset, as --list names it.", show_default=False)
    ] = None,
    show: Annotated[
        bool, typer.Option("--list", help="Show the datasets and their state on this disk.")
    ] = False,
    mirror: Annotated[
        str | None,
        typer.Option(metavar="URL_OR_DIR", help="Take the files from this address, folder or zip."),
    ] = None,
    simulated: Annotated[bool, typer.Option("--simulate", help="Make simulated recordings instead.")] = False,
    n: Annotated[
        int | None,
        typer.Option(
            "--n",
            min=2,
            help="How many recordings (mitdb, sleep, workload: subjects) to simulate.",
            show_default="1000; subjects: 20",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="What the simulated recordings are drawn from.")] = 0,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of all data.", show_default="$PHYSIODL_DATA or data/"),
    ] = None,
    force: Annotated[bool, typer.Option(help="Fetch or simulate anew although good data are there.")] = False,
) -> None:
    _talk()
    if show:
        _show(to)
        return
    if name is None or (mirror and simulated):
        _stop(
            "name a dataset, such as: python data_fetch.py af"
            if name is None
            else "--mirror and --simulate exclude each other: one copies recordings, the other makes them",
            USAGE,
        )
    try:
        if simulated:
            folder = download.simulate(name, n=n, seed=seed, root=to, force=force)
        else:
            folder = download.fetch(name, root=to, mirror=mirror, force=force)
    except registry.UnknownDataset as error:
        _stop(str(error), USAGE)
    except (FetchError, DataError) as error:
        _stop("\n".join([str(error), *getattr(error, "__notes__", [])]), FAILED)
    except KeyboardInterrupt:
        _stop(
            "stopped; " + ("nothing was kept" if simulated else "the same command goes on from here"),
            INTERRUPTED,
        )
    print(folder)
    if to is not None and to.expanduser().absolute() != registry.data_root():
        logging.getLogger("physiodl").info(
            "The notebooks find the data there if PHYSIODL_DATA is set to %s", to.expanduser().absolute()
        )


def _show(root: Path | None) -> None:
    """The table of --list: what the record has said if it was read before, else what the registry knows."""
    console = Console()
    table = Table(title=f"Datasets in {root or registry.data_root()}", title_justify="left", show_lines=True)
    for column in ("name", "title, citation, licence", "files, size", "on this disk"):
        table.add_column(column, overflow="fold")
    for dataset in registry.DATASETS.values():
        real, *simulated = registry.states(dataset, root)
        about = [dataset.title, real.facts.get("citation") or dataset.citation]
        about.append(real.facts.get("licence") or f"licence {dataset.licence}")
        size = "size known once fetched" if real.size is None else registry.readable_bytes(real.size)
        here = [str(real) if real.source else f"recordings: {real}"]
        here += [f"{state.folder.name}: {state}" for state in simulated]
        files = [f"{dataset.project} at PhysioNet"] if dataset.project else dataset.files
        table.add_row(dataset.name, "\n".join(about), "\n".join([*files, size]), "\n".join(here))
    console.print(table)


def _talk() -> None:
    """Show what the package logs, on standard error: standard output is the folder alone, for scripts."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("physiodl")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)


def _stop(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    app()
