"""How random-effect covariances are parametrised: free entries of Λ, factor by factor, column scales apart.

Columns of Z are scaled to unit root mean square inside the engines, so that slopes in milliseconds and
intercepts weigh alike; reports undo the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.mixed.blocks import Blocks, Factor
from analysis.mixed.design import Grouping, Mask
from analysis.mixed.variables import Floats


@dataclass(frozen=True)
class Layout:
    """Groupings in engine order (largest first), their column scales, and the places of θ in each Λ."""

    groupings: tuple[Grouping, ...]
    order: tuple[int, ...]
    scales: tuple[Floats, ...]
    places: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def count(self) -> int:
        return sum(len(p) for p in self.places)

    def lambdas(self, theta: Floats) -> list[Floats]:
        """One lower-triangular Λ (of scaled columns) a factor, engine order."""
        out, at = [], 0
        for grouping, places in zip(self.groupings, self.places, strict=False):
            lam = np.zeros((grouping.width, grouping.width))
            for a, b in places:
                lam[a, b] = theta[at]
                at += 1
            out.append(lam)
        return out

    def pack(self, lambdas: Sequence[Floats]) -> Floats:
        """θ from Λ (or from matrices of derivatives): the free entries in order."""
        return np.array(
            [lam[a, b] for lam, places in zip(lambdas, self.places, strict=False) for a, b in places]
        )

    def tidy(self, theta: Floats) -> Floats:
        """The same covariance with a non-negative diagonal of Λ."""
        return self.pack([lam * np.where(np.diag(lam) < 0, -1.0, 1.0) for lam in self.lambdas(theta)])

    def settle(self, theta: Floats, edge: float) -> tuple[Floats, Mask]:
        """The covariance with columns of Λ below `edge` at exactly zero, and which θ then remain free."""
        settled = [_semidefinite_root(lam, edge) for lam in self.lambdas(theta)]
        free = [np.broadcast_to(np.diag(lam) > 0, lam.shape) for lam in settled]
        return self.pack(settled), self.pack([f.astype(float) for f in free]) > 0

    def start(self, value: float) -> Floats:
        return self.pack([value * np.eye(g.width) for g in self.groupings])

    def diagonal(self) -> list[tuple[int, int, int]]:
        """(index in θ, factor, column) of every diagonal entry."""
        return [(i, k, a) for i, (k, a, b) in enumerate(self.entries()) if a == b]

    def entries(self) -> list[tuple[int, int, int]]:
        """(factor, row, column) of every entry of θ."""
        return [(k, a, b) for k, places in enumerate(self.places) for a, b in places]

    def step_scale(self) -> Floats:
        """A rough standard error of each θ: 1/√(2n) of its factor."""
        return np.array([1.0 / np.sqrt(2.0 * self.groupings[k].size) for k, _, _ in self.entries()])

    def natural(self, theta: Floats) -> list[Floats]:
        """Λ for the unscaled columns, one a factor, in the formula's order."""
        scaled = self.lambdas(theta)
        natural = [lam / s[:, None] for lam, s in zip(scaled, self.scales, strict=False)]
        return [natural[self.order.index(k)] for k in range(len(self.order))]


def make_layout(groupings: Sequence[Grouping]) -> Layout:
    """Order the factors, scale their columns, and list the free entries of Λ."""
    order = sorted(range(len(groupings)), key=lambda k: -groupings[k].size * groupings[k].width)
    chosen = tuple(groupings[k] for k in order)
    scales = []
    for g in chosen:
        size = np.sqrt((g.Z**2).mean(axis=0))
        scales.append(np.where(size > 0, size, 1.0))
    places = tuple(
        tuple((a, b) for b in range(g.width) for a in range(b, g.width) if g.free[a, b]) for g in chosen
    )
    return Layout(chosen, tuple(order), tuple(scales), places)


def make_blocks(layout: Layout) -> Blocks:
    """The block structure of a layout, over scaled columns."""
    return Blocks(
        [Factor(g.codes, g.size, g.Z / s) for g, s in zip(layout.groupings, layout.scales, strict=False)]
    )


def _semidefinite_root(lam: Floats, edge: float) -> Floats:
    """Lower-triangular L with LL' = ΛΛ', its columns zero where the pivot is below `edge`."""
    S = lam @ lam.T
    L = np.zeros_like(S)
    for j in range(len(S)):
        pivot = S[j, j] - L[j, :j] @ L[j, :j]
        if pivot <= edge**2:
            continue
        L[j, j] = np.sqrt(pivot)
        L[j + 1 :, j] = (S[j + 1 :, j] - L[j + 1 :, :j] @ L[j, :j]) / L[j, j]
    return L
