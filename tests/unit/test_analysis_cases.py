"""`personalization analyze` against the reference cases, and against what it must refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from domain.experiments.analysis import KINDS, Analyst

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "experiments" / "stat_cases.json"
DRAWN = {"gbstats_mc_10k", "best_arm_mc"}
"""What the reference drew by chance."""

HUGE = {"n": 9, "sum": 1e200, "sum_squares": 1e300}
FAR = {"y": [1e300, 1], "x": [1, 2]}
PROPORTION = {"kind": "two_proportion", "control": {"x": 120, "n": 1000}, "treatment": {"x": 150, "n": 1000}}


def run(*questions: Any, arguments: tuple[str, ...] = ()) -> Result:
    return CliRunner().invoke(main, ("analyze", *arguments), input="\n".join(json.dumps(one) for one in questions))


def reference() -> dict[str, Any]:
    if not CASES.exists():
        pytest.skip(f"the reference cases are not in {CASES.parent.name}/")
    read: dict[str, Any] = json.loads(CASES.read_text())
    return read


def differences(got: Any, expected: Any, tolerance: float, path: str = "") -> list[str]:
    if isinstance(expected, dict):
        return [d for name in expected for d in differences(got[name], expected[name], tolerance, f"{path}.{name}")]
    if isinstance(expected, list):
        pairs = zip(got, expected, strict=True)
        return [d for n, (a, b) in enumerate(pairs) for d in differences(a, b, tolerance, f"{path}.{n}")]
    same = got == pytest.approx(expected, rel=tolerance, abs=1e-12)
    return [] if same else [f"{path}: {got} instead of {expected}"]


def questions(case: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The questions of a reference case with what is expected: its inputs, or those in each row of what is expected."""
    if isinstance(case["expected"], dict):
        expected = {name: value for name, value in case["expected"].items() if name not in DRAWN}
        return [({"id": case["id"], "kind": case["kind"], "inputs": case["inputs"]}, expected)]
    fields = KINDS[case["kind"]].model_fields
    rows = [({name: row[name] for name in row if name in fields}, row) for row in case["expected"]]
    said = ("note", "must_flag")
    return [
        ({"kind": case["kind"], "inputs": inputs}, {n: v for n, v in row.items() if n not in inputs and n not in said})
        for inputs, row in rows
    ]


def test_every_reference_case_is_met_within_its_tolerance() -> None:
    analyst, wrong = Analyst(), []
    for case in reference()["cases"]:
        for question, expected in questions(case):
            tolerance = 1e-9 if case["kind"] == "thompson_allocation" else case["rel_tol"]
            got = analyst.answer(question)
            wrong += differences(got, expected, tolerance, case["id"])
            assert got["method"]
            assert got["assumptions"]
    assert wrong == []


def test_every_kind_of_the_reference_is_known_with_its_fields() -> None:
    for shape in reference()["shapes"]:
        rows = shape["expected"] if isinstance(shape["expected"], list) else [shape["inputs"]]
        required = {name for name, field in KINDS[shape["kind"]].model_fields.items() if field.is_required()}
        assert all(required <= row.keys() for row in rows), shape["kind"]


def test_a_line_in_is_a_line_out() -> None:
    shown = run({"id": "a", **PROPORTION}, {"kind": "ucb1_index", "inputs": {"counts": [1, 1], "rewards": [0, 1]}})
    first, second = map(json.loads, shown.stdout.splitlines())
    assert (first["id"], first["kind"], second["kind"]) == ("a", "two_proportion", "ucb1_index")
    # sqrt(2 ln 2) by hand, after Auer et al. 2002.
    assert second["ucb1"] == pytest.approx([1.1774100225154747, 2.1774100225154747])


@pytest.mark.parametrize(
    "question",
    [
        {"kind": "linucb_disjoint", "contexts": [[1]], "actions": [10**12], "rewards": [1], "alpha": 1, "query": [[1]]},
        {"kind": "sample_size_mean", "cohen_d": 0.2, "ratio": 1e300},
        {"kind": "welch_t", "control": HUGE, "treatment": HUGE},
        {"kind": "cuped_mean", "raw": {"control": FAR, "treatment": FAR}},
    ],
)
def test_extreme_numbers_are_answered_or_refused_in_one_line(question: dict[str, Any]) -> None:
    shown = run(question)
    assert shown.exit_code in (0, 2)
    assert (shown.stdout + shown.stderr).count("\n") == 1
    if shown.exit_code == 2:
        assert shown.stderr.startswith("VALIDATION: line 1")


def test_a_table_for_people() -> None:
    shown = run(PROPORTION, arguments=("--table",))
    assert "two_proportion" in shown.stdout
    assert "0.0496404" in shown.stdout
    assert "assumes: " in shown.stdout


def test_a_question_takes_over_the_inputs_of_an_earlier_one() -> None:
    raw = {"control": {"y": [1, 2, 4, 3], "x": [1, 2, 3, 3]}, "treatment": {"y": [3, 4, 5, 5], "x": [1, 3, 2, 3]}}
    asked = {"id": "one", "kind": "cuped_mean", "inputs": {"raw": raw}}
    one, other = map(json.loads, run(asked, {"kind": "cuped_mean", "inputs": {"see": "one"}}).stdout.splitlines())
    assert one.pop("id") == "one"
    assert one == other


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ({"kind": "t_test"}, "unknown kind 't_test'"),
        ({}, "unknown kind"),
        ({**PROPORTION, "alhpa": 0.1}, "alhpa: unknown field"),
        ({"kind": "ucb1_index", "inputs": {"counts": [1], "rewards": [1]}, "more": 1}, "more"),
        ({"kind": "two_proportion", "control": {"x": 5, "n": 4}, "treatment": {"x": 1, "n": 4}}, "x is 0 to n"),
        (
            {
                "kind": "welch_t",
                "control": {"n": 9, "sum": 9, "sum_squares": 1},
                "treatment": {"n": 9, "sum": 9, "sum_squares": 99},
            },
            "sum of squares",
        ),
        ({"kind": "cuped_mean", "inputs": {"see": "nobody"}}, "nobody"),
        ({"kind": "ratio_delta", "inputs": {}}, "control"),
        ({"kind": "srm_chisquare", "observed": [1, 2], "weights": [1, 0]}, "two arms"),
        ({"kind": "group_sequential_lan_demets", "information": [0.5, 0.4], "spending": "obf"}, "information"),
        ([1], "no JSON object"),
    ],
)
def test_wrong_input_is_one_line_that_names_the_place(question: Any, named: str) -> None:
    shown = run(question)
    assert shown.exit_code == 2
    assert shown.stderr.startswith("VALIDATION: line 1")
    assert named in shown.stderr
    assert shown.stderr.count("\n") == 1
