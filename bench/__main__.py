"""`python -m bench`: every benchmark of the course in turn."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import af


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Splits and trainings of the reference.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the published network (it was trained for 130).")] = 6,
    simulated: Annotated[bool, typer.Option(help="Use simulated recordings even where real ones are at hand.")] = False,
) -> None:
    """Time, memory, ROC AUC and accuracy of the AF reference, the RR baseline and the published network."""
    af.run(seeds=seeds, published_epochs=epochs, simulated=simulated)


if __name__ == "__main__":
    typer.run(main)
