"""What this service keeps, declared: tables about people, other tables, Redis keys and folders."""

from typing import Final

from domain.privacy.data_map import DataMap
from domain.privacy.inventory.others import OTHERS
from domain.privacy.inventory.people import PEOPLE
from domain.privacy.inventory.places import PLACES

DATA_MAP: Final = DataMap((*PEOPLE, *OTHERS, *PLACES))
"""Everything that is kept."""
