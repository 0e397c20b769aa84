"""Who gets which variation: the hash, its ranges, targeting and `personalization assign`."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from cli.main import main
from domain.errors import ValidationFailed
from domain.experiments.assignment import Reason, assign
from domain.experiments.bucketing import (
    OUTSIDE,
    Namespace,
    Range,
    bucket_ranges,
    choose_variation,
    equal_weights,
    in_namespace,
)
from domain.experiments.definition import Experiment, parse_experiment
from domain.experiments.hashing import bucket_of, fnv1a32
from domain.experiments.targeting import check_condition, meets

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "experiments" / "growthbook_bucketing.json"
ELSEWHERE = {"url", "qaMode", "enabled", "features"}
"""What the SDKs are told beside the experiment and the attributes: a page's address, switches, other features."""

weights = st.lists(st.integers(0, 100), min_size=2, max_size=6).filter(any)


def experiment(**fields: Any) -> Experiment:
    return parse_experiment(json.dumps({"key": "e", "variations": [0, 1], **fields}))


def run(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(main, ("assign", *arguments), input=text)


def conformance() -> dict[str, list[Any]]:
    if not CASES.exists():
        pytest.skip(f"the conformance cases are not in {CASES.parent.name}/")
    cases: dict[str, list[Any]] = json.loads(CASES.read_text())["cases"]
    return cases


def test_fnv_agrees_with_the_published_vectors() -> None:
    # From the test vectors of draft-eastlake-fnv: the empty text, "a" and "foobar".
    assert [fnv1a32(text) for text in ("", "a", "foobar")] == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]


def test_a_sign_beyond_the_basic_plane_is_two_code_units() -> None:
    step = ((0x811C9DC5 ^ 0xD83D) * 0x01000193) & 0xFFFFFFFF
    assert fnv1a32("😀") == ((step ^ 0xDE00) * 0x01000193) & 0xFFFFFFFF


def test_conformance_of_hash_ranges_and_namespaces() -> None:
    cases = conformance()
    for seed, value, version, expected in cases["hash"]:
        if expected is None:
            with pytest.raises(ValidationFailed):
                bucket_of(seed, value, version)
        else:
            assert bucket_of(seed, value, version) == expected
    for name, (variations, coverage, shares), ranges in cases["getBucketRange"]:
        found = bucket_ranges(variations, coverage, shares)
        assert [list(part) for part in found] == [pytest.approx(part) for part in ranges], name
    for name, bucket, ranges, expected in cases["chooseVariation"]:
        assert choose_variation(bucket, [Range(*part) for part in ranges]) == expected, name
    for name, unit, namespace, expected in cases["inNamespace"]:
        assert in_namespace(unit, Namespace(*namespace)) is expected, name
    for variations, expected in cases["getEqualWeights"]:
        assert equal_weights(variations) == pytest.approx(expected, abs=1e-8)


def test_conformance_of_whole_assignments() -> None:
    looked_at = 0
    for name, context, definition, value, takes_part, hashed in conformance()["run"]:
        if ELSEWHERE & context.keys() or "parentConditions" in definition:
            continue
        attributes = context.get("attributes", {})
        forced = {str(attributes["id"]): n for n in context.get("forcedVariations", {}).values()}
        groups = context.get("savedGroups", {})
        written = {"hashVersion": 1, "forcedVariations": forced, "savedGroups": groups, **definition}
        got = assign(parse_experiment(json.dumps(written)), attributes)
        assert (got.variation != OUTSIDE) is takes_part, name
        assert definition["variations"][max(got.variation, 0)] == value, name
        assert (got.reason is Reason.HASHED) is hashed, name
        looked_at += 1
    assert looked_at > 60


@given(st.text(), st.text(), st.sampled_from([1, 2]))
def test_a_unit_lies_between_0_and_1_and_stays_there(seed: str, unit: str, version: int) -> None:
    bucket = bucket_of(seed, unit, version)
    assert 0.0 <= bucket < 1.0
    assert bucket == bucket_of(seed, unit, version)


@given(st.integers(0, 9999), weights, st.floats(0, 1), st.floats(0, 1))
def test_more_coverage_moves_nobody(place: int, parts: list[int], one: float, other: float) -> None:
    shares = [part / sum(parts) for part in parts]
    before = choose_variation(place / 10_000, bucket_ranges(len(parts), min(one, other), shares))
    after = choose_variation(place / 10_000, bucket_ranges(len(parts), max(one, other), shares))
    assert before in (OUTSIDE, after)


@given(weights)
def test_full_coverage_leaves_nobody_out_and_ranges_do_not_overlap(parts: list[int]) -> None:
    ranges = bucket_ranges(len(parts), 1.0, [part / sum(parts) for part in parts])
    assert all(choose_variation(place / 10_000, ranges) != OUTSIDE for place in range(0, 10_000, 7))
    assert all(one.end <= other.start + 1e-12 for one, other in pairwise(ranges))


@pytest.mark.parametrize("shares", [[-0.5, 1.5], [float("nan"), 1.0], [0.2, 0.2], [1.0]])
def test_weights_that_are_no_split_count_as_equal(shares: list[float]) -> None:
    assert bucket_ranges(2, 1.0, shares) == [(0.0, 0.5), (0.5, 1.0)]


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        ({"country": "PT"}, True),
        ({"country": {"$in": ["ES", "PT"]}, "visits": {"$gte": 3, "$lt": 4}}, True),
        ({"visits": {"$gt": 3}}, False),
        ({"visits": {"$gt": "2"}}, False),
        ({"missing": {"$lt": 9}}, False),
        ({"missing": {"$ne": 1}}, True),
        ({"missing": {"$exists": False}}, True),
        ({"device.type": "phone"}, True),
        ({"tags": {"$in": ["b", "z"]}}, True),
        ({"tags": {"$nin": ["b"]}}, False),
        ({"paying": 1}, False),
        ({"country": {"$not": {"$eq": "PT"}}}, False),
        ({"$not": {"country": "ES"}}, True),
        ({"$or": [{"country": "ES"}, {"visits": 3}]}, True),
        ({"$and": [{"country": "PT"}, {"visits": 4}]}, False),
        ({"$nor": [{"country": "ES"}, {"visits": 4}]}, True),
        ({"country": {"$inGroup": "iberia"}}, True),
        ({"country": {"$notInGroup": "iberia"}}, False),
        ({"country": {"$inGroup": "unknown"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    person = {"country": "PT", "visits": 3, "device": {"type": "phone"}, "tags": ["a", "b"], "paying": True}
    check_condition(condition)
    assert meets(condition, person, {"iberia": ["ES", "PT"]}) is holds


@pytest.mark.parametrize(
    "condition", [{"a": {"$near": 1}}, {"$xor": []}, {"a": {"$in": 1}}, {"$or": {"a": 1}}, {"$not": 1}]
)
def test_a_condition_that_means_nothing_is_refused(condition: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        experiment(condition=condition)
    assert str(refused.value.field).startswith("condition.")


@pytest.mark.parametrize(
    "fields", [{"wieghts": [1, 0]}, {"coverage": 1.5}, {"hashVersion": 3}, {"ranges": [[0, 1]]}, {"variations": []}]
)
def test_a_definition_that_means_nothing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed):
        experiment(**fields)


def test_an_id_is_text_or_a_whole_number() -> None:
    assert assign(experiment(), {"id": 7}) == assign(experiment(), {"id": "7"})
    with pytest.raises(ValidationFailed):
        assign(experiment(), {"id": 7.5})


def test_experiments_of_one_namespace_exclude_each_other() -> None:
    one, other = (experiment(key=key, namespace=["n", *part]) for key, part in (("a", (0, 0.5)), ("b", (0.5, 1))))
    for number in range(200):
        both = [assign(each, {"id": number}).variation != OUTSIDE for each in (one, other)]
        assert sum(both) == 1


def test_the_command_prints_user_place_and_variation() -> None:
    shown = run("--seed", "checkout-1", text="ana\nbia\n")
    lines = [line.split(",") for line in shown.stdout.splitlines()]
    assert lines[0] == ["user", "n", "variation"]
    assert [(user, float(n)) for user, n, _ in lines[1:]] == [(u, bucket_of("checkout-1", u)) for u in ("ana", "bia")]
    assert [int(variation) for *_, variation in lines[1:]] == [int(float(n) >= 0.5) for _, n, _ in lines[1:]]


def test_the_command_reads_a_definition_and_attributes(tmp_path: Path) -> None:
    definition, people = tmp_path / "e.json", tmp_path / "people.jsonl"
    definition.write_text(
        json.dumps({"key": "e", "variations": ["a", "b"], "weights": [0, 1], "condition": {"country": "PT"}})
    )
    people.write_text('{"id": "ana", "country": "PT"}\n{"id": "bob", "country": "UK"}\n{"country": "PT"}\n')
    shown = json.loads(run(str(definition), "--users", str(people), "--attributes", "--json").stdout)
    assert shown["experiment"] == "e"
    assert [(one["user"], one["variation"], one["reason"]) for one in shown["assignments"]] == [
        ("ana", 1, "hashed"),
        ("bob", -1, "not targeted"),
        (None, -1, "no unit"),
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "--seed"),
        (("--seed", "s", "--weights", "a,b"), "--weights"),
        (("--seed", "s", "--weights", "0.5,0.1"), "--weights"),
        (("--seed", "s", "--coverage", "2"), "--coverage"),
        (("--seed", "s", "--attributes"), "line 1"),
        (("absent.json",), "absent.json"),
        (("absent.json", "--seed", "s"), "--seed"),
    ],
)
def test_wrong_input_is_one_line_and_exit_status_2(arguments: tuple[str, ...], named: str) -> None:
    shown = run(*arguments, text="ana\n")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("VALIDATION: ")
    assert named in shown.stderr
    assert shown.stderr.count("\n") == 1
