"""One estimate and its interval on a scale, as a small SVG made of numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from study.analyses.wording import number

WIDTH, HEIGHT = 560.0, 66.0
LEFT, RIGHT, LINE = 14.0, 14.0, 24.0


@dataclass(frozen=True)
class Strip:
    """What to draw: the interval and the point, marks to hold them against, and a shaded zone (the prediction)."""

    value: float
    low: float
    high: float
    marks: Sequence[float]
    zone: tuple[float | None, float | None]
    label: str

    def svg(self) -> str:
        """The drawing; coordinates in a box of 560 × 66."""
        ticks = nice_ticks([self.low, self.high, self.value, *self.marks])
        span = _Span(ticks[0], ticks[-1])
        parts = [
            f'<svg class="strip" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{_escaped(self.label)}">',
            self._zone(span),
            f'<line class="axis" x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="44" y2="44"/>',
            *(_tick(span.at(t), t) for t in ticks),
            *(
                f'<line class="mark" x1="{span.at(m):.1f}" x2="{span.at(m):.1f}" y1="4" y2="44"/>'
                for m in self.marks
            ),
            _bar(span.at(self.low), span.at(self.high)),
            *(_cap(span.at(end)) for end in (self.low, self.high)),
            f'<circle class="point" cx="{span.at(self.value):.1f}" cy="{LINE:g}" r="6.5"/>',
            "</svg>",
        ]
        return "".join(parts)

    def _zone(self, span: _Span) -> str:
        low, high = self.zone
        start = LEFT if low is None else span.at(low)
        end = WIDTH - RIGHT if high is None else span.at(high)
        return f'<rect class="zone" x="{start:.1f}" y="4" width="{max(end - start, 0):.1f}" height="40"/>'


@dataclass(frozen=True)
class _Span:
    low: float
    high: float

    def at(self, value: float) -> float:
        """Horizontal place of a value."""
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.low) / (self.high - self.low)


def _tick(x: float, value: float) -> str:
    anchor = "start" if x < LEFT + 1 else "end" if x > WIDTH - RIGHT - 1 else "middle"
    shown = number(value, 0) if value == round(value) else number(value)
    return (
        f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="44" y2="49"/>'
        f'<text x="{x:.1f}" y="62" text-anchor="{anchor}">{shown}</text>'
    )


def _bar(start: float, end: float) -> str:
    return f'<line class="interval" x1="{start:.1f}" x2="{end:.1f}" y1="{LINE:g}" y2="{LINE:g}"/>'


def _cap(x: float) -> str:
    return f'<line class="interval" x1="{x:.1f}" x2="{x:.1f}" y1="{LINE - 6:g}" y2="{LINE + 6:g}"/>'


def nice_ticks(values: Sequence[float], most: int = 6) -> list[float]:
    """At most `most` round numbers that span all values, evenly spaced."""
    low, high = min(values), max(values)
    spread = (high - low) or max(abs(high), 1.0)
    rough = spread / (most - 2)
    power = 10 ** floor(log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10, 20) if s * power >= rough)
    first, last = floor((low - 0.04 * spread) / step), ceil((high + 0.04 * spread) / step)
    return [round(n * step, 10) + 0.0 for n in range(first, last + 1)]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
