"""A figure with controls that answers at once, and is a plain picture where nobody can move a control.

Where somebody can, a figure comes as an image with sliders above it; elsewhere (papermill, nbconvert, a page without
a kernel) the same drawing comes as a still picture of chosen settings, one above the other. To answer at once,
everything that stays (axes, grid, the recording) is painted once and kept as pixels; a change repaints only the curves
that move, and goes to the browser as one small PNG.
"""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SWITCH = "PHYSIODL_WIDGETS"  # "0": always the still picture; "1": always the controls
DPI = 100


@dataclass(frozen=True)
class Control:
    """One thing to choose: its label, the values it can take, and what is written beside each."""

    label: str
    values: tuple[Any, ...]
    start: Any
    texts: tuple[str, ...]


def control(label: str, values: Sequence[Any], start: Any, form: Callable[[Any], str] = str) -> Control:
    """A control; ``form`` turns a value into what is written beside the slider."""
    if start not in values:
        raise ValueError(f"got start={start!r} for {label!r}, expected one of {list(values)}")
    return Control(label, tuple(values), start, tuple(form(value) for value in values))


class Panel:
    """A figure and its controls. Show it by naming it in the last line of a cell.

    Attributes:
        controls: name to ``Control``.
        values: what the controls stand at.
        says: the sentence under the figure, which gives the numbers of the present setting.
        moving: name to the artist that changes with the controls.
    """

    def __init__(
        self,
        figure: Figure,
        moving: Mapping[str, Artist],
        controls: Mapping[str, Control],
        update: Callable[..., str],
        still: Sequence[Mapping[str, Any]],
    ) -> None:
        """Paint what stays; ``update(**values)`` moves the artists and returns the sentence.

        ``still`` lists the settings that are shown where no control can be moved.
        """
        self.figure, self.moving, self.controls = figure, dict(moving), dict(controls)
        self.values = {name: each.start for name, each in controls.items()}
        self._update, self._still = update, [dict(setting) for setting in still]
        self._canvas = FigureCanvasAgg(figure)
        for artist in self.moving.values():
            artist.set_animated(True)  # left out when the figure is drawn as a whole
        self.says = update(**self.values)
        self._canvas.draw()
        figure.set_layout_engine("none")  # axes must stay where the kept pixels have them
        self._canvas.draw()
        self._stays = self._canvas.copy_from_bbox(figure.bbox)

    def draw(self, **values: Any) -> np.ndarray:
        """Set some controls and give the picture: (height, width, 3) uint8.

        Raises:
            ValueError: for a control or a value that the figure does not have.
        """
        for name, value in values.items():
            if name not in self.controls or value not in self.controls[name].values:
                known = {key: each.values for key, each in self.controls.items()}
                raise ValueError(f"got {name}={value!r}, expected one of {known}")
        self.values |= values
        self.says = self._update(**self.values)
        self._canvas.restore_region(self._stays)
        touched = []
        for artist in self.moving.values():
            artist.axes.draw_artist(artist)
            if artist.axes not in touched:
                touched.append(artist.axes)
        for ax in touched:  # an image would otherwise cover half of its frame
            for spine in ax.spines.values():
                ax.draw_artist(spine)
        return np.asarray(self._canvas.buffer_rgba())[..., :3]

    def png(self, **values: Any) -> bytes:
        """Set some controls and give the picture as a PNG, lightly compressed: speed counts here."""
        return _as_png(self.draw(**values))

    def still(self) -> bytes:
        """The picture where no control can be moved: a PNG of the chosen settings, one above the other."""
        before = dict(self.values)
        strips = []
        for setting in self._still:
            picture = self.draw(**{**before, **setting})
            strips += [picture.copy(), _caption(re.sub("<.*?>", "", self.says), picture.shape[1])]
        self.draw(**before)
        return _as_png(np.concatenate(strips, axis=0))

    def widget(self) -> Any:
        """The figure with its controls as one ipywidgets box; every change repaints the image.

        Returns:
            A ``VBox`` of the controls, the image and the sentence.
        """
        import ipywidgets

        picture = ipywidgets.Image(value=self.png(), format="png", layout={"max_width": "100%"})
        sentence = ipywidgets.HTML(self.says)
        sliders = []
        for name, each in self.controls.items():
            slider = ipywidgets.SelectionSlider(
                options=list(zip(each.texts, each.values, strict=True)),
                value=self.values[name],
                description=each.label,
                style={"description_width": "11em"},
                layout={"width": "32em"},
            )

            def moved(change: Any, name: str = name) -> None:
                picture.value = self.png(**{name: change["new"]})
                sentence.value = self.says

            slider.observe(moved, names="value")
            sliders.append(slider)
        return ipywidgets.VBox([*sliders, picture, sentence])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What a notebook shows: controls and, for readers without a kernel, the still picture in the same output."""
        text = f"Two settings of a figure with controls ({', '.join(each.label for each in self.controls.values())})"
        bundle = {"text/plain": text, "image/png": base64.b64encode(self.still()).decode("ascii")}
        if can_interact():
            box = self.widget()
            bundle[WIDGET_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
        return bundle


def can_interact() -> bool:
    """Whether somebody sits at a notebook whose controls would answer.

    papermill and nbconvert tell the kernel that nobody can be asked anything (``allow_stdin`` is false); JupyterLab,
    Notebook and VS Code tell it the opposite. The environment variable PHYSIODL_WIDGETS ("0" or "1") overrules this.
    """
    wish = os.environ.get(SWITCH, "").strip().lower()
    if wish:
        return wish not in ("0", "no", "off", "false")
    try:
        import ipywidgets  # noqa: F401
        from IPython import get_ipython
    except ImportError:
        return False
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    return bool(kernel.get_parent().get("content", {}).get("allow_stdin"))


def _caption(text: str, width: int) -> np.ndarray:
    """A strip of pixels with one line of text: (height, width, 3) uint8."""
    figure = Figure(figsize=(width / DPI, 0.4), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    figure.text(0.5, 0.6, text, ha="center", va="center", fontsize=9)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _as_png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, format="PNG", compress_level=1)
    return out.getvalue()
