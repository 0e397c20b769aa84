"""SciPy when it is needed: serving assigns people without a single distribution, and starts half a second sooner.

Each name stands for the module of SciPy that is called so and loads it with the first use.
"""

from importlib import import_module
from typing import Any, Final


class _Later:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)


optimize: Final = _Later("scipy.optimize")
special: Final = _Later("scipy.special")
stats: Final = _Later("scipy.stats")
