"""The OpenAPI tells a generated client how to send a key, and for which routes."""

import httpx


async def test_routes_that_need_a_key_say_how_it_is_sent(client: httpx.AsyncClient) -> None:
    described = (await client.get("/v1/openapi.json")).json()
    schemes = described["components"]["securitySchemes"]
    assert {(scheme["type"], scheme.get("scheme") or scheme["name"]) for scheme in schemes.values()} == {
        ("http", "bearer"),
        ("apiKey", "X-API-Key"),
    }
    paths = described["paths"]
    assert [len(way) for way in paths["/v1/inspections"]["post"]["security"]] == [1, 1]
    assert "security" not in paths["/v1/verifications"]["post"]
    assert "security" not in paths["/v1/compliance"]["get"]
