"""Figures: the same to the byte, described in words, drawn from the numbers given, refusing what makes no sense."""

import io
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from analysis import reliance
from analysis.calibration import calibration
from analysis.detection import detection_from_rates
from analysis.figures import (
    consort,
    forest,
    means,
    plane_points,
    power_curve,
    rank_curve,
    reliability_diagram,
    reliance_plane,
    value_curve,
)
from analysis.figures.canvas import COLOURS
from tests.analysis.trials import simulated

ROOT = Path(__file__).resolve().parents[2]


def two_arms() -> pd.DataFrame:
    plain = simulated(np.random.default_rng(1), 50, right=0.95, wrong=0.67).assign(arm="Control")
    hedged = simulated(np.random.default_rng(2), 50, right=0.97, wrong=0.52).assign(arm="Uncertain")
    hedged["participant"] += 50
    return pd.concat([plain, hedged], ignore_index=True)


def accuracy_figure(unit="share"):
    trials = two_arms()
    table = reliance(trials, by="arm")
    people = (trials.final == trials.truth).groupby([trials.arm, trials.participant]).mean().rename("value")
    return means(
        table[table.measure == "accuracy"], people.reset_index(), label="Correct", title="A", unit=unit
    )


def flow() -> dict:
    def arm(assigned, left, excluded):
        completed = assigned - sum(left.values())
        return {
            "assigned": assigned,
            "left": left,
            "completed": completed,
            "excluded": excluded,
            "analysed": completed - sum(excluded.values()),
        }

    return {
        "arrived": 230,
        "not_assigned": {"declined consent": 12, "failed comprehension twice": 14},
        "assigned": 204,
        "arms": {
            "Control": arm(103, {"withdrew": 1, "did not finish": 2}, {"failed both attention checks": 1}),
            "Uncertain, first person": arm(101, {"withdrew": 0}, {"failed both attention checks": 0}),
        },
    }


def contrasts() -> pd.DataFrame:
    rows = [
        ("Uncertain \u2212 Control", -0.061, -0.101, -0.020, 0.003),
        ("General \u2212 Control", -0.02, -0.06, 0.021, 0.33),
    ]
    return pd.DataFrame(rows, columns=["label", "value", "low", "high", "p"])


def curve() -> pd.DataFrame:
    return pd.DataFrame({"size": [100, 200, 300, 400], "power": [0.4, 0.66, 0.82, 0.9], "simulations": 1000})


def values() -> pd.DataFrame:
    return pd.DataFrame({"threshold": [0.0, 0.1, 0.2, 0.3], "values": [80, 60, 41, 40], "own": [70, 52, 37, 36], "richness": [120.0, 90, 55, 52],
                         "richness_low": [100.0, 75, 47, 45], "richness_high": [160.0, 130, 80, 75]})  # fmt: skip


def ranks() -> pd.DataFrame:
    rows = [(at, name, rank, rank - 0.02, rank + 0.03)
            for name, rank in (("Quiet Help", 0.12), ("Plain Truth", 0.08)) for at in (0.0, 0.1, 0.2)]  # fmt: skip
    return pd.DataFrame(rows, columns=["threshold", "value", "rank", "low", "high"])


def stated():
    rng = np.random.default_rng(3)
    p = rng.integers(0, 11, 600) / 10
    return calibration(p, rng.random(600) < 0.2 + 0.6 * p, participants=np.repeat(np.arange(100), 6))


FIGURES = {
    "means": accuracy_figure,
    "means of a scale": lambda: accuracy_figure("number"),
    "plane": lambda: reliance_plane(plane_points(reliance(two_arms(), by="arm"), "arm"), title="B"),
    "reliability": lambda: reliability_diagram(stated(), title="C"),
    "reliability of two": lambda: reliability_diagram({"before": stated(), "after": stated()}, title="C"),
    "consort": lambda: consort(flow(), title="D"),
    "forest": lambda: forest(
        contrasts(), label="difference", factor=100, unit=" pp", equivalence=(-0.02, 0.02)
    ),
    "forest of ratios": lambda: forest(
        contrasts().assign(value=1.2, low=0.8, high=1.9), label="odds ratio", ratio=True
    ),
    "power": lambda: power_curve(curve(), effect="6 points less agreement"),
    "values": lambda: value_curve(values(), threshold=0.2),
    "ranks": lambda: rank_curve(ranks(), threshold=0.2),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_to_the_byte_when_drawn_again(name):
    first, again = FIGURES[name](), FIGURES[name]()
    assert first.svg() == again.svg() == first.svg()
    assert first.png(80) == again.png(80)


@cache
def drawn(name):
    return FIGURES[name]()


def test_another_process_draws_the_same_bytes():
    code = "import sys, tests.analysis.test_figures as t; sys.stdout.buffer.write(t.FIGURES['plane']().svg())"
    environment = {"PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, cwd=ROOT
    )
    assert run.stdout == drawn("plane").svg()


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_picture_with_a_description(name):
    figure = drawn(name)
    root = ET.fromstring(figure.svg())
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title.text == figure.alt
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == title.get("id")
    picture = Image.open(io.BytesIO(figure.png(60)))
    assert picture.info["Description"] == figure.alt
    assert min(picture.size) >= 100
    assert len(picture.convert("RGB").getcolors(10**6)) > 10


@pytest.mark.parametrize("name", FIGURES)
def test_no_date_program_or_path_is_in_the_file(name):
    content = drawn(name).svg().decode()
    for word in ("<dc:date>", "Matplotlib v", str(ROOT)):
        assert word not in content


def test_alt_text_says_the_main_numbers():
    assert drawn("forest").alt == (
        "Difference. Uncertain \u2212 Control: \u22126.10 pp (95% interval \u221210.10 to \u22122.00); "
        "General \u2212 Control: \u22122.00 pp (95% interval \u22126.00 to 2.10)."
    )
    assert (
        "230 arrived, 204 were assigned. Control: 103 assigned, 100 completed, 99 analysed"
        in drawn("consort").alt
    )
    assert "target of 80% is reached with 300 participants" in drawn("power").alt
    assert "80 at 0.00, 40 at 0.30. Expected in all at the end: 52.0 (45.0 to 75.0)" in drawn("values").alt
    assert "Expected" not in value_curve(values()[["threshold", "values"]], threshold=0.1).alt
    assert "Quiet Help 0.120 (0.100 to 0.150); Plain Truth 0.080" in drawn("ranks").alt
    table = reliance(two_arms(), by="arm").query("measure == 'accuracy' and arm == 'Control'").iloc[0]
    assert f"Control: {100 * table['value']:.1f}%" in drawn("means").alt
    assert f"Brier score {stated().brier:.3f} from 600 answers" in drawn("reliability").alt


def test_power_that_is_never_reached_says_so():
    assert "is not reached" in power_curve(curve().assign(power=0.3)).alt


def test_the_table_of_simulated_power_is_drawn_as_it_is_with_a_line_per_test():
    table = pd.concat([curve().assign(test="H1"), curve().assign(test="H2", power=[0.3, 0.81, 0.79, 0.85])])
    figure = power_curve(table)
    assert "H1: 40.0% with 100, 90.0% with 400; the target of 80% is reached with 300" in figure.alt
    assert "H2: 30.0% with 100, 85.0% with 400; the target of 80% is reached with 400" in figure.alt


def test_points_of_the_plane_are_the_two_kinds_of_agreement_turned_the_right_way():
    table = reliance(two_arms(), by="arm")
    points = plane_points(table, "arm").set_index("label")
    under = table.set_index(["arm", "measure"]).loc[("Control", "underreliance")]
    assert points.loc["Control", "right"] == 1 - under["value"]
    assert points.loc["Control", "right_low"] == 1 - under["high"]
    assert (
        points.loc["Control", "wrong_low"]
        <= points.loc["Control", "wrong"]
        <= points.loc["Control", "wrong_high"]
    )


def test_the_curves_of_the_plane_join_points_of_equal_discrimination():
    axes = drawn("plane").drawing.axes[0]
    curves = [line for line in axes.get_lines() if len(line.get_xdata()) == 400]
    assert len(curves) == 5
    for line, level in zip(curves, (0.5, 1.0, 1.5, 2.0, 3.0), strict=True):
        for place in (100, 200, 300):
            found = detection_from_rates(line.get_ydata()[place], line.get_xdata()[place])
            assert found.d_prime == pytest.approx(level)


def test_every_participant_is_a_dot_at_a_place_of_its_own():
    figure = drawn("means")
    dots = [points for points in figure.drawing.axes[0].collections if points.get_alpha() == 0.28]
    places = np.concatenate([points.get_offsets() for points in dots])
    assert len(places) == 100
    assert len(np.unique(places.round(9), axis=0)) == 100


def test_colours_differ_in_lightness_or_hue_for_people_who_do_not_see_red_or_green():
    """Simulated deuteranopia and protanopia (Vienot et al. 1999): neighbours in the palette stay apart."""
    transforms = {
        "deuteranopia": [[0.293, 0.707, 0.0], [0.293, 0.707, 0.0], [-0.022, 0.022, 1.0]],
        "protanopia": [[0.112, 0.888, 0.0], [0.112, 0.888, 0.0], [0.004, -0.004, 1.0]],
    }
    rgb = np.array(
        [[int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)] for colour in COLOURS[:4]]
    )
    for matrix in transforms.values():
        seen = rgb**2.2 @ np.array(matrix).T
        distance = np.linalg.norm(seen[:, None] - seen[None], axis=2) + np.eye(len(seen))
        assert distance.min() > 0.1


def test_one_endless_interval_is_cut_and_does_not_squeeze_the_others():
    rows = pd.DataFrame(
        {"label": list("abc"), "value": [1.1, 0.9, 1.0], "low": [0.9, 0.7, 0.1], "high": [1.3, 1.2, 1e9]}
    )
    figure = forest(rows, label="odds ratio", ratio=True)
    assert figure.drawing.axes[0].get_xlim()[1] < 10
    assert "> 1000" in figure.alt


def test_characters_that_mean_something_in_markup_are_escaped():
    rows = contrasts().assign(label=["a < b & c", "</title><script>"])
    root = ET.fromstring(forest(rows, label="x").svg())
    assert "a < b & c" in root.find("{http://www.w3.org/2000/svg}title").text
    assert b"<script>" not in forest(rows, label="x").svg()


def test_dollar_signs_in_labels_are_not_read_as_formulas():
    figure = forest(contrasts().assign(label=["costs $5", "costs $\\frac{$"]), label="x")
    assert figure.svg()


def _arm(change):
    made = flow()
    made["arms"]["Control"] |= change
    return made


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({}, "'arrived' is missing"),
        (flow() | {"arms": {}}, "'arms' is empty"),
        (flow() | {"arrived": 231}, "assigned: 231 less 26 lost is not 204"),
        (flow() | {"arrived": 230.0}, "'before' is 230.0"),
        (flow() | {"not_assigned": {"declined": -26}}, "'declined' is -26"),
        (flow() | {"arrived": 231, "assigned": 205}, "the arms hold 204 people, but 'assigned' is 205"),
        (_arm({"completed": 99}), "completed of arm 'Control': 103 less 3 lost is not 99"),
        (_arm({"analysed": 100}), "analysed of arm 'Control': 100 less 1 lost is not 100"),
        ({**flow(), "arms": {"Control": {"assigned": 204}}}, "'left' is missing in arm 'Control'"),
    ],
)
def test_a_flow_that_does_not_add_up_is_refused(made, message):
    with pytest.raises(ValueError, match=message):
        consort(made)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: forest(contrasts().drop(columns="low"), label="x"), "'low' is missing"),
        (lambda: forest(contrasts().assign(low=1.0), label="x"), "outside its interval"),
        (lambda: forest(contrasts().assign(value="a"), label="x"), "'value' holds text"),
        (lambda: forest(contrasts().assign(value=np.nan), label="x"), "'value' is empty in every row"),
        (lambda: forest(contrasts(), label="x", ratio=True), "a ratio must be above 0"),
        (lambda: forest(contrasts(), label="x", equivalence=(1, 0)), "equivalence is"),
        (lambda: forest(contrasts().iloc[:0], label="x"), "no rows"),
        (lambda: power_curve(curve().drop(columns="simulations")), "'simulations' is missing"),
        (lambda: power_curve(curve().assign(power=80.0)), "'power' holds 80"),
        (lambda: power_curve(curve().assign(size=100)), "'size' holds a sample size twice"),
        (lambda: power_curve(curve(), target=80), "target is 80"),
        (lambda: value_curve(values().iloc[:0], threshold=0.1), "no rows"),
        (lambda: value_curve(values().assign(threshold=3.0), threshold=0.1), "'threshold' holds 3"),
        (lambda: rank_curve(ranks().assign(rank=np.nan), threshold=0.1), "0 values with a rank"),
        (lambda: reliability_diagram({}), "calibrations is empty"),
        (lambda: reliance_plane(pd.DataFrame({"label": ["a"]})), "'right' is missing"),
        (
            lambda: plane_points(reliance(two_arms(), by="arm").query("measure == 'accuracy'"), "arm"),
            "no group has both",
        ),
        (lambda: drawn("power").png(5000), "dpi is 5000"),
    ],
)
def test_data_that_cannot_be_drawn_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": ["Control"]}, "order: Control are not the groups"),
        (
            {"estimates": pd.DataFrame({"arm": ["a", "a"], "value": 1.0, "low": 1.0, "high": 1.0})},
            "names a group twice",
        ),
        ({"people": pd.DataFrame({"arm": ["a"]})}, "'value' is missing"),
    ],
)
def test_means_that_do_not_fit_together_are_refused(change, message):
    estimates = pd.DataFrame({"arm": ["a", "b"], "value": [1.0, 2.0], "low": [0.5, 1.5], "high": [1.5, 2.5]})
    people = pd.DataFrame({"arm": ["a", "a", "b"], "value": [1.0, 1.2, 2.0]})
    arguments = {"estimates": estimates, "people": people, "label": "x"} | change
    with pytest.raises(ValueError, match=message):
        means(**arguments)


@pytest.mark.parametrize("title", ["Agreement", "EXPLORATORY: not in the registered plan", "A heading " * 9])
def test_a_drawing_is_as_wide_as_its_title_however_few_its_groups(title):
    estimates = pd.DataFrame({"arm": ["a"], "value": [0.5], "low": [0.4], "high": [0.6]})
    people = pd.DataFrame({"arm": ["a", "a"], "value": [0.4, 0.6]})
    drawn = means(estimates, people, label="agree", title=title)
    drawn.svg()
    drawing = drawn.drawing
    axes = drawing.axes[0]
    shown = max(text.get_window_extent().x1 for text in (axes.title, axes._left_title) if text.get_text())
    assert shown <= drawing.bbox.x1


def test_quantities_that_are_no_differences_are_not_held_against_zero():
    rows = pd.DataFrame({"label": ["a", "b"], "value": [0.1, 0.3], "low": [0.05, 0.2], "high": [0.2, 0.4]})
    held, plain = forest(rows, label="x").svg().decode(), forest(rows, label="x", apart=False).svg().decode()
    assert "excludes 0" in held
    assert "95% intervals" in plain
    assert "excludes" not in plain
