"""Every model of ../shared/reference, and our own random-slope sets, against what R says."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from analysis import contrasts, fit_mixed, marginal_means
from tests.analysis.mixed.references import column, data, reference, slope_data, slopes, values

LINEAR = ["sleepstudy_ri", "sleepstudy_rs", "penicillin", "rel404_logtime", "rel60_logtime",
          "rel404_64q_logtime", "rel10k_logtime"]  # fmt: skip
BINARY = ["cbpp", "verbagg", "rel404_agree", "rel404_64q_agree", "rel40_singular", "rel10k_agree"]
ORDINAL = ["wine", "rel404_trust7", "rel404_conf5", "rel10k_trust7"]
DATA = {
    "cbpp": "cbpp",
    "verbagg": "VerbAgg",
    "penicillin": "Penicillin",
    "wine": "wine",
    "rel40_singular": "rel40_singular",
}
FAMILY = (
    dict.fromkeys(LINEAR, "gaussian") | dict.fromkeys(BINARY, "binomial") | dict.fromkeys(ORDINAL, "ordinal")
)


@functools.cache
def _fit(name, **options):
    ref = reference(name)
    table = data(DATA.get(name, name.rsplit("_", 1)[0]))
    return fit_mixed(ref["formula"], table, FAMILY[name], **options), ref


def _sds(ref):
    if "varcorr" in ref:
        rows = [r for r in ref["varcorr"] if r["grp"] != "Residual" and not r.get("var2")]
        return {(r["grp"], r["var1"]): r["sdcor"] for r in rows}
    return {(name, "(Intercept)"): sd for name, sd in ref["sd"].items()}


@pytest.mark.parametrize("name", LINEAR + BINARY + ORDINAL)
def test_the_likelihood_is_r_s_and_never_below_it(name):
    result, ref = _fit(name)
    theirs = ref.get("logLik", ref.get("logLik_REML"))
    best = max(theirs, ref.get("glmmTMB", {}).get("logLik", -np.inf), ref.get("logLik_nlminb") or -np.inf)
    assert result.converged
    assert result.log_likelihood > best - 1e-4
    assert result.log_likelihood == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_model_equals_lmer_and_lmertest(name):
    result, ref = _fit(name)
    se = values(ref["se"])
    assert list(result.fixed["term"]) == list(ref["coef"])
    assert np.abs(result.estimates - values(ref["coef"])).max() < 1e-4 * se.min()
    assert np.abs(result.fixed["se"] / se - 1).max() < 1e-4
    assert result.residual_sd == pytest.approx(ref["sigma"], abs=1e-4)
    for row in result.random.itertuples():
        assert row.sd == pytest.approx(_sds(ref)[row.group, row.term], abs=1e-4)
    # at 80,000 rows lmer's search stops 3e-5 short in one sd, which its df then inherit
    near = 3e-4 if name == "rel10k_logtime" else 1e-4
    assert np.abs(result.fixed["df"] / column(ref["satterthwaite"], "df") - 1).max() < near
    assert np.abs(result.fixed["p"] - column(ref["satterthwaite"], "Pr(>|t|)")).max() < 3e-5
    assert (
        np.abs(result.covariance.to_numpy() - np.array(ref["vcov"])).max()
        < 1e-4 * np.array(ref["vcov"]).max()
    )


@pytest.mark.parametrize("name", [n for n in LINEAR if n != "rel404_logtime"])
def test_maximum_likelihood_equals_lmer(name):
    result, ref = _fit(name, reml=False)
    assert result.log_likelihood == pytest.approx(ref["logLik_ML"], abs=1e-6)
    assert np.abs(result.fixed["se"] / values(ref["se_ML"]) - 1).max() < 1e-5


@pytest.mark.parametrize("name", ["sleepstudy_ri", "sleepstudy_rs", "penicillin", "rel60_logtime"])
def test_kenward_roger_equals_pbkrtest(name):
    result, ref = _fit(name, df="kenward-roger")
    if "kenward_roger" not in ref:
        pytest.skip(f"{name}: R's file holds no Kenward–Roger table")
    assert np.abs(result.fixed["df"] / column(ref["kenward_roger"], "df") - 1).max() < 1e-4
    assert np.abs(result.fixed["se"] / column(ref["kenward_roger"], "Std. Error") - 1).max() < 1e-5


@pytest.mark.parametrize("name", BINARY)
def test_a_logistic_model_equals_glmer_and_glmmtmb(name):
    result, ref = _fit(name)
    tmb = ref.get("glmmTMB")
    coef, se = (tmb["coef"], tmb["se"]) if name == "rel10k_agree" else (ref["coef"], ref["se"])
    # at 10,000 people both of R's optimisers stop a little early: our likelihood is above both
    loose = 5.0 if name == "rel10k_agree" else 1.0
    assert list(result.fixed["term"]) == list(ref["coef"])
    assert (np.abs(result.estimates - values(coef)) / values(se)).max() < loose * 1e-4
    standard = values(tmb["se"]) if tmb else values(ref["se"])
    assert np.abs(result.fixed["se"] / standard - 1).max() < 1e-3
    for row in result.random.itertuples():
        assert row.sd == pytest.approx(_sds(ref)[row.group, row.term], abs=loose * 1e-4)


@pytest.mark.parametrize("name", ORDINAL)
def test_a_cumulative_link_model_equals_clmm(name):
    result, ref = _fit(name)
    coef, se = ref.get("coef_nlminb", ref["coef"]), ref["se"]
    # clmm stops at a gradient of up to 0.01 (see maxgrad); our likelihood is above its own
    loose = 5.0 if name in ("rel10k_trust7", "rel404_trust7") else 1.0
    assert list(result.fixed["term"]) == list(ref["coef"])
    assert (np.abs(result.estimates - values(coef)) / values(se)).max() < loose * 1e-4
    assert np.abs(result.fixed["se"] / values(se) - 1).max() < (2e-3 if name == "rel10k_trust7" else 1e-3)
    for row in result.random.itertuples():
        assert row.sd == pytest.approx(_sds(ref)[row.group, row.term], abs=loose * 1e-4)


@pytest.mark.parametrize("name", list(slopes()))
def test_random_slopes_nested_and_crossed_factors_equal_r(name):
    ref = slopes()[name]
    table = slope_data(name)
    result = fit_mixed(ref["formula"], table, ref["family"], link=ref.get("link") or None)
    se = values(ref["se"])
    # glmmTMB and clmm leave a gradient of about 1e-3 of a standard error; the likelihood is never below theirs
    close = 1e-6 if ref["family"] == "gaussian" else 2e-4
    assert result.log_likelihood > ref["logLik"] - 1e-6
    assert result.log_likelihood == pytest.approx(ref["logLik"], abs=1e-5)
    assert list(result.fixed["term"]) == list(ref["coef"])
    assert (np.abs(result.estimates - values(ref["coef"])) / se).max() < close
    assert np.abs(result.fixed["se"] / se - 1).max() < 1e-3
    for group, term in ref["sd"].items():
        mine = result.random[result.random["group"].isin([group, group.rsplit(".", 1)[0], _swapped(group)])]
        for column_name, sd in term["sd"].items():
            found = mine.loc[mine["term"] == column_name, "sd"]
            assert np.abs(found - sd).min() < 1e-4


def _swapped(group):
    return ":".join(reversed(group.split(":")))


@pytest.mark.parametrize("name", [n for n, r in slopes().items() if r["family"] == "gaussian"])
def test_degrees_of_freedom_with_random_slopes_equal_lmertest_and_pbkrtest(name):
    ref, table = slopes()[name], slope_data(name)
    fast = fit_mixed(ref["formula"], table)
    slow = fit_mixed(ref["formula"], table, df="kenward-roger")
    assert np.abs(fast.fixed["df"] / values(ref["df"]) - 1).max() < 1e-4
    assert np.abs(slow.fixed["df"] / values(ref["kr_df"]) - 1).max() < 1e-4
    assert np.abs(slow.fixed["se"] / values(ref["kr_se"]) - 1).max() < 1e-6
    assert fast.singular == ref["singular"]


EMM = dict.fromkeys(
    ["rel404_logtime", "rel60_logtime", "rel404_64q_logtime", "rel404_agree", "rel404_64q_agree", "rel40_singular",
     "rel404_trust7", "rel404_conf5"], "condition"
) | {"cbpp": "period", "verbagg": "btype", "wine": "temp"}  # fmt: skip


@pytest.mark.parametrize("name", EMM)
def test_marginal_means_and_holm_contrasts_equal_emmeans(name):
    result, ref = _fit(name)
    key = {"gaussian": "emmeans_satterthwaite", "binomial": "emmeans", "ordinal": "emmeans_latent"}[
        FAMILY[name]
    ]
    _same_tables(result, EMM[name], ref[key])


def test_marginal_means_with_kenward_roger_equal_emmeans():
    result, ref = _fit("rel60_logtime", df="kenward-roger")
    _same_tables(result, "condition", ref["emmeans_kr"])


def _same_tables(result, spec, ref):
    means = marginal_means(result, spec)
    se = column(ref["link"], "SE")
    assert (np.abs(means.table["estimate"] - column(ref["link"], "emmean")) / se).max() < 4e-4
    assert np.abs(means.table["se"] / se - 1).max() < 1e-3
    if ref["link"][0].get("df"):
        assert np.abs(means.table["df"] / column(ref["link"], "df") - 1).max() < 1e-4
    holm = contrasts(means, "pairwise", adjust="holm")
    assert list(holm["contrast"]) == [row["contrast"] for row in ref["pairs_holm"]]
    assert np.abs(holm["p"] - column(ref["pairs_holm"], "p.value")).max() < 2e-4
    none = contrasts(means, "pairwise", adjust="none")
    low = next(name for name in ("asymp.LCL", "lower.CL") if name in ref["pairs_none"][0])
    assert np.abs(none["low"] - column(ref["pairs_none"], low)).max() < 1e-3 * none["se"].max()


@pytest.mark.parametrize("name", [n for n in EMM if FAMILY[n] == "binomial"])
def test_probabilities_and_risk_differences_equal_emmeans(name):
    result, ref = _fit(name)
    means = marginal_means(result, EMM[name], scale="response")
    ref = ref["emmeans"]
    assert np.abs(means.table["estimate"] - column(ref["response"], "prob")).max() < 1e-4
    assert np.abs(means.table["se"] - column(ref["response"], "SE")).max() < 1e-4
    assert np.abs(means.table["low"] - column(ref["response"], "asymp.LCL")).max() < 1e-4
    differences = contrasts(means)
    assert np.abs(differences["estimate"] - column(ref["regrid_pairs_holm"], "estimate")).max() < 1e-4
    assert np.abs(differences["se"] - column(ref["regrid_pairs_holm"], "SE")).max() < 1e-4
    assert np.abs(differences["p"] - column(ref["regrid_pairs_holm"], "p.value")).max() < 2e-4


@pytest.mark.parametrize("name", ["wine", "rel404_trust7", "rel404_conf5"])
def test_expected_categories_equal_emmeans(name):
    result, ref = _fit(name)
    if "emmeans_meanclass" not in ref:
        pytest.skip(f"{name}: R's file holds no mean classes")
    means = marginal_means(result, EMM[name], scale="response")
    assert np.abs(means.table["estimate"] - column(ref["emmeans_meanclass"], "mean.class")).max() < 1e-4
    assert np.abs(means.table["se"] - column(ref["emmeans_meanclass"], "SE")).max() < 1e-4
