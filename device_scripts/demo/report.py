"""Writes the demo's report: one HTML file with its pictures inside. Adds nothing up."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib
from jinja2 import Environment, select_autoescape
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from device_scripts.demo.figures import Figures, ShadedStep, rows

SHOWN_STEPS = 8
MOVING_WINDOW = 20
SCREEN_SCALE = 2
MARK_RADIUS_PX = 9


def write_report(figures: Figures, path: Path) -> None:
    """Write the self-contained page."""
    environment = Environment(autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True)
    source = resources.files("device_scripts.demo").joinpath("report.html.jinja").read_text("utf-8")
    page = environment.from_string(source).render(
        figures=figures,
        rows=rows(figures),
        curve=_data_url(_learning_curve(figures), "svg+xml"),
        steps=[_step(step) for step in _varied(figures.shaded)],
    )
    path.write_text(page, "utf-8")


def _learning_curve(figures: Figures) -> bytes:
    """Plot success while exploring (moving mean) and the two greedy evaluations, as SVG."""
    matplotlib.rcParams["svg.hashsalt"] = "coso"
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots()
    outcomes = [success for _, success in figures.explored]
    counts = range(1, len(outcomes) + 1)
    windows = [outcomes[max(0, n - MOVING_WINDOW) : n] for n in counts]
    label = f"exploring, mean of the last {MOVING_WINDOW}"
    axes.plot(counts, [sum(window) / len(window) for window in windows], color="#1a68d8", label=label)
    ends = ((0, figures.success_first, "left"), (len(outcomes), figures.success_last, "right"))
    for x, rate, side in ends:
        if rate is not None:
            axes.plot([x], [rate], "o", color="#c04a00", label="held goals, greedy" if x == 0 else None)
            beside = (7 if side == "left" else -7, 5)
            axes.annotate(f"{100 * rate:.0f} %", (x, rate), textcoords="offset points", xytext=beside, ha=side)
    for count, (last, (version, _)) in enumerate(
        zip([0, *(v for v, _ in figures.explored)], figures.explored, strict=False)
    ):
        if version != last:
            axes.axvline(count, color="#999", linewidth=0.4, zorder=0)
    axes.set(xlabel="exploring episode (thin lines: a new adapter)", ylabel="success", ylim=(-0.03, 1.05))
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _varied(steps: Sequence[ShadedStep]) -> list[ShadedStep]:
    """Return the newest steps, at most one for each goal."""
    seen: dict[str, ShadedStep] = {}
    for step in steps:
        if step.screen_path.exists():
            seen.setdefault(step.goal, step)
    return list(seen.values())[:SHOWN_STEPS]


def _step(step: ShadedStep) -> dict[str, Any]:
    return {
        "goal": step.goal,
        "verdict": step.verdict,
        "version": step.version,
        "picture": _data_url(_marked_screen(step), "png"),
        "action": ", ".join(f"{key} {value}" for key, value in step.action.items()),
        "tokens": list(_shades(step)),
    }


def _shades(step: ShadedStep) -> Iterator[dict[str, Any]]:
    """Yield each token with its weight and how dark it is: the weight as a share of the utterance's largest."""
    largest = max(step.weights, default=0.0)
    for token, weight in zip(step.tokens, step.weights, strict=True):
        yield {"text": token, "weight": f"{weight:.3f}", "share": round(weight / largest, 3) if largest else 0.0}


def _marked_screen(step: ShadedStep) -> bytes:
    """Draw the tap or swipe on the screenshot and return it as PNG."""
    with Image.open(step.screen_path) as opened:
        size = (opened.width * SCREEN_SCALE, opened.height * SCREEN_SCALE)
        picture = opened.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    points = [
        (step.action[f"x{n}_norm"] * picture.width, step.action[f"y{n}_norm"] * picture.height)
        for n in ("", "0", "1")
        if f"x{n}_norm" in step.action
    ]
    for x, y in points:
        box = (x - MARK_RADIUS_PX, y - MARK_RADIUS_PX, x + MARK_RADIUS_PX, y + MARK_RADIUS_PX)
        draw.ellipse(box, outline=(230, 30, 60), width=3)
    if len(points) > 1:
        draw.line(points, fill=(230, 30, 60), width=3)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _data_url(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
