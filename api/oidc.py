"""Bearer tokens of an OpenID Connect issuer: signature, issuer, audience and times hold before a claim counts."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import extract_compact

from api.auth import Actor, ApiKeys, Scope
from api.errors import Unauthenticated
from api.jwks import IssuerKeys
from api.settings import Settings

MAX_TOKEN: Final = 16 * 1024
"""Characters."""
INVALID: Final = "This token is not valid here."
"""Whatever is wrong with it: a caller who tries learns nothing."""


class BearerTokens:
    """Recognises the tokens of one issuer."""

    def __init__(self, settings: Settings, keys: ApiKeys, issuer_keys: IssuerKeys) -> None:
        self._settings = settings
        self._keys = keys
        self._issuer_keys = issuer_keys
        self._algorithms = sorted(settings.oidc_algorithms)
        self._claims = jwt.JWTClaimsRegistry(
            leeway=settings.oidc_leeway,
            iss={"essential": True, "value": settings.oidc_issuer},
            aud={"essential": True, "value": settings.oidc_audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    @classmethod
    def open(cls, settings: Settings, keys: ApiKeys) -> "BearerTokens | None":
        """Null if no issuer is set."""
        if not settings.oidc_issuer:
            return None
        return cls(settings, keys, IssuerKeys(settings.oidc_jwks_url))

    async def authenticate(self, token: str) -> Actor:
        """The actor behind `token`. Raises `Unauthenticated`, and `IssuerUnavailable` if its key cannot be had."""
        key_id = self._key_id(token)
        keys = await self._issuer_keys.find(key_id)
        if keys is None:
            raise Unauthenticated(INVALID)
        claims = await asyncio.to_thread(self._checked, token, keys)
        return self._actor(claims)

    def _key_id(self, token: str) -> str:
        """The key that signed, from a header that nobody has checked yet."""
        try:
            header = extract_compact(token.encode()).headers() if len(token) <= MAX_TOKEN else {}
        except (JoseError, ValueError, RecursionError) as error:
            raise Unauthenticated(INVALID) from error
        key_id = header.get("kid")
        if not isinstance(key_id, str) or header.get("alg") not in self._algorithms:
            raise Unauthenticated(INVALID)
        return key_id

    def _checked(self, token: str, keys: Any) -> Mapping[str, Any]:  # noqa: ANN401 - a KeySet
        try:
            claims = jwt.decode(token, keys, algorithms=self._algorithms).claims
            self._claims.validate(claims)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise Unauthenticated(INVALID) from error
        return claims

    def _actor(self, claims: Mapping[str, Any]) -> Actor:
        """Raises `Unauthenticated` if the token names no tenant."""
        chosen = self._settings
        named = claims.get(chosen.oidc_tenant_claim)
        tenant = chosen.oidc_tenants.get(named) if chosen.oidc_tenants and isinstance(named, str) else named
        if not isinstance(tenant, str) or not tenant or (chosen.oidc_tenants and named not in chosen.oidc_tenants):
            raise Unauthenticated(INVALID)
        subject = self._keys.pseudonym(f"{claims['iss']}\0{claims['sub']}")
        return Actor(f"oidc_{subject}", tenant, self._scopes(claims.get(chosen.oidc_scope_claim)))

    def _scopes(self, claimed: object) -> frozenset[str]:
        """What a claim, a text or a list of texts, opens here; values that mean nothing open nothing."""
        values = claimed.split() if isinstance(claimed, str) else claimed if isinstance(claimed, list) else []
        return frozenset(scope for value in values if isinstance(value, str) for scope in self._meaning(value))

    def _meaning(self, value: str) -> Iterable[str]:
        mapping = self._settings.oidc_scopes
        names = mapping.get(value, "").split() if mapping else [value]
        return [name for name in names if name in frozenset(Scope)]
