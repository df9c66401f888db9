"""What comes onto the desk: several files at once, clips that become jobs, what cannot be read, what is handed on."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from api.audit_files import Compared, check_receipt, read_key
from detector.types import Pixels
from tests.api.web.conftest import Opened, served

pytestmark = pytest.mark.browser
PHONE = 390


@pytest.fixture
def photo(make_photo: Callable[..., Pixels], encode: Callable[..., bytes]) -> Callable[[int], FilePayload]:
    """A JPEG without a face, another for each seed."""

    def made(seed: int) -> FilePayload:
        return {"name": f"photo-{seed}.jpg", "mimeType": "image/jpeg", "buffer": encode(make_photo(seed), "JPEG")}

    return made


def test_several_files_are_examined_in_turn_and_a_bad_one_does_not_stop_the_rest(
    page: Page, photo: Callable[[int], FilePayload]
) -> None:
    bad: FilePayload = {"name": "bad.heic", "mimeType": "image/heic", "buffer": b"no picture"}
    page.set_input_files("[data-file]", [photo(1), bad, photo(2)])
    sheets = page.locator("[data-case] h2")
    expect(sheets).to_have_text(["photo-1.jpg", "photo-2.jpg"])
    refused = page.locator("[data-report] .notice.bad")
    expect(refused).to_have_text(
        re.compile(r"^bad\.heic: .*Save it as JPEG or PNG.*\(unsupported_media\)$"), use_inner_text=True
    )
    assert page.evaluate("document.querySelector('[data-report]').children[1].matches('.notice')")


def test_one_bad_file_is_named_in_what_is_said_of_it(page: Page) -> None:
    page.set_input_files("[data-file]", {"name": "none.jpg", "mimeType": "image/jpeg", "buffer": b""})
    status = page.locator("[data-intake] [data-status]")
    expect(status).to_have_text("none.jpg: The file is empty. (empty_media)", use_inner_text=True)
    page.locator("[data-language]").click()
    expect(status).to_have_text("none.jpg：ファイルが空です。（empty_media）", use_inner_text=True)


def test_a_clip_is_asked_after_until_its_job_has_ended(
    page: Page, film: Callable[..., bytes], make_photo: Callable[..., Pixels]
) -> None:
    asked: list[str] = []
    page.on("response", lambda answer: asked.append(answer.text()) if "/v1/jobs/insp_" in answer.url else None)
    clip = film([make_photo(seed) for seed in range(10)])
    page.set_input_files("[data-file]", {"name": "clip.mp4", "mimeType": "video/mp4", "buffer": clip})
    expect(page.locator("[data-case] .timeline")).to_be_visible()
    states = [json.loads(text)["state"] for text in asked]
    assert states[-1] == "done"
    assert set(states[:-1]) <= {"accepted", "running"}
    expect(page.locator("[data-intake] [data-status]")).to_be_hidden()


def test_a_clip_that_waits_may_be_cancelled_and_the_next_file_has_its_turn(
    opened: Opened, tmp_path: Path, film: Callable[..., bytes], make_photo: Callable[..., Pixels]
) -> None:
    clip: FilePayload = {"name": "clip.mp4", "mimeType": "video/mp4", "buffer": film([make_photo()] * 10)}
    empty: FilePayload = {"name": "none.jpg", "mimeType": "image/jpeg", "buffer": b""}
    with served(tmp_path / "idle", worker=False) as address, opened(address) as page:
        stop = page.get_by_role("button", name="Cancel this file")
        expect(stop).to_be_hidden()
        page.set_input_files("[data-file]", [clip, empty])
        with page.expect_response(lambda answer: answer.request.method == "DELETE") as ended:
            stop.click()
        assert ended.value.json()["state"] == "cancelled"
        said = ["clip.mp4: cancelled; nothing is recorded of it.", "none.jpg: The file is empty. (empty_media)"]
        expect(page.locator("[data-report] .notice.bad")).to_have_text(said, use_inner_text=True)
        expect(stop).to_be_hidden()


def test_a_clip_whose_job_fails_is_refused_by_name(
    page: Page, film: Callable[..., bytes], make_photo: Callable[..., Pixels]
) -> None:
    clip = film([make_photo()] * 10)
    page.set_input_files("[data-file]", {"name": "cut.mp4", "mimeType": "video/mp4", "buffer": clip[: len(clip) // 3]})
    expect(page.locator("[data-intake] [data-status].bad")).to_have_text(
        re.compile(r"^cut\.mp4: .*\(unreadable_media\)$"), use_inner_text=True
    )
    expect(page.locator("[data-case]")).to_have_count(0)


def test_a_file_that_misses_its_place_does_not_replace_the_page(page: Page) -> None:
    kept = page.evaluate("""() => {
      const carried = new DataTransfer();
      carried.items.add(new File(['x'], 'x.txt'));
      return ['dragover', 'drop'].map(name => !document.querySelector('footer')
        .dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer: carried })));
    }""")
    assert kept == [True, True]


def test_the_saved_report_checks_its_receipt_without_the_service(
    page: Page, chromium: Browser, photo: Callable[[int], FilePayload], tmp_path: Path
) -> None:
    page.set_input_files("[data-file]", photo(3))
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save the report").click()
    assert re.fullmatch(r"shingan-insp_[0-9a-f]+\.html", saved.value.suggested_filename)
    saved.value.save_as(tmp_path / "report.html")
    with page.expect_download() as answer:
        page.get_by_role("link", name="Save the answer").click()
    with page.expect_download() as key:
        page.get_by_role("link", name="Save the log's key").click()
    check = check_receipt(Path(answer.value.path()), None, read_key(str(key.value.path())))
    assert (check.ok, check.compared) == (True, Compared.ANSWER)
    alone = chromium.new_page()
    alone.goto((tmp_path / "report.html").as_uri())
    expect(alone.get_by_role("link", name="Save the report")).to_have_count(0)
    alone.get_by_role("button", name="Verify receipt").click()
    expect(alone.locator("[data-steps]")).to_contain_text("Receipt verified")
    alone.close()


def test_recent_inspections_have_names_and_words_and_go_back(page: Page, photo: Callable[[int], FilePayload]) -> None:
    page.set_viewport_size({"width": PHONE, "height": 800})
    page.set_input_files("[data-file]", [photo(seed) for seed in range(10, 19)])
    rows = page.locator("[data-rows] tr")
    expect(rows.first.get_by_role("link")).to_have_text("photo-18.jpg")
    expect(rows.first).to_contain_text("Not applicable", use_inner_text=True)
    expect(rows).to_have_count(8)
    page.get_by_role("button", name="Show earlier ones").click()
    expect(page.get_by_role("link", name="photo-10.jpg")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
