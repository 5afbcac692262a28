"""Charts of the class page as small inline SVG: no script, no fonts, nothing to load, readable in grey.

Each function returns one `<svg>` element as text. Texts are escaped here; colours and line widths are in style.css.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import escape

FEW_CURVES = 40  # up to here each student's curve is drawn, above it where most of them lie
STEPS = np.linspace(0, 1, 101)  # false positive rates at which many curves are summed up


@dataclass(frozen=True)
class Frame:
    """A drawing area of `width` x `height` units and the ranges of its axes."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = 420
    height: int = 250
    left: int = 48
    right: int = 12
    top: int = 12
    bottom: int = 44

    def px(self, value: float) -> float:
        share = (value - self.x[0]) / (self.x[1] - self.x[0])
        return self.left + share * (self.width - self.left - self.right)

    def py(self, value: float) -> float:
        share = (value - self.y[0]) / (self.y[1] - self.y[0])
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)

    def path(self, x: Sequence[float], y: Sequence[float]) -> str:
        points = (f"{self.px(a):.1f},{self.py(b):.1f}" for a, b in zip(x, y, strict=True))
        return "M" + "L".join(points)


def histogram(totals: Sequence[float], most: float, *, bins: int = 10) -> str:
    """How many submissions have which total, in `bins` equal classes from 0 to `most` points."""
    counts = [0] * bins
    for total in totals:
        counts[min(bins - 1, max(0, int(bins * total / most))) if most else 0] += 1
    top = max([*counts, 1])
    frame = Frame((0, most or 1), (0, 1.12 * top))
    parts = []
    for k, count in enumerate(counts):
        low, high = most * k / bins, most * (k + 1) / bins
        x, y = frame.px(low) + 1.5, frame.py(count)
        width, tall = max(frame.px(high) - frame.px(low) - 3, 0), frame.py(0) - y
        label = f"{low:.3g} to {high:.3g} points: {count}"
        parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{tall:.1f}" class="bar">'
            f"<title>{label}</title></rect>"
        )
        if count:
            parts.append(f'<text x="{x + width / 2:.1f}" y="{y - 5:.1f}" class="count">{count}</text>')
    ticks = [most * k / 5 for k in range(6)] if most else [0]
    parts += _axes(frame, "total, points", "submissions", ticks, _whole_ticks(top))
    return _svg(frame, f"Histogram of the totals of {len(totals)} submissions", parts)


def stack(counts: Sequence[tuple[str, int]], *, total: int, width: int = 300, height: int = 20) -> str:
    """One horizontal bar: counts by class, in order from light to dark (classes `level-0`, `level-1`, ...)."""
    parts, x = [], 0.0
    for k, (label, count) in enumerate(counts):
        if not count:
            continue
        wide = (width - 2) * count / max(total, 1)
        parts.append(
            f'<rect x="{1 + x:.1f}" y="1" width="{wide:.1f}" height="{height - 2}" class="level-{k}">'
            f"<title>{escape(label)}: {count}</title></rect>"
        )
        if wide > 9 * len(str(count)):
            parts.append(f'<text x="{1 + x + wide / 2:.1f}" y="{height / 2 + 4.5:.1f}" class="on-{k}">{count}</text>')
        x += wide
    words = ", ".join(f"{label} {count}" for label, count in counts)
    title = f"<title>{escape(words)}</title>"
    return f'<svg class="chart stack" viewBox="0 0 {width} {height}" role="img">{title}{"".join(parts)}</svg>'


def stack_axis(label: str, *, width: int = 300) -> str:
    """The axis below a column of `stack` bars: 0 to 100 %."""
    parts = [f'<line x1="1" y1="1" x2="{width - 1}" y2="1" class="axis"/>']
    for share in (0, 25, 50, 75, 100):
        x = 1 + (width - 2) * share / 100
        anchor = {0: "start", 100: "end"}.get(share, "middle")
        parts.append(f'<line x1="{x:.1f}" y1="1" x2="{x:.1f}" y2="5" class="axis"/>')
        parts.append(f'<text x="{x:.1f}" y="17" style="text-anchor:{anchor}">{share}</text>')
    parts.append(f'<text x="{width / 2:.0f}" y="32">{escape(label)}</text>')
    return f'<svg class="chart stack" viewBox="0 0 {width} 36" aria-hidden="true">{"".join(parts)}</svg>'


def difficulty(points: Sequence[tuple[str, str, float, float]]) -> str:
    """Tasks by mean share of their points (0 to 1) and discrimination (-1 to 1); points are (number, name, x, y)."""
    low = min([0.0, *(y for *_, y in points)])
    frame = Frame((0, 100), (np.floor(5 * low) / 5, 1.0))
    parts = _axes(frame, "mean share of the points, %  (hard to easy)", "discrimination, r", range(0, 101, 20), None)
    line = frame.py(0.2)
    parts.append(f'<line x1="{frame.left}" y1="{line:.1f}" x2="{frame.width - 12}" y2="{line:.1f}" class="limit"/>')
    taken = [(frame.px(100 * x), frame.py(y)) for _, _, x, y in points]
    for (number, name, *_), (x, y) in zip(points, list(taken), strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="dot"><title>{escape(name)}</title></circle>')
        spots = [(x + dx, y + dy) for dx, dy in ((11, 0), (-11, 0), (0, -12), (0, 13), (11, -11), (-11, 11), (20, 0))]
        clear = [
            spot
            for spot in spots
            if all(abs(spot[0] - a) > 10 or abs(spot[1] - b) > 10 for a, b in taken)
            and frame.left < spot[0] < frame.width - 6
        ]
        at = (clear or spots)[0]
        taken.append(at)
        parts.append(f'<text x="{at[0]:.1f}" y="{at[1] + 4:.1f}" class="count">{escape(number)}</text>')
    return _svg(frame, "Tasks by mean share of points and discrimination", parts)


def roc(curves: Sequence[dict[str, Any]], marked: Sequence[tuple[str, str, dict[str, Any]]] = ()) -> str:
    """ROC curves ({"fpr", "tpr"}) of a class, with some `marked` on top: (CSS class, label, curve)."""
    frame = Frame((0, 1), (0, 1), height=400)
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    chance = frame.path((0, 1), (0, 1))
    parts = [f'<path d="{chance}" class="chance"><title>Chance</title></path>']
    legend = []
    if len(curves) > FEW_CURVES:
        grid = np.array([np.interp(STEPS, curve["fpr"], curve["tpr"]) for curve in curves])
        grid[:, 0] = 0
        low, middle, high = np.quantile(grid, (0.1, 0.5, 0.9), axis=0)
        edge = frame.path([*STEPS, *STEPS[::-1]], [*high, *low[::-1]])
        parts.append(f'<path d="{edge}Z" class="band"/><path d="{frame.path(STEPS, middle)}" class="median"/>')
        legend += [
            ("band", f"10th to 90th percentile of {len(curves)} submissions"),
            ("median", "median of the submissions"),
        ]
    else:
        parts += [f'<path d="{frame.path(*_thinned(curve))}" class="curve"/>' for curve in curves]
        legend += [("curve", f"{len(curves)} {'submission' if len(curves) == 1 else 'submissions'}")] * bool(curves)
    for kind, label, curve in marked:
        parts.append(f'<path d="{frame.path(*_thinned(curve))}" class="{kind}"><title>{escape(label)}</title></path>')
        legend.append((kind, label))
    x_label, y_label = "false positive rate (1 \u2212 specificity)", "true positive rate (sensitivity)"
    parts += _axes(frame, x_label, y_label, ticks, ticks)
    parts += _legend(frame, legend)
    return _svg(frame, f"ROC curves of {len(curves)} submissions", parts)


def ranked(
    scores: Sequence[tuple[float, float, float]], metric: str, lines: Sequence[tuple[str, str, float]] = ()
) -> str:
    """Scores (value, low, high) of a class from lowest to highest with their intervals; `lines` are (CSS class, label,
    value) across.
    """
    scores = sorted(scores)
    n = len(scores)
    seen = [bound for score in scores for bound in score] + [value for *_, value in lines]
    low, high = (min(seen), max(seen)) if seen else (0.0, 1.0)
    room = 0.06 * (high - low) or 0.05
    top = 1.0 if high <= 1.0 < high + room else high + room
    frame = Frame((0.5, max(n, 1) + 0.5), (low - room, top), height=400, left=54)
    whiskers = "".join(
        f"M{frame.px(k):.1f},{frame.py(a):.1f}V{frame.py(b):.1f}" for k, (_, a, b) in enumerate(scores, start=1)
    )
    size = 3.2 if n <= 80 else 1.4
    at = [(frame.px(k), frame.py(value)) for k, (value, *_) in enumerate(scores, start=1)]
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}"/>' for x, y in at]
    parts = [f'<path d="{whiskers}" class="whisker"/><g class="dot">{"".join(dots)}</g>'] if scores else []
    for kind, label, value in lines:
        across = frame.path(frame.x, (value, value))
        parts.append(f'<path d="{across}" class="{kind}"><title>{escape(label)}</title></path>')
    parts += _axes(frame, "submissions, from the lowest score to the highest", metric, _whole_ticks(n, first=1), None)
    parts += _legend(frame, [("whisker", "95 % interval"), *((kind, label) for kind, label, _ in lines)])
    return _svg(frame, f"{metric} of {n} submissions with intervals", parts)


# --- parts ---


def _axes(
    frame: Frame, x_label: str, y_label: str, x_ticks: Sequence[float], y_ticks: Sequence[float] | None
) -> list[str]:
    left, right, base = frame.left, frame.width - frame.right, frame.height - frame.bottom
    y_ticks = _round_ticks(*frame.y) if y_ticks is None else y_ticks
    step = min((b - a for a, b in zip(y_ticks, y_ticks[1:], strict=False)), default=1.0)
    digits = max(0, int(np.ceil(-np.log10(step) - 1e-9))) if step > 0 else 0
    parts = [f'<path d="M{left},{frame.top}V{base}H{right}" class="axis"/>']
    for tick in x_ticks:
        x = frame.px(tick)
        parts.append(f'<path d="M{x:.1f},{base}v4" class="axis"/><text x="{x:.1f}" y="{base + 17}">{tick:.3g}</text>')
    for tick in y_ticks:
        y = frame.py(tick)
        parts.append(f'<path d="M{left},{y:.1f}h-4" class="axis"/>')
        parts.append(f'<text x="{left - 7}" y="{y + 4:.1f}" class="end">{tick + 0.0:.{digits}f}</text>')
    middle = (frame.top + base) / 2
    parts.append(f'<text x="{(left + right) / 2:.0f}" y="{frame.height - 6}" class="name">{escape(x_label)}</text>')
    turn = f"translate(12 {middle:.0f}) rotate(-90)"
    parts.append(f'<text transform="{turn}" class="name">{escape(y_label)}</text>')
    return parts


def _legend(frame: Frame, items: Sequence[tuple[str, str]]) -> list[str]:
    """In the lower right corner, where ROC curves and sorted scores leave room."""
    wide = 6.1 * max((len(label) for _, label in items), default=0) + 42
    x, y = frame.width - frame.right - wide - 4, frame.height - frame.bottom - 17 * len(items) - 10
    parts = [f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{17 * len(items) + 6}" class="legend"/>']
    for k, (kind, label) in enumerate(items):
        row = y + 17 * k + 12
        if kind == "band":
            parts.append(f'<rect x="{x + 6:.1f}" y="{row - 5:.1f}" width="24" height="9" class="band"/>')
        else:
            parts.append(f'<path d="M{x + 6:.1f},{row:.1f}h24" class="{kind}"/>')
        parts.append(f'<text x="{x + 36:.1f}" y="{row + 4:.1f}" class="start">{escape(label)}</text>')
    return parts


def _svg(frame: Frame, title: str, parts: Sequence[str]) -> str:
    head = f'<svg class="chart" viewBox="0 0 {frame.width} {frame.height}" role="img"><title>{escape(title)}</title>'
    return f"{head}{''.join(parts)}</svg>"


def _thinned(curve: dict[str, Any], most: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """A curve with at most about `most` points: finer steps than a pixel cannot be seen."""
    every = max(1, len(curve["fpr"]) // most)
    keep = sorted({*range(0, len(curve["fpr"]), every), len(curve["fpr"]) - 1})
    return np.asarray(curve["fpr"])[keep], np.asarray(curve["tpr"])[keep]


def _round_ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers within a range."""
    raw = (high - low) / 5
    size = 10 ** np.floor(np.log10(raw))
    step = size * min((m for m in (1, 2, 5, 10) if m * size >= raw * 0.8), default=10)
    first = np.ceil(low / step - 1e-9)
    return [float(round(step * k, 10)) for k in np.arange(first, np.floor(high / step + 1e-9) + 1)]


def _whole_ticks(top: int, *, first: int = 0) -> list[float]:
    """Whole numbers for counts up to `top`."""
    ticks = [tick for tick in _round_ticks(0, max(top, 1)) if tick == int(tick)]
    return sorted({*(tick for tick in ticks if tick > 0), first, *([top] if len(ticks) < 3 else [])})
