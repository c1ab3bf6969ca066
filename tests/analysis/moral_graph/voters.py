"""Simulated voters whose true order of values is known, and small votes written out by hand."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.moral_graph.endless import endless

VERDICTS = np.array(["wiser", "not_wiser", "unsure"])


@dataclass(frozen=True)
class World:
    """True strengths (logits), the compared pairs (k, 2), and how people answer."""

    strength: np.ndarray
    pairs: np.ndarray
    acquiescence: float = 0.5
    spread: float = 0.7
    tie: float = -0.2

    @property
    def position(self) -> np.ndarray:
        """True positions, 1 is the wisest."""
        return np.argsort(np.argsort(-self.strength)) + 1

    def ranks(self) -> np.ndarray:
        """The values' ranks in the graph of endless votes, 0 without an edge."""
        both = np.concatenate([self.pairs, self.pairs[:, ::-1]])
        habits = {"acquiescence": self.acquiescence, "spread": self.spread, "tie": self.tie}
        found = endless(
            pd.DataFrame(both, columns=["from_value", "to_value"]), dict(enumerate(self.strength)), **habits
        )
        return found.reindex(range(len(self.strength)), fill_value=0.0).to_numpy()


def world(values: int, pairs: int, reach: float, rng: np.random.Generator, **habits: float) -> World:
    """Evenly spaced strengths from -reach to reach, and connected random pairs of values."""
    every = np.array([(i, j) for i in range(values) for j in range(i)])
    chain = np.array([(i + 1, i) for i in range(values - 1)])
    rest = np.array([pair for pair in every.tolist() if pair[0] - pair[1] > 1])
    chosen = np.concatenate([chain, rng.permutation(rest)[: pairs - len(chain)]])
    return World(np.linspace(-reach, reach, values), chosen, **habits)


def shares(eta: np.ndarray, tie: float) -> np.ndarray:
    weight = np.stack([np.exp(eta / 2), np.exp(-eta / 2), np.full_like(eta, np.exp(tie))], axis=-1)
    return weight / weight.sum(axis=-1, keepdims=True)


def vote(world: World, rng: np.random.Generator, *, people: int = 500, each: int = 6) -> pd.DataFrame:
    """Votes of people who each read `each` different stories, their directions drawn at random."""
    person = np.repeat(np.arange(people), each)
    pair = np.concatenate([rng.permutation(len(world.pairs))[:each] for _ in range(people)])
    turned = rng.integers(2, size=len(pair))
    rows = np.arange(len(pair))
    source, target = world.pairs[pair][rows, turned], world.pairs[pair][rows, 1 - turned]
    own = rng.normal(size=people) * world.spread
    eta = world.strength[target] - world.strength[source] + world.acquiescence + own[person]
    said = (rng.random(len(pair))[:, None] > shares(eta, world.tie).cumsum(axis=1)).sum(axis=1)
    return pd.DataFrame(
        {
            "participant": person,
            "from_value": source,
            "to_value": target,
            "context": "c",
            "verdict": VERDICTS[said],
        }
    )


def votes(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Rows (participant, from, to, verdict) or (participant, from, to, verdict, context)."""
    full = [(*row, "When it matters")[:5] for row in rows]
    frame = pd.DataFrame(full, columns=["participant", "from_value", "to_value", "verdict", "context"])
    return frame[["participant", "from_value", "to_value", "context", "verdict"]]


def many(*counts: tuple[str, str, int, int, int]) -> pd.DataFrame:
    """Votes of one participant each from (from, to, wiser, not_wiser, unsure)."""
    rows = [
        (source, target, verdict)
        for source, target, *numbers in counts
        for verdict, number in zip(VERDICTS, numbers, strict=True)
        for _ in range(number)
    ]
    return votes(*((f"p{i}", source, target, verdict) for i, (source, target, verdict) in enumerate(rows)))


def scattered(
    rng: np.random.Generator, *, people: int = 60, values: int = 9, number: int = 700
) -> pd.DataFrame:
    """Random votes without double ones, in three contexts, for comparing two computations."""
    frame = pd.DataFrame(
        {
            "participant": [f"p{i}" for i in rng.integers(people, size=number)],
            "from_value": [f"v{i}" for i in rng.integers(values, size=number)],
            "to_value": [f"v{i}" for i in rng.integers(values, size=number)],
            "context": rng.choice(["When alone", "When asked", "When late"], size=number),
            "verdict": rng.choice(VERDICTS, p=[0.7, 0.1, 0.2], size=number),
        }
    )
    frame = frame[frame["from_value"] != frame["to_value"]]
    return frame.drop_duplicates(["participant", "from_value", "to_value", "context"]).reset_index(drop=True)
