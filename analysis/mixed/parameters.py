"""How random-effect covariances are parametrised, and which grouping factors the engine sees.

Columns of Z are scaled to unit root mean square inside the engines, so that slopes in milliseconds and
intercepts weigh alike; reports undo the scale. A large factor nested in another, as sessions in participants, is
folded into it: one block a participant holds its own effects and those of its sessions, whose θ is shared by all
their columns. So no Schur complement ever grows with the number of participants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.mixed.blocks import Blocks, Factor
from analysis.mixed.design import Grouping, Mask
from analysis.mixed.variables import Codes, Floats

Position = tuple[int, int, int]
"""(engine factor, row, column) of an entry of Λ."""

FOLD_FROM = 30
"""Levels of an outer factor from which factors nested in it are folded into its blocks."""
WIDEST_FOLD = 24
"""Columns a folded block may have."""


@dataclass(frozen=True)
class Share:
    """Where one grouping of the formula lives: its engine factor, the first column of each of its copies there, its
    column scales, and for every level the engine level and copy that hold it."""

    grouping: Grouping
    factor: int
    starts: tuple[int, ...]
    scales: Floats
    level: Codes
    copy: Codes


@dataclass(frozen=True)
class Layout:
    """Engine factors (largest first), the groupings' shares of them in the formula's order, and for every θ the
    positions in Λ that it fills (several where nested levels share it)."""

    factors: tuple[Factor, ...]
    shares: tuple[Share, ...]
    positions: tuple[tuple[Position, ...], ...]

    @property
    def count(self) -> int:
        return len(self.positions)

    def lambdas(self, theta: Floats) -> list[Floats]:
        """One lower-triangular Λ (of scaled columns) a factor, engine order."""
        out = [np.zeros((f.width, f.width)) for f in self.factors]
        for value, places in zip(theta, self.positions, strict=True):
            for k, a, b in places:
                out[k][a, b] = value
        return out

    def pack(self, slopes: Sequence[Floats]) -> Floats:
        """Derivatives in θ from derivatives in Λ: the sum over the positions each θ fills."""
        return np.array([sum(float(slopes[k][a, b]) for k, a, b in places) for places in self.positions])

    def read(self, lambdas: Sequence[Floats]) -> Floats:
        """θ from Λ."""
        return np.array([lambdas[k][a, b] for (k, a, b), *_ in self.positions])

    def tidy(self, theta: Floats) -> Floats:
        """The same covariance with a non-negative diagonal of Λ."""
        return self.read([lam * np.where(np.diag(lam) < 0, -1.0, 1.0) for lam in self.lambdas(theta)])

    def settle(self, theta: Floats, edge: float) -> tuple[Floats, Mask]:
        """The covariance with columns of Λ below `edge` at exactly zero, and which θ then remain free."""
        settled = [_semidefinite_root(lam, edge) for lam in self.lambdas(theta)]
        free = [np.broadcast_to(np.diag(lam) > 0, lam.shape).astype(float) for lam in settled]
        return self.read(settled), self.read(free) > 0

    def start(self, value: float) -> Floats:
        return self.read([value * np.eye(f.width) for f in self.factors])

    def step_scale(self) -> Floats:
        """A rough standard error of each θ: 1/√(2n), n its levels."""
        levels = [len(places) * self.factors[places[0][0]].n for places in self.positions]
        return 1.0 / np.sqrt(2.0 * np.array(levels, dtype=np.float64))

    def natural(self, theta: Floats) -> list[Floats]:
        """Λ for the unscaled columns, one a grouping, in the formula's order."""
        lambdas = self.lambdas(theta)
        return [lam / s.scales[:, None] for s, lam in zip(self.shares, self._own(lambdas), strict=True)]

    def scaled(self, theta: Floats) -> list[Floats]:
        """Λ for the scaled columns, one a grouping, in the formula's order."""
        return self._own(self.lambdas(theta))

    def _own(self, lambdas: list[Floats]) -> list[Floats]:
        spans = [slice(s.starts[0], s.starts[0] + s.grouping.width) for s in self.shares]
        return [lambdas[s.factor][span, span] for s, span in zip(self.shares, spans, strict=True)]

    def from_natural(self, natural: Sequence[Floats]) -> Floats:
        """θ from Λ for the unscaled columns, one a grouping, in the formula's order."""
        lambdas = [np.zeros((f.width, f.width)) for f in self.factors]
        for share, lam in zip(self.shares, natural, strict=True):
            for start in share.starts:
                span = slice(start, start + share.grouping.width)
                lambdas[share.factor][span, span] = lam * share.scales[:, None]
        return self.read(lambdas)

    def modes(self, theta: Floats, u: Floats) -> list[Floats]:
        """Random effects (levels, K) a grouping, formula's order, from spherical ones (size,) in engine order."""
        ends = np.cumsum([0, *(f.n * f.width for f in self.factors)])
        tables = [u[a:b].reshape(f.n, f.width) for f, a, b in zip(self.factors, ends, ends[1:], strict=False)]
        out = []
        for share, lam in zip(self.shares, self.natural(theta), strict=True):
            columns = np.array(share.starts)[share.copy][:, None] + np.arange(share.grouping.width)
            out.append(tables[share.factor][share.level[:, None], columns] @ lam.T)
        return out


def make_layout(groupings: Sequence[Grouping]) -> Layout:
    """Fold nested factors where that pays, order the factors by size, scale their columns, number the θ."""
    scales = [_scale(g) for g in groupings]
    members = _folded(groupings)
    drafts = [_draft(groupings, scales, inside) for inside in members]
    order = sorted(range(len(drafts)), key=lambda k: -drafts[k][0].n * drafts[k][0].width)
    shares: dict[int, Share] = {}
    for k, chosen in enumerate(order):
        for index, starts, level, copy in drafts[chosen][1]:
            shares[index] = Share(groupings[index], k, starts, scales[index], level, copy)
    ordered = tuple(shares[i] for i in range(len(groupings)))
    positions = [_positions(shares[i]) for chosen in order for i in members[chosen]]
    return Layout(tuple(drafts[k][0] for k in order), ordered, tuple(p for part in positions for p in part))


def _scale(grouping: Grouping) -> Floats:
    size = np.sqrt((grouping.Z**2).mean(axis=0))
    return np.where(size > 0, size, 1.0)


def _positions(share: Share) -> list[tuple[Position, ...]]:
    free, width = share.grouping.free, share.grouping.width
    return [
        tuple((share.factor, start + a, start + b) for start in share.starts)
        for b in range(width)
        for a in range(b, width)
        if free[a, b]
    ]


def _folded(groupings: Sequence[Grouping]) -> list[list[int]]:
    """Groupings by engine factor, the outer one first; most stand alone."""
    large = sorted(
        (i for i, g in enumerate(groupings) if g.size >= FOLD_FROM), key=lambda i: groupings[i].size
    )
    for outer in large:
        inside, width = [outer], groupings[outer].width
        for inner, grouping in enumerate(groupings):
            copies = 0 if inner == outer else _copies(grouping.codes, groupings[outer].codes, grouping.size)
            if copies and width + copies * grouping.width <= WIDEST_FOLD:
                inside.append(inner)
                width += copies * grouping.width
        if len(inside) > 1:
            return [inside, *([i] for i in range(len(groupings)) if i not in inside)]
    return [[i] for i in range(len(groupings))]


def _copies(inner: Codes, outer: Codes, size: int) -> int:
    """The most inner levels within an outer one; 0 where the factors are not nested."""
    level = np.zeros(size, dtype=np.int64)
    level[inner] = outer
    if not np.array_equal(level[inner], outer):
        return 0
    return int(np.bincount(level).max())


Place = tuple[int, tuple[int, ...], Codes, Codes]
Draft = tuple[Factor, list[Place]]


def _draft(groupings: Sequence[Grouping], scales: Sequence[Floats], inside: list[int]) -> Draft:
    """An engine factor over the levels of inside[0], and where each of `inside` lives in it."""
    outer = groupings[inside[0]]
    columns, at = [outer.Z / scales[inside[0]]], outer.width
    everyone = np.arange(outer.size, dtype=np.int64)
    shares: list[Place] = [(inside[0], (0,), everyone, np.zeros_like(everyone))]
    for index in inside[1:]:
        grouping = groupings[index]
        level = np.zeros(grouping.size, dtype=np.int64)
        level[grouping.codes] = outer.codes
        copy = _count_within(level)
        copies = int(copy.max()) + 1
        Z = grouping.Z / scales[index]
        columns += [Z * (copy[grouping.codes] == c)[:, None] for c in range(copies)]
        starts = tuple(at + c * grouping.width for c in range(copies))
        at += copies * grouping.width
        shares.append((index, starts, level, copy))
    return Factor(outer.codes, outer.size, np.hstack(columns)), shares


def _count_within(level: Codes) -> Codes:
    """0, 1, 2 … for the inner levels of each outer level."""
    order = np.argsort(level, kind="stable")
    first = np.searchsorted(level[order], level[order])
    out = np.empty(len(level), dtype=np.int64)
    out[order] = np.arange(len(level)) - first
    return out


def make_blocks(layout: Layout) -> Blocks:
    """The block structure of a layout, over scaled columns."""
    return Blocks(layout.factors)


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
