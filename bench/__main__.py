"""`python -m bench`: every benchmark of the course in turn."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import af, attacks, mitdb, sleep, streaming, widgets, workload


def main(
    seeds: Annotated[int, typer.Option(min=1, help="Splits and trainings of the reference.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of the published network (it was trained for 130).")] = 6,
    simulated: Annotated[bool, typer.Option(help="Use simulated recordings even where real ones are at hand.")] = False,
    networks: Annotated[bool, typer.Option(help="Measure the networks.")] = True,
    ablation: Annotated[bool, typer.Option(help="Measure the sleep network with one thing changed at a time.")] = False,
    stream: Annotated[bool, typer.Option(help="Measure the latency of the stream.")] = True,
    hostile: Annotated[bool, typer.Option(help="Run the attacks against plain nbgrader and against ours.")] = True,
    controls: Annotated[bool, typer.Option(help="Measure how fast the figures with controls respond.")] = True,
    only: Annotated[list[str] | None, typer.Option(help="Only this attack (may be given several times).")] = None,
) -> None:
    """References of AF, arrhythmia, sleep and workload beside other methods, figures, streaming, attacks on grading."""
    if networks:
        af.run(seeds=seeds, published_epochs=epochs, simulated=simulated)
        mitdb.run(seeds=min(seeds, 3), simulated=simulated)
        sleep.run(seeds=min(seeds, 3), simulated=simulated, ablation=ablation)
        workload.run(seeds=min(seeds, 3), simulated=simulated)
    if controls:
        widgets.run()
    if stream:
        streaming.run()
    if hostile:
        attacks.run(only=only or ())


if __name__ == "__main__":
    typer.run(main)
