"""What the law of each place asks of generators and platforms, and what this instance does about it.

An operator's duties that no program can fulfil (terms of use, notices, deadlines) are named as such. This is no legal
advice; `tests/api/test_compliance.py` holds each statement about a file against a file that was really released.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from api.settings import Settings


class Standing(StrEnum):
    """How this instance stands to a duty."""

    DONE = "done"
    OPTIONAL = "optional"
    """Done where a setting or an option asks for it."""
    OPERATOR = "operator"
    """For people to do."""


@dataclass(frozen=True, slots=True)
class Duty:
    """`asks` is what the `rule` wants, `answer` what happens here; `key` names it in tests and dashboards."""

    key: str
    jurisdiction: str
    rule: str
    asks: str
    standing: Standing
    answer: str


DUTIES: Final = (
    Duty(
        "eu_two_layers",
        "eu",
        "AI Act Art. 50(2); Code of Practice 2026, two layers",
        "Outputs carry signed metadata and an imperceptible watermark.",
        Standing.DONE,
        "Every released file has a C2PA manifest and the mark shingan.wm.1, both read back before it leaves.",
    ),
    Duty(
        "eu_time_stamp",
        "eu",
        "Code of Practice 2026, signed and time-stamped metadata",
        "The metadata are time-stamped.",
        Standing.OPTIONAL,
        "With SHINGAN_TIMESTAMP_URL each signature carries an RFC 3161 time-stamp; without it, only the signer's time.",
    ),
    Duty(
        "eu_keep_marks",
        "eu",
        "Code of Practice 2026, marks of inputs are kept",
        "Marks and metadata of an input are not removed.",
        Standing.DONE,
        "Older credentials become a parent ingredient; a picture with a mark of this instance is not marked again.",
    ),
    Duty(
        "eu_free_detection",
        "eu",
        "Code of Practice 2026, detection free of charge",
        "Anyone can check a file.",
        Standing.DONE,
        "POST /v1/verifications and the soft-binding interface need no account.",
    ),
    Duty(
        "eu_visible_label",
        "eu",
        "AI Act Art. 50(4), deployers' disclosure",
        "Deep fakes are disclosed to people who see them.",
        Standing.OPTIONAL,
        "The label `eu` writes AI GENERATED or AI MODIFIED into the picture.",
    ),
    Duty(
        "eu_terms",
        "eu",
        "Code of Practice 2026, terms of use",
        "Terms forbid the removal of marks.",
        Standing.OPERATOR,
        "Terms are for the operator to write.",
    ),
    Duty(
        "california_latent",
        "california",
        "SB 942 (as amended), latent disclosure",
        "Provider, system and version, time and a unique identifier, in the file.",
        Standing.DONE,
        "The manifest names provider (SHINGAN_PROVIDER), product, version, time and record; the watermark carries the "
        "record's identifier.",
    ),
    Duty(
        "california_manifest",
        "california",
        "SB 942, manifest disclosure",
        "Users can choose a disclosure that people see.",
        Standing.OPTIONAL,
        "The option `label` writes one into the picture.",
    ),
    Duty(
        "california_detector",
        "california",
        "SB 942, free detection tool",
        "A public tool that tells whether the system made a file, without personal data.",
        Standing.DONE,
        "POST /v1/verifications and the page; the record that they show has no personal data.",
    ),
    Duty(
        "california_licensees",
        "california",
        "SB 942, licensees",
        "A licence is revoked within 96 hours if the licensee removes the disclosure.",
        Standing.OPERATOR,
        "`shingan keys revoke` ends a key at once; noticing is for the operator.",
    ),
    Duty(
        "china_implicit",
        "china",
        "GB 45438-2025, implicit label",
        "The metadata field AIGC with label, producer and identifier.",
        Standing.DONE,
        "Every released file has it in its XMP, inside the signed bytes.",
    ),
    Duty(
        "china_visible",
        "china",
        "GB 45438-2025, visible label of pictures",
        "AI and 生成 in letters of at least 5 % of the shortest side.",
        Standing.OPTIONAL,
        "With SHINGAN_JURISDICTION=china every release has it and the policy refuses one without; elsewhere by option.",
    ),
    Duty(
        "china_platform_check",
        "china",
        "Measures of 2025, platforms check the metadata of uploads",
        "The field AIGC of uploads is read.",
        Standing.DONE,
        "Verifications and inspections read it and ask for a review where it declares AI; it is unsigned.",
    ),
)


def compliance(settings: Settings) -> dict[str, Any]:
    """The table, and which place's rules this instance runs under."""
    return {
        "jurisdiction": settings.jurisdiction,
        "time_stamps": settings.timestamp_url is not None,
        "duties": [asdict(duty) | {"standing": str(duty.standing)} for duty in DUTIES],
    }
