"""Every error has a status and one shape; nothing unforeseen shows its text."""

import pytest

import api.errors
from api.errors import ApiError, PolicyDenied, problem_of
from detector.errors import DetectorError, MediaTooLarge, UnreadableMedia, UnsupportedMedia
from generator.errors import GeneratorError


def tree(root: type[Exception]) -> list[type[Exception]]:
    return [root, *(kind for child in root.__subclasses__() for kind in tree(child))]


@pytest.mark.parametrize("kind", tree(DetectorError)[1:] + tree(GeneratorError)[1:])
def test_every_domain_error_has_a_status_of_its_own(kind: type[DetectorError]) -> None:
    assert kind.code in api.errors._DOMAIN


@pytest.mark.parametrize(
    ("error", "status"),
    [(UnreadableMedia("x"), 422), (MediaTooLarge("x"), 413), (UnsupportedMedia("x"), 415), (PolicyDenied("x"), 403)],
)
def test_status_of(error: Exception, status: int) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.body["status"], problem.body["detail"]) == (status, status, "x")


def test_the_body_is_a_problem_of_rfc_9457() -> None:
    body = problem_of(PolicyDenied("Faces of minors are not made.", policy_ids=["minor"]), instance="/v1/x").body
    assert body == {
        "type": "urn:shingan:error:policy_denied",
        "title": "The policy refuses this",
        "status": 403,
        "detail": "Faces of minors are not made.",
        "code": "policy_denied",
        "instance": "/v1/x",
        "policy_ids": ["minor"],
    }


def test_extra_fields_cannot_take_the_place_of_the_standard_ones() -> None:
    assert problem_of(PolicyDenied("x", status=200, code="ok")).body["status"] == 403


def test_what_nobody_foresaw_stays_secret() -> None:
    problem = problem_of(RuntimeError("password=hunter2"))
    assert problem.status == 500
    assert "hunter2" not in str(problem.body)


def test_a_code_means_one_thing() -> None:
    kinds = [kind for kind in tree(ApiError) if issubclass(kind, ApiError)]
    meanings = {(kind.code, kind.status, kind.title) for kind in kinds}
    assert len(meanings) == len({kind.code for kind in kinds}) >= len(kinds) - 1  # a quota is one, whoever finds out
    assert str(ApiError()) == ApiError.title
