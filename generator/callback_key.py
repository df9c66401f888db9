"""Signs with a key that never leaves its keeper: a key management service or a hardware module behind a function."""

import logging
from collections.abc import Callable
from typing import Final

import c2pa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from generator.errors import SigningFailed
from generator.signing import algorithm_of, leaf_of

HASHES: Final[dict[c2pa.C2paSigningAlg, HashAlgorithm]] = {
    c2pa.C2paSigningAlg.ES256: SHA256(),
    c2pa.C2paSigningAlg.ES384: SHA384(),
    c2pa.C2paSigningAlg.ES512: SHA512(),
}
_log = logging.getLogger(__name__)


class CallbackKey:
    """Calls `sign` with the bytes to be signed (not their hash) and takes the signature that it returns.

    `chain` holds PEM certificates, leaf first. `algorithm` is what C2PA has for the leaf's key, and what `sign` must
    use: ES256, ES384 or ES512 by the curve (ECDSA with SHA-256, -384, -512), ED25519, or for RSA PS256 (PSS, SHA-256,
    salt of 32 bytes). An ECDSA signature may come in DER, which most keepers give, or as r and s side by side. One
    that the leaf does not verify is never used. Raises `SigningFailed` if `chain` is unusable.
    """

    def __init__(
        self, sign: Callable[[bytes], bytes], *, chain: bytes, name: str, timestamp_url: str | None = None
    ) -> None:
        self._sign = sign
        self._chain = chain
        self._leaf = leaf_of(chain)
        self.algorithm = algorithm_of(self._leaf.public_key())
        self.name = name
        self.timestamp_url = timestamp_url

    def signer(self, *, timestamp_url: str | None = None) -> c2pa.Signer:
        try:
            # The library's signer holds on to the function that it is given, for as long as it may call it.
            return c2pa.Signer.from_callback(self._signature, self.algorithm, self._chain.decode(), timestamp_url)
        except (ValueError, c2pa.C2paError) as error:
            raise SigningFailed("The certificate of the signing key is unusable.") from error

    def certificate(self) -> x509.Certificate:
        return self._leaf

    def _signature(self, data: bytes) -> bytes:
        """The signature of `data` as COSE wants it; empty if there is none, on which the library gives up."""
        key = self._leaf.public_key()
        try:
            signature = self._sign(data)
            if isinstance(key, ec.EllipticCurvePublicKey):
                signature = raw_ecdsa(signature, key.curve)
            _verify(key, signature, data, HASHES.get(self.algorithm, SHA256()))
        except Exception as error:  # whatever a keeper's client raises; the native caller could not pass it on
            _log.error("signing_callback_failed", extra={"error": type(error).__name__})
            return b""
        return signature


def raw_ecdsa(signature: bytes, curve: ec.EllipticCurve) -> bytes:
    """An ECDSA `signature` as r and s side by side, each as long as the curve's order (RFC 9053, section 2.1).

    One that has that length is taken to be so already, any other to be DER. Raises `ValueError` if it is neither.
    """
    size = _size(curve)
    if len(signature) == 2 * size:
        return signature
    r, s = decode_dss_signature(signature)
    try:
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    except OverflowError as error:
        raise ValueError("the signature is of another curve") from error


def _verify(key: CertificatePublicKeyTypes, signature: bytes, data: bytes, hashed: HashAlgorithm) -> None:
    """Raises `InvalidSignature`."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        size = _size(key.curve)
        r, s = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashed))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, data)
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PSS(padding.MGF1(hashed), hashed.digest_size), hashed)
    else:
        raise InvalidSignature


def _size(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8
