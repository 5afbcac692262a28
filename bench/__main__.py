"""`python -m bench`: every benchmark of the course in turn."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import af, attacks


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Splits and trainings of the reference.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the published network (it was trained for 130).")] = 6,
    simulated: Annotated[bool, typer.Option(help="Use simulated recordings even where real ones are at hand.")] = False,
    networks: Annotated[bool, typer.Option(help="Measure the networks.")] = True,
    hostile: Annotated[bool, typer.Option(help="Run the attacks against plain nbgrader and against ours.")] = True,
    only: Annotated[list[str] | None, typer.Option(help="Only this attack (may be given several times).")] = None,
) -> None:
    """The AF reference beside other methods, and attacks on the grader beside plain nbgrader."""
    if networks:
        af.run(seeds=seeds, published_epochs=epochs, simulated=simulated)
    if hostile:
        attacks.run(only=only or ())


if __name__ == "__main__":
    typer.run(main)
