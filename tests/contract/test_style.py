"""The measurable ones of the ten style rules."""

import ast
from statistics import median

import pytest

from tests.contract.source import Module, modules

MODULE_LINES = 300
FUNCTION_LINES = 40
MEDIAN_FUNCTION_LINES = 10
VAGUE_NAMES = {"util", "helper", "manager", "common", "base", "misc"}

PRODUCT = modules()
EVERYTHING = PRODUCT + modules(folders=("tests", "benchmarks"))


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("module", EVERYTHING, ids=lambda module: str(module.path))
def test_modules_and_functions_are_short(module: Module) -> None:
    assert len(module.text.splitlines()) <= MODULE_LINES
    assert {node.name: length(node) for node in module.functions() if length(node) > FUNCTION_LINES} == {}


def test_most_functions_are_very_short() -> None:
    assert median(length(node) for module in PRODUCT for node in module.functions()) <= MEDIAN_FUNCTION_LINES


def test_every_module_says_why_it_exists() -> None:
    assert [str(module.path) for module in PRODUCT if not ast.get_docstring(module.tree)] == []


def test_no_module_has_a_name_that_could_hold_anything() -> None:
    def vague(module: Module) -> bool:
        words = {word for part in module.path.with_suffix("").parts for word in part.lower().split("_")}
        return bool({word.removesuffix("s") for word in words} & VAGUE_NAMES)

    assert [str(module.path) for module in EVERYTHING if vague(module)] == []
