"""The engine against itself: derivatives, the two storages, and what must not depend on how a thing is written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import fit_mixed
from analysis.mixed import blocks, parameters
from analysis.mixed.design import build_design
from analysis.mixed.families import LINKS, Logit, Ordinal, Poisson, Probit, make_family
from analysis.mixed.gaussian import LinearEngine
from analysis.mixed.laplace import LaplaceEngine
from analysis.mixed.parameters import make_layout
from tests.analysis.mixed.designs import random_design
from tests.analysis.mixed.references import slope_data

FORMULAS = [
    "~ arm + hedged + (1 + hedged | participant) + (1 + hedged | item)",
    "~ arm * hedged + (1 + hedged || participant) + (1 | item)",
    "~ hedged + (1 | participant / hedged) + (1 | item) + (0 + arm | item)",
    "~ hedged + (1 + hedged | participant) + (1 + seconds | participant:session) + (1 | item)",
    "~ hedged + (1 | participant)",
    "~ arm + (1 + seconds | participant)",
]
FAMILIES = [("time", "gaussian", "identity"), ("agree", "binomial", "logit"), ("agree", "binomial", "probit"),
            ("links", "poisson", "log"), ("rating", "ordinal", "logit")]  # fmt: skip


def _engine(formula, outcome, family, link):
    table = slope_data("g3").assign(session=lambda t: t["item"].str[-1].astype(int) % 3)
    design = build_design(outcome + " " + formula, table, family)
    layout = make_layout(design.groupings)
    if family == "gaussian":
        return LinearEngine(design.X, design.response.y, layout, reml=True), layout.start(0.7) + 0.05
    engine = LaplaceEngine(design.X, make_family(family, link, design.response), layout)
    return engine, engine.start() + 0.02


def _function(engine):
    return engine.function if isinstance(engine, LinearEngine) else engine.value_and_gradient


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize(("outcome", "family", "link"), FAMILIES)
def test_every_gradient_is_exact(formula, outcome, family, link):
    engine, x = _engine(formula, outcome, family, link)
    f = _function(engine)
    gradient = f(x)[1]
    steps = 1e-5 * np.eye(len(x))
    numeric = np.array([(f(x + s)[0] - f(x - s)[0]) / 2e-5 for s in steps])
    assert np.abs(gradient - numeric).max() < 1e-4 * np.abs(gradient).max()


@pytest.mark.parametrize("formula", FORMULAS[:4])
@pytest.mark.parametrize(("outcome", "family", "link"), FAMILIES)
def test_sparse_and_dense_storage_give_the_same_numbers(formula, outcome, family, link, monkeypatch):
    dense, x = _engine(formula, outcome, family, link)
    # g3 has 50 participants who each meet 8 of 16 items: make the block count as thinly filled
    monkeypatch.setattr(blocks, "DENSE_CROSS", 0)
    monkeypatch.setattr(blocks, "FILLED", 1.1)
    sparse, _ = _engine(formula, outcome, family, link)
    assert sparse.blocks.sparse
    assert not dense.blocks.sparse
    a, b = _function(dense)(x), _function(sparse)(x)
    assert a[0] == pytest.approx(b[0], rel=1e-12)
    assert np.abs(a[1] - b[1]).max() < 1e-8 * np.abs(a[1]).max()


def test_the_laplace_likelihood_is_what_its_definition_says():
    engine, x = _engine(FORMULAS[0], "agree", "binomial", "logit")
    mode = engine.mode(x)
    lam = engine.blocks.scale(engine.layout.lambdas(x[engine.p :]))
    Z = lam.apply(engine.blocks.Z.T.toarray(), transpose=True).T
    eta = engine.X @ x[: engine.p] + Z @ mode.u
    y = engine.family.y
    loglik = (y * eta - np.logaddexp(0, eta)).sum()
    p = 1 / (1 + np.exp(-eta))
    H = Z.T @ (Z * (p * (1 - p))[:, None]) + np.eye(Z.shape[1])
    by_hand = loglik - 0.5 * mode.u @ mode.u - 0.5 * np.linalg.slogdet(H)[1]
    assert -engine.value_and_gradient(x)[0] == pytest.approx(by_hand, rel=1e-12)
    assert np.abs(Z.T @ (y - p) - mode.u).max() < 1e-8


def test_the_restricted_likelihood_is_that_of_a_multivariate_normal():
    design = build_design(
        "time ~ arm + hedged + (1 + hedged | participant) + (1 | item)", slope_data("g1"), "gaussian"
    )
    layout = make_layout(design.groupings)
    engine = LinearEngine(design.X, design.response.y, layout, reml=False)
    state = engine.at(np.array([0.8, 0.2, 0.5, 0.6]))
    lam = engine.blocks.scale(layout.lambdas(state.theta))
    Z = lam.apply(engine.blocks.Z.T.toarray(), transpose=True).T
    V = state.sigma**2 * (np.eye(engine.n) + Z @ Z.T)
    exact = stats.multivariate_normal.logpdf(design.response.y, design.X @ state.beta, V)
    assert -0.5 * state.deviance == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize(
    ("outcome", "family"), [("time", "gaussian"), ("agree", "binomial"), ("rating", "ordinal")]
)
def test_factors_folded_into_the_one_they_are_nested_in_give_the_same_fit(outcome, family, monkeypatch):
    # sessions in participants, lopsided: some participants lose a session or most of their items
    table = slope_data("g3").assign(session=lambda t: t["item"].str[-1].astype(int) % 3)
    table = table[~((table["participant"] < "P020") & (table["session"] == 1))]
    formula = (
        f"{outcome} ~ hedged + (1 + hedged | participant) + (1 + seconds | participant:session) + (1 | item)"
    )
    folded = fit_mixed(formula, table, family)
    monkeypatch.setattr(parameters, "FOLD_FROM", 10_000)
    apart = fit_mixed(formula, table, family)
    assert len(folded.engine.layout.factors) < len(apart.engine.layout.factors)
    assert folded.log_likelihood == pytest.approx(apart.log_likelihood, abs=1e-5)
    assert np.abs((folded.estimates - apart.estimates) / apart.fixed["se"]).max() < 1e-3
    assert np.abs(folded.fixed["se"] / apart.fixed["se"] - 1).max() < 1e-3
    assert np.abs(folded.random["sd"] - apart.random["sd"]).max() < 1e-3
    assert list(folded.random["group"]) == list(apart.random["group"])
    for group, effects in folded.ranef().items():
        assert np.abs(effects - apart.ranef()[group]).to_numpy().max() < 2e-3
    if family == "gaussian":
        assert folded.fixed["df"].to_numpy() == pytest.approx(apart.fixed["df"].to_numpy(), rel=1e-3)


@pytest.mark.parametrize("kind", [Logit, Probit])
def test_binary_likelihoods_have_the_derivatives_they_claim_far_into_the_tails(kind):
    eta = np.array([-30.0, -8.0, -2.0, -0.1, 0.0, 0.4, 3.0, 9.0, 30.0])
    y = np.array([0, 1, 0, 1, 0, 1, 0, 1, 1.0])
    _derivatives(lambda e, i: kind(y[i : i + 1], np.ones(1)).at(e[i : i + 1], np.zeros(0)), eta)


def test_poisson_and_ordinal_likelihoods_have_the_derivatives_they_claim():
    eta = np.array([-3.0, -0.2, 0.0, 1.5, 4.0])
    y = np.array([0.0, 3, 1, 2, 40])
    _derivatives(lambda e, i: Poisson(y[i : i + 1]).at(e[i : i + 1], np.zeros(0)), eta)
    tau, codes = np.array([-2.0, 0.5, 1.0, 6.0]), np.array([0.0, 1, 2, 3, 4])
    _derivatives(lambda e, i: Ordinal(codes[i : i + 1], 5).at(e[i : i + 1], tau), eta)


def _derivatives(at, eta, h=1e-5):
    for i in range(len(eta)):
        up, here, down = at(eta + h, i), at(eta, i), at(eta - h, i)
        assert here.s[0] == pytest.approx((up.loglik - down.loglik) / (2 * h), rel=1e-5, abs=1e-9)
        assert here.w[0] == pytest.approx(-(up.s[0] - down.s[0]) / (2 * h), rel=1e-5, abs=1e-9)
        assert here.dw[0] == pytest.approx((up.w[0] - down.w[0]) / (2 * h), rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_rows_and_random_effects_changes_nothing(seed):
    formula, table, family = random_design(seed)
    fixed, person, thing = formula.split(" + (")
    turned = f"{fixed} + ({thing} + ({person}"
    one = fit_mixed(formula, table, family)
    other = fit_mixed(turned, table.sample(frac=1, random_state=seed), family)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-7)
    assert np.abs((one.estimates - other.estimates) / one.fixed["se"]).max() < 1e-4
    assert np.abs(one.fixed["se"] / other.fixed["se"] - 1).max() < 1e-4


def test_units_of_a_slope_change_its_numbers_and_nothing_else():
    table = slope_data("g3")
    one = fit_mixed("time ~ seconds + (1 + seconds | participant) + (1 | item)", table)
    other = fit_mixed(
        "time ~ seconds + (1 + seconds | participant) + (1 | item)",
        table.assign(seconds=table["seconds"] * 1e4),
    )
    assert one.log_likelihood - other.log_likelihood == pytest.approx(np.log(1e4), abs=1e-5)
    assert one.estimates[1] == pytest.approx(other.estimates[1] * 1e4, rel=1e-5)
    assert one.random["sd"].iloc[1] == pytest.approx(other.random["sd"].iloc[1] * 1e4, rel=1e-3)
    assert one.fixed["df"].to_numpy() == pytest.approx(other.fixed["df"].to_numpy(), rel=1e-3)


@pytest.mark.parametrize("seed", range(12))
def test_small_lopsided_and_rare_data_end_in_a_fit_or_a_sentence(seed):
    rng = np.random.default_rng(seed)
    people, items = int(rng.integers(3, 9)), int(rng.integers(2, 5))
    table = pd.DataFrame({"p": rng.integers(people, size=60), "i": rng.integers(items, size=60)})
    table["x"], table["y"] = (
        rng.normal(size=60) * 10.0 ** rng.integers(-3, 4),
        (rng.random(60) < 0.08).astype(int),
    )
    table["t"] = rng.standard_t(2, size=60)
    for formula, family in (
        ("y ~ x + (1 | p) + (1 | i)", "binomial"),
        ("t ~ x + (1 + x | p) + (1 | i)", "gaussian"),
    ):
        result = fit_mixed(formula, table, family)
        assert result.converged or any("not to be trusted" in w for w in result.warnings)
        assert np.isfinite(result.log_likelihood)
        assert result.singular == any("Singular" in w for w in result.warnings)


def test_every_link_is_offered_by_one_family_only_where_it_is_tested():
    assert {(family, link) for _, family, link in FAMILIES} == {
        (f, link) for f, links in LINKS.items() for link in links
    }
