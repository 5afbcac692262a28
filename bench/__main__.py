"""`python -m bench`: every benchmark of the course in turn; `python -m bench workload`: one (or several) by name."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import af, attacks, mitdb, sleep, streaming, widgets, workload

NETWORKS = ("af", "mitdb", "sleep", "workload")
PARTS = (*NETWORKS, "widgets", "streaming", "attacks")


def main(
    parts: Annotated[list[str] | None, typer.Argument(help=f"Only these of {', '.join(PARTS)}.")] = None,
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
    unknown = sorted(set(parts or ()) - set(PARTS))
    if unknown:
        raise typer.BadParameter(f"got {', '.join(unknown)}; expected some of {', '.join(PARTS)}")
    wanted = {*(NETWORKS if networks else ()), *(("widgets",) if controls else ()), *(("streaming",) if stream else ()),
              *(("attacks",) if hostile else ())}  # fmt: skip
    wanted &= set(parts or PARTS)
    if "af" in wanted:
        af.run(seeds=seeds, published_epochs=epochs, simulated=simulated)
    if "mitdb" in wanted:
        mitdb.run(seeds=min(seeds, 3), simulated=simulated)
    if "sleep" in wanted:
        sleep.run(seeds=min(seeds, 3), simulated=simulated, ablation=ablation)
    if "workload" in wanted:
        workload.run(seeds=min(seeds, 3), simulated=simulated)
    if "widgets" in wanted:
        widgets.run()
    if "streaming" in wanted:
        streaming.run()
    if "attacks" in wanted:
        attacks.run(only=only or ())


if __name__ == "__main__":
    typer.run(main)
