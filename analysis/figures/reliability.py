"""The reliability diagram: what was said against what happened."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.calibration import Calibration
from analysis.figures.canvas import INK, MUTED, Figure, drawing, heading, looks, percent, percent_axis


def reliability_diagram(
    calibrations: Calibration | Mapping[str, Calibration], *, title: str = "", event: str = "was right"
) -> Figure:
    """Share of events by stated probability with intervals; below it, how often each was stated.

    calibrations: the result of `calibration`, or several by name. event: what the probabilities are of.
    """
    named = {"": calibrations} if isinstance(calibrations, Calibration) else dict(calibrations)
    if not named:
        raise ValueError("calibrations is empty: there is nothing to draw")
    with drawing(5.2, 6.2) as blank:
        top, bottom = blank.subplots(2, 1, height_ratios=[4, 1], sharex=True)
        top.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        shift = 0.008 * (np.arange(len(named)) - (len(named) - 1) / 2)
        for (name, found), (colour, shape), aside in zip(
            named.items(), looks(len(named)), shift, strict=True
        ):
            bins = found.bins
            place = bins["probability"] + aside
            top.vlines(
                place,
                bins["share_low"],
                bins["share_high"],
                color=colour,
                linewidth=1.6,
                alpha=0.75,
                zorder=3,
            )
            top.plot(place, bins["share"], color=colour, linewidth=1.2, alpha=0.8, zorder=3)
            top.scatter(place, bins["share"], s=42, marker=shape, color=colour, edgecolors="white", linewidths=0.9,
                        zorder=4, label=name or None)  # fmt: skip
            share = bins["n"] / bins["n"].sum()
            edges = np.append(bins["low"], bins["high"].iloc[-1])
            bottom.stairs(share, edges, color=colour, linewidth=1.4, fill=len(named) == 1, alpha=0.85)
        top.set(xlim=(-0.025, 1.025), ylim=(-0.025, 1.025), ylabel=f"share in which it {event}")
        top.grid()
        bottom.set(xlabel=f"stated probability that it {event}", ylabel="stated")
        bottom.set_ylim(bottom=0)
        percent_axis(top.yaxis)
        percent_axis(top.xaxis)
        bottom.yaxis.set_major_formatter(lambda share, _: percent(share, 0))
        bottom.yaxis.set_major_locator(MaxNLocator(2))
        if list(named) != [""]:
            top.legend(loc="upper left", handletextpad=0.4)
        else:
            _scores(top, named[""])
        heading(top, title, "95% intervals; dashed: perfect calibration; below: how often stated")
    return Figure(_words(named, event), blank)


def _scores(axes: Axes, found: Calibration) -> None:
    axes.annotate(
        f"Brier {found.brier:.3f}\nECE {found.ece:.3f}\nn = {found.n:,}", (0.03, 0.97), xycoords="axes fraction",
        va="top", fontsize=8.5, color=INK,
    )  # fmt: skip


def _words(named: Mapping[str, Calibration], event: str) -> str:
    said = []
    for name, found in named.items():
        lean = "overconfident" if found.overconfidence > 0 else "underconfident"
        said.append(
            f"{name + ': ' if name else ''}{percent(abs(found.overconfidence))} {lean} on average, "
            f"expected calibration error {percent(found.ece)}, Brier score {found.brier:.3f} from {found.n:,} answers"
        )
    return f"Stated probability that it {event} against how often it did. {'; '.join(said)}."
