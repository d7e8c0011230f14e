"""What a query of several columns gives."""

from typing import Any

from sqlalchemy import Row, Select

AnySelect = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]
