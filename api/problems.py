"""Every failure of a request as `application/problem+json`: typed errors, the framework's own, and the unforeseen."""

import json
import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.errors import PROBLEM_JSON, ApiError, InvalidRequest, Problem, problem_of
from api.logs import request_id
from api.middleware import REQUEST_ID, SECURITY_HEADERS
from detector.errors import DetectorError
from generator.errors import GeneratorError

HTTP_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}
log = logging.getLogger("shingan.http")


class _Quoting(JSONResponse):
    """May quote what was sent, even half a surrogate pair, which stays the escape that it came as."""

    def render(self, content: object) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace")


def install(app: FastAPI) -> None:
    """Makes `app` answer every failure with a problem."""
    for kind in (ApiError, DetectorError, GeneratorError):
        app.add_exception_handler(kind, _typed)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


def problem_response(problem: Problem) -> JSONResponse:
    headers = dict(SECURITY_HEADERS)
    if (chosen := request_id.get()) is not None:
        headers[REQUEST_ID] = chosen
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    return _Quoting(dict(problem.body), problem.status, headers, PROBLEM_JSON)


async def _typed(request: Request, error: Exception) -> JSONResponse:
    return problem_response(problem_of(error, instance=request.url.path))


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the handler is registered for nothing else
    # Without `input`: what was sent does not come back, and may be large.
    faults = [{"where": list(fault["loc"]), "what": fault["msg"]} for fault in error.errors()]
    problem = problem_of(InvalidRequest("A field is missing or malformed.", errors=faults), instance=request.url.path)
    return problem_response(problem)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler is registered for nothing else
    code = HTTP_CODES.get(error.status_code, "http_error")
    body = {"type": f"urn:shingan:error:{code}", "title": error.detail, "status": error.status_code}
    body |= {"detail": error.detail, "code": code, "instance": request.url.path}
    answer = problem_response(Problem(error.status_code, body))
    answer.headers.update(error.headers or {})
    return answer


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    log.error("unforeseen", exc_info=error)
    return problem_response(problem_of(error, instance=request.url.path))
