"""`personalization evaluate` as a person runs it: every kind of file, what it prints, and what it refuses."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from cli.main import main
from tests.api.command import result

Row = tuple[str, str, int, int]

METRICS = {
    "ndcg_at_10", "recall_at_10", "recall_at_20", "mrr", "hit_rate_at_10", "novelty_at_10",
}  # fmt: skip


def ratings() -> list[Row]:
    """Thirty people of three tastes: user, item, rating, seconds since 1970."""
    random = np.random.default_rng(3)
    taken = [(user, int(item) + 10 * (user % 3)) for user in range(30) for item in random.permutation(10)[:7]]
    return [(f"{user}", f"{item}", 4, 1_500_000_000 + 60 * place) for place, (user, item) in enumerate(taken)]


def write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def movielens(folder: Path) -> Path:
    write_lines(
        folder / "ratings.csv", ["userId,movieId,rating,timestamp", *(",".join(map(str, r)) for r in ratings())]
    )
    write_lines(
        folder / "movies.csv", ["movieId,title,genres", *(f"{i},Film {i} (1999),Genre{i // 10}" for i in range(30))]
    )
    return folder


def udata(folder: Path) -> Path:
    write_lines(folder / "u.data", ["\t".join(map(str, row)) for row in ratings()])
    flags = "|".join(["0", "1", *["0"] * 17])
    write_lines(folder / "u.item", [f"{i}|Film {i} (1999)|01-Jan-1999||http://x|{flags}" for i in range(30)])
    return folder


def udata_file(folder: Path) -> Path:
    return udata(folder) / "u.data"


def recbole(folder: Path) -> Path:
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float"
    path = write_lines(folder / "films.inter", [header, *("\t".join(map(str, row)) for row in ratings())])
    rows = (f"{i}\tFilm {i}\tkind{i // 10} all" for i in range(30))
    write_lines(folder / "films.item", ["item_id:token\tmovie_title:token_seq\tclass:token_seq", *rows])
    return path


def recbole_folder(folder: Path) -> Path:
    return recbole(folder).parent


def generic_csv(folder: Path) -> Path:
    rows = (",".join(map(str, row)) for row in ratings())
    return write_lines(folder / "watched.csv", ["user_id,item_id,value,timestamp", *rows])


def jsonl(folder: Path) -> Path:
    rows = (dict(zip(("user_id", "item_id", "value", "timestamp"), row, strict=True)) for row in ratings())
    return write_lines(folder / "watched.jsonl", [json.dumps(row) for row in rows])


def parquet(folder: Path) -> Path:
    columns = zip(*ratings(), strict=True)
    table = dict(zip(("user_id", "item_id", "value", "timestamp"), map(list, columns), strict=True))
    pq.write_table(pa.table(table), folder / "watched.parquet")
    return folder / "watched.parquet"


def evaluate(data: Path, protocol: str, *options: str) -> Result:
    """Run the command in this process, which has loaded what it needs already."""
    arguments = ["evaluate", "--dataset", str(data), "--protocol", protocol, *options]
    return CliRunner().invoke(main, arguments, env={"COLUMNS": "200"})


def told(data: Path, protocol: str, *options: str) -> dict[str, Any]:
    """The JSON line of a run that must succeed."""
    ran = evaluate(data, protocol, *options, "--json")
    assert ran.exit_code == 0, ran.output
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is said of the generic CSV file."""
    return result("evaluate", "--dataset", str(generic_csv(tmp_path_factory.mktemp("csv"))), "--protocol", "holdout")


DESCRIBED = (movielens, udata, udata_file, recbole, recbole_folder)


@pytest.mark.parametrize("write", [*DESCRIBED, jsonl, parquet])
def test_each_kind_of_file_gives_the_same_figures(
    write: Callable[[Path], Path], tmp_path: Path, reference: dict[str, Any]
) -> None:
    found = told(write(tmp_path), "holdout")
    assert (found["users"], found["items"], found["interactions"], found["rejected"]) == (30, 30, 210, 0)
    assert {"popularity", "trend"} <= {model["kind"] for model in found["models"][-4:]}
    assert ("content" in {model["kind"] for model in found["models"]}) is (write in DESCRIBED)
    metrics = METRICS | ({"diversity_at_10", "miscalibration_at_10"} if write in DESCRIBED else set())
    for model in found["models"]:
        assert set(model) == metrics | {"kind", "coverage", "settings", "hybrid_less_this"}
        assert model["ndcg_at_10"]["low"] <= model["ndcg_at_10"]["mean"] <= model["ndcg_at_10"]["high"]
    singles, expected = ({m["kind"]: m["ndcg_at_10"] for m in one["models"]} for one in (found, reference))
    assert {kind: singles[kind] for kind in expected if kind != "hybrid"} == {
        kind: ndcg for kind, ndcg in expected.items() if kind != "hybrid"
    }
    if write not in DESCRIBED:
        for key in ("strongest_single", "difference", "slices", "shortened", "below_popularity", "blends"):
            assert found[key] == reference[key], key


@pytest.mark.parametrize("protocol", ["cv5", "leave-last", "time"])
def test_each_protocol_is_shown_as_tables_and_drawn(protocol: str, tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    ran = evaluate(movielens(tmp_path), protocol, "--plot", str(plot))
    assert ran.exit_code == 0, ran.output
    assert all(word in ran.stdout for word in ("hybrid", "EASE", "NDCG@10", "strongest single model", "popularity"))
    assert ET.parse(plot).getroot().tag.endswith("svg")  # noqa: S314 -- written by this test


def described_movielens(folder: Path) -> Path:
    """Forty-eight people of three tastes in sixty films, of which they like the newer ones; and words for some."""
    random = np.random.default_rng(4)
    films = [(film, film % 3, 1980 + film // 3) for film in range(60)]
    ratings = [
        f"{user},{film},4,{1_500_000_000 + film}"
        for user in range(48)
        for film, genre, year in films
        if random.random() < (0.8 if genre == user % 3 else 0.05) * (year - 1975) / 25
    ]
    write_lines(folder / "ratings.csv", ["userId,movieId,rating,timestamp", *ratings])
    write_lines(
        folder / "movies.csv", ["movieId,title,genres", *(f"{f},Film {f} ({year}),Genre{g}" for f, g, year in films)]
    )
    write_lines(
        folder / "tags.csv", ["userId,movieId,tag,timestamp", *(f"1,{f},seen,1500000000" for f in range(30, 60))]
    )
    return folder


def test_new_items_are_ranked_by_what_is_said_of_them(tmp_path: Path) -> None:
    data = described_movielens(tmp_path)
    found = told(data, "new-items")
    assert [variant["terms"] for variant in found["variants"]] == ["without people's tags", "with people's tags"]
    for variant in found["variants"]:
        kinds = {model["kind"]: model for model in variant["models"]}
        assert variant["new_items"] == 12
        assert {"content", "labels, cosine", "numbers, ridge to factors", "all terms, ridge to factors"} <= set(kinds)
        content = kinds["content"]["ndcg_at_10"]["mean"]
        assert content > kinds["numbers, ridge to factors"]["ndcg_at_10"]["mean"] + 0.1
        assert content > 0.7
    again = told(data, "new-items", "--no-tags")
    assert again["variants"] == found["variants"][:1]
    shown = evaluate(data, "new-items", "--tags")
    assert shown.exit_code == 0, shown.output
    assert "with people's tags" in shown.stdout
    assert "without people's tags" not in shown.stdout


def test_new_items_of_which_nothing_is_said_cannot_be_ranked(tmp_path: Path) -> None:
    ran = evaluate(generic_csv(tmp_path), "new-items")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "new items can only be ranked where items are described" in ran.stderr


def test_bad_rows_are_counted_and_kept_and_dismissals_are_no_success(tmp_path: Path) -> None:
    path = generic_csv(tmp_path)
    write_lines(path, [*path.read_text().splitlines(), "1,2,x,1500000000", "1,2,4,then", "1"])
    rejects = tmp_path / "bad.csv"
    found = told(path, "holdout", "--rejects", str(rejects))
    assert (found["interactions"], found["rejected"], found["rows"]) == (210, 3, 213)
    with rejects.open(newline="") as file:
        assert [row[:3] for row in csv.reader(file)][1:] == [
            ["watched.csv", "212", "value"], ["watched.csv", "213", "timestamp"], ["watched.csv", "214", ""]
        ]  # fmt: skip


def test_what_was_dismissed_is_left_out(tmp_path: Path) -> None:
    rows = (f"{user},{item},liked,{at}" for user, item, _, at in ratings())
    path = write_lines(tmp_path / "a.csv", ["user_id,item_id,type,timestamp", *rows, "1,2,dismissed,1500000000"])
    found = told(path, "holdout")
    assert (found["interactions"], found["dismissed"]) == (210, 1)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "user,item_id,timestamp\n1,2,1500000000\n", "has no column user_id"),
        ("a.csv", "user_id,item\n", "has no columns item_id, timestamp"),
        ("a.csv", "", "is empty"),
        ("a.csv", "user_id,item_id,timestamp\n1,2,never\n", "none of 1 rows"),
        ("a.inter", "user_id,item_id\n", "is not name:type"),
        ("a.inter", "user_id:token\titem_id:token\n1\t2\n", "has no column timestamp"),
        ("a.parquet", "no", "not a Parquet file"),
        ("u.data", "1 2 3 4\n", "none of 1 rows"),
        ("a.docx", "no", "is no data set"),
        ("a.csv", "user_id,item_id,timestamp\n1,2,1500000000\n", "too little data"),
    ],
)
def test_what_cannot_be_evaluated_is_one_clear_line(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    ran = evaluate(tmp_path / name, "leave-last")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "VALIDATION: " in ran.stderr
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_unknown_protocol_and_a_place_that_is_not_there_are_refused(tmp_path: Path) -> None:
    unknown = evaluate(tmp_path, "loo")
    assert unknown.exit_code == 2
    assert "leave-last" in unknown.stderr
    nowhere = evaluate(tmp_path / "none", "cv5")
    assert nowhere.exit_code == 2
    several = (recbole(tmp_path), write_lines(tmp_path / "b.inter", ["user_id:token"]))
    assert "2 .inter files" in evaluate(several[0].parent, "cv5").stderr
