"""The list of backups: one page of twenty against the bare query, and a page deep in it against the first."""

import httpx

from tests.bench.figures import Figure, Scale, alternate, duration, rate
from tests.bench.load import press
from tests.bench.servers import Catalog, Servers, bare_at_work, catalog_at_work

PATH = "/api/v1/backups"
BARE = "bare ASGI and asyncpg: the same query and JSON"


async def measure(servers: Servers, scale: Scale) -> list[Figure]:
    async with (
        catalog_at_work(servers, scale.backups) as catalog,
        bare_at_work(servers, "page", database_url=catalog.database_url, owner_id=catalog.owner.owner_id) as bare,
    ):
        headers = servers.issuer.headers(catalog.owner)
        deep = f"{PATH}?cursor={await check_and_walk(catalog, bare, headers, scale.backups // 2)}"
        rounds = await alternate(
            scale.rounds,
            lambda: press(catalog.api_port, PATH, headers, scale.seconds),
            lambda: press(bare, "/", {}, scale.seconds),
            lambda: press(catalog.api_port, deep, headers, scale.seconds),
        )
    return [
        rate("list_page", "pages/s", BARE, [(ours.per_second, bare.per_second) for ours, bare, _ in rounds]),
        duration("list_page_p50", "ms", BARE, [(ours.p50, bare.p50) for ours, bare, _ in rounds]),
        duration("list_page_p99", "ms", BARE, [(ours.p99, bare.p99) for ours, bare, _ in rounds]),
        rate(
            "list_page_deep",
            "pages/s",
            f"the first page; this one is {scale.backups // 2:,} backups deep",
            [(deep.per_second, first.per_second) for first, _, deep in rounds],
        ),
    ]


async def check_and_walk(catalog: Catalog, bare: int, headers: dict[str, str], depth: int) -> str:
    """The cursor that many backups deep; on the way, that both servers give the same items."""
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:
        ours = (await client.get(f"http://127.0.0.1:{catalog.api_port}{PATH}")).raise_for_status().json()
        theirs = (await client.get(f"http://127.0.0.1:{bare}/")).raise_for_status().json()
        assert ours["items"] == theirs["items"], "the limit does not do the same work"
        page, left = ours, depth - len(ours["items"])
        while left > 0:
            query = {"cursor": page["next_cursor"], "limit": min(left, 100)}
            answer = await client.get(f"http://127.0.0.1:{catalog.api_port}{PATH}", params=query)
            page = answer.raise_for_status().json()
            left -= len(page["items"])
    cursor: str = page["next_cursor"]
    return cursor
