"""Which row of a model is which row of a catalogue: the two list their items apart and change apart."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from domain.catalog.snapshot import CatalogSnapshot
from domain.models.factor_model import FactorModel


class Alignment:
    """One catalogue of n items beside one model of m.

    Attributes:
        rows: int64[n], the model's row of each item of the catalogue; -1 for items that it does not know.
        unknown: int64[u], items of the catalogue that the model does not know.
    """

    def __init__(self, catalog: CatalogSnapshot, model: FactorModel) -> None:
        rows = (model.rows.get(item_id, -1) for item_id in catalog.item_ids)
        self.rows = np.fromiter(rows, dtype=np.int64, count=len(catalog))
        self.unknown = np.flatnonzero(self.rows < 0)
        self._model = model
        self._same = np.array_equal(self.rows, np.arange(len(model)))

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The catalogue's row of each item of the model, int64[m]; -1 for items that it does not hold."""
        places = np.full(len(self._model), -1, dtype=np.int64)
        known = np.flatnonzero(self.rows >= 0)
        places[self.rows[known]] = known
        return places

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """Which items training saw, bool[n]; those placed by their content came later."""
        seen: NDArray[np.bool_] = (self.rows >= 0) & (self.rows < len(self._model) - self._model.placed)
        return seen

    @cached_property
    def trained(self) -> NDArray[np.float32]:
        """The people that the model knows of, for each item, float32[n]; 0 for items that came later."""
        return self.of_trained(self._model.popularity)

    def of_trained(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values of the items that training saw, by the catalogue's rows, float32[n]; 0 for items that came later."""
        spread = np.zeros(len(self.rows), dtype=np.float32)
        spread[self.used] = values[self.rows[self.used]]
        return spread

    def on_catalog(self, blended: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of the model's items as scores of the catalogue's, float32[n]; unknown items stand with the last."""
        if self._same:
            return blended.copy()
        if len(blended) == 0:
            return np.zeros(len(self.rows), dtype=np.float32)
        ranked = blended[self.rows]
        ranked[self.unknown] = blended.min()
        return ranked

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Factors of these catalogue rows, float32[k, d]; zeros for items unknown to the model."""
        model_rows = self.rows[rows]
        vectors = np.zeros((len(rows), self._model.factors.shape[1]), dtype=np.float32)
        known = model_rows >= 0
        vectors[known] = self._model.factors[model_rows[known]]
        return vectors
