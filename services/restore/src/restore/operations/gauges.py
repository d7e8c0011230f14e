"""Sets the gauges that an operator is alerted by."""

from restore import metrics, queries
from restore.domain.order import TERMINAL, State
from shared.db import Database


async def measure(database: Database) -> None:
    async with database.reading() as session:
        by_state = await queries.count_open(session)
    for state in set(State) - TERMINAL:
        metrics.RESTORES.labels(state).set(by_state.get(state, 0))
    metrics.PARKED.set(by_state.get(State.NEEDS_OPERATOR, 0))
