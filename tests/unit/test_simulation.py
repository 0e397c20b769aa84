"""`personalization simulate experiments`: what the statistics promise holds in small seeded runs."""

import json
from pathlib import Path
from typing import Any
from xml.dom import minidom

from click.testing import CliRunner, Result

from cli.main import main
from domain.experiments.simulation.studies import STUDIES


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ("simulate", "experiments", *arguments))


def figures(study: str, runs: int, seed: int = 3) -> dict[str, dict[str, Any]]:
    shown = run("--only", study, "--runs", str(runs), "--seed", str(seed), "--json")
    assert shown.exit_code == 0, shown.output
    answer = json.loads(shown.stdout)
    assert [one["study"] for one in answer["studies"]] == [study]
    return {finding["figure"]: finding for finding in answer["studies"][0]["findings"]}


def test_looking_often_finds_nothing_too_often_only_by_the_rule_of_a_single_look() -> None:
    found = figures("peeking", 400)
    for metric in ("rate", "skewed mean"):
        assert found[f"{metric}: confidence sequence"]["value"] <= 0.055
        assert found[f"{metric}: 10 planned looks"]["value"] <= 0.09
        assert 0.27 <= found[f"{metric}: t test at each look"]["value"] <= 0.47
        assert found[f"{metric}: t test at the end"]["value"] <= 0.09


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    found = figures("coverage", 1000)
    assert found.pop("quantile, clusters ignored")["value"] < 0.9
    assert len(found) == 10
    for name, figure in found.items():
        assert figure["value"] >= 0.92, name
        assert figure["value"] <= 0.98 or name == "mean, confidence sequence"


def test_planned_sizes_have_the_planned_power() -> None:
    found = figures("power", 1000)
    planned = [figure for name, figure in found.items() if name.endswith("an arm)")]
    assert len(planned) == 3
    assert all(0.75 <= figure["value"] <= 0.85 for figure in planned)
    assert 0.79 <= found["means, sequence, any of 20 looks"]["value"] <= 0.89
    assert found["the same: share of the units needed"]["value"] < 0.8


def test_a_broken_split_raises_the_alarm_and_a_fair_one_does_not() -> None:
    found = figures("sample-ratio", 500)
    assert found["51 % instead of 50 %: alarm"]["value"] > 0.95
    for name in ("fair split of two: alarm", "fair split of three: alarm"):
        assert found[name]["value"] <= 0.01
    assert found["100 looks, chi-square: p < 0.05"]["value"] > 0.25
    assert found["100 looks, Dirichlet-multinomial: p < 0.05"]["value"] <= 0.05


def test_a_seed_decides_everything_and_another_seed_something_else() -> None:
    assert figures("power", 50, seed=1) == figures("power", 50, seed=1)
    assert figures("power", 50, seed=1) != figures("power", 50, seed=2)


def test_a_figure_says_whether_its_goal_is_met() -> None:
    for figure in figures("power", 50).values():
        assert figure["low"] <= figure["value"] <= figure["high"]
        goal = figure["goal"]
        if goal is None:
            assert figure["met"] is None
        else:
            above = goal["low"] is None or figure["value"] >= goal["low"]
            below = goal["high"] is None or figure["value"] <= goal["high"]
            assert figure["met"] is (above and below)


def test_every_study_prints_its_figures_and_draws_its_pictures(tmp_path: Path) -> None:
    shown = run("--runs", "20", "--plots", str(tmp_path / "pictures"))
    assert shown.exit_code == 0
    for name, study in STUDIES.items():
        assert f"{name}: {study.about} (20 runs, seed 0)" in shown.stdout
        drawn = (tmp_path / "pictures" / f"{name}.svg").read_text()
        assert minidom.parseString(drawn).documentElement.tagName == "svg"  # noqa: S318 - of our own making
    assert "95 % interval" in shown.stdout
    assert "…" not in shown.stdout


def test_what_cannot_be_run_is_refused_before_anything_runs(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    for arguments, said in (
        (("--only", "luck"), "there is no study luck; there are peeking"),
        (("--runs", "19"), "runs are 20 to 1000000"),
        (("--runs", "1000001"), "runs are 20 to 1000000"),
        (("--seed", "-1"), "a seed is not negative"),
    ):
        shown = run(*arguments)
        assert shown.exit_code == 2
        assert said in shown.stderr
    assert run("--plots", str(taken)).exit_code == 2


def test_a_folder_that_cannot_be_made_is_refused() -> None:
    shown = run("--only", "power", "--runs", "20", "--plots", "/proc/none")
    assert shown.exit_code == 2
    assert "VALIDATION" in shown.stderr


def test_bandits_lose_less_than_an_equal_split_and_less_still_where_they_look_at_contexts() -> None:
    found = {name: figure["value"] for name, figure in figures("regret", 20).items()}
    assert found["best arm known: regret"] < found["Thompson: regret"] < 0.4 * found["equal split: regret"]
    assert found["UCB1: regret"] < 0.8 * found["equal split: regret"]
    blind = found["contexts: Thompson, no context: regret"]
    for policy in ("LinUCB", "inverse gap"):
        assert found["contexts: best arm known: regret"] < found[f"contexts: {policy}: regret"] < 0.5 * blind


def test_off_policy_intervals_hold_the_truth_and_thin_logs_are_refused() -> None:
    found = {name: figure["value"] for name, figure in figures("off-policy", 300).items()}
    for name in ("IPS", "SNIPS", "DR"):
        assert 0.9 <= found[f"{name}: intervals that hold the truth"] <= 0.99
    bias = {name.partition(":")[0]: value for name, value in found.items() if "bias" in name}
    assert abs(bias["DR"]) < 0.005 < abs(bias["DM"])
    assert found["log that says too little: refused"] >= 0.95


def test_means_within_splits_hold_the_truth_where_plain_ones_compare_hours() -> None:
    found = {name: figure["value"] for name, figure in figures("adaptive", 300).items()}
    for rates in ("steady", "rising"):
        assert found[f"{rates} rates, means within splits: intervals that hold the truth"] >= 0.9
        assert abs(found[f"{rates} rates, means within splits: bias of a difference of 0.02"]) < 0.002
    assert found["rising rates, plain means: intervals that hold the truth"] < 0.8
    assert found["rising rates, plain means: bias of a difference of 0.02"] > 0.003
