"""The page as people use it: a real Chromium against a real server on this machine."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from skimage import data

from api.rendering import Case, report_html
from detector.types import Pixels
from tests.api.web.conftest import PATIENCE_MS

FOREIGN = """() => [...document.querySelectorAll('option, img, [aria-label]:not([data-language])')]
  .map(part => part.tagName === 'OPTION' ? part.textContent : part.alt || part.ariaLabel)
  .filter(text => text && !/[\\u3040-\\u30ff\\u4e00-\\u9fff]/.test(text))"""
"""Choices, and names for screen readers, without a Japanese letter."""
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def portrait(encode: Callable[..., bytes]) -> bytes:
    """A photo with one face, in the public domain (NASA)."""
    return encode(data.astronaut(), "JPEG")


def _upload(page: Page, name: str, data: bytes) -> None:
    page.set_input_files("[data-file]", {"name": name, "mimeType": "image/jpeg", "buffer": data})


def test_photo_in_report_out_receipt_verified(page: Page, portrait: bytes) -> None:
    _upload(page, "face.jpg", portrait)
    sheet = page.locator("[data-case]")
    expect(sheet).to_be_visible()
    expect(sheet.locator(".verdict")).not_to_be_empty()
    expect(sheet.locator(".face-box")).to_have_count(1)
    image, box = sheet.locator(".photo img").bounding_box(), sheet.locator(".face-box .line").bounding_box()
    assert image is not None
    assert box is not None
    assert image["x"] < box["x"] < box["x"] + box["width"] < image["x"] + image["width"]
    sheet.get_by_role("button", name="Verify receipt").click()
    expect(sheet.locator("[data-steps]")).to_contain_text("Receipt verified")
    expect(sheet.locator("[data-steps] li")).to_have_count(6)
    expect(page.locator("[data-rows] tr").first).to_be_visible()


def test_a_picture_from_elsewhere_is_marked_and_examined(
    page: Page, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    photo = encode(make_photo(2, width=512, height=400), "JPEG", quality=90)
    page.get_by_role("tab", name="Mark a file").click()
    form = page.locator("[data-mark]")
    form.locator("input[type=file]").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo})
    form.get_by_label("Made with").fill("painter 3")
    form.get_by_role("button", name="Mark, sign").click()
    made = page.locator("[data-made]")
    expect(made).to_contain_text("painter 3, generated")
    expect(made.get_by_role("link", name="Save the file")).to_have_attribute("download", re.compile(r"shingan-.*\.jpg"))
    made.get_by_role("button", name="Examine it").click()
    sheet = page.locator("[data-case]")
    expect(sheet.locator(".label-code")).to_have_text("synthetic_declared")
    expect(sheet.locator(".stamp")).to_contain_text("painter 3")


def test_a_release_that_no_browser_shows_says_so(
    page: Page, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    picture = encode(make_photo(2, width=512, height=400), "TIFF")
    page.get_by_role("tab", name="Mark a file").click()
    form = page.locator("[data-mark]")
    form.locator("input[type=file]").set_input_files({"name": "a.tif", "mimeType": "image/tiff", "buffer": picture})
    form.get_by_label("Made with").fill("painter 3")
    form.get_by_role("button", name="Mark, sign").click()
    made = page.locator("[data-made]")
    expect(made).to_contain_text("Browsers do not show a TIFF")
    expect(made.get_by_role("link", name="Save the file")).to_have_attribute("download", re.compile(r"\.tiff$"))


def test_live_art_asks_for_consent_and_waits_for_a_face(page: Page) -> None:
    """Chromium's own camera shows a pattern without a face: the session starts, waits, and ends when it is told to."""
    page.get_by_role("tab", name="Live art").click()
    form = page.locator("[data-live]")
    form.get_by_role("button", name="Start the camera").click()
    assert form.locator("input[name=consent]").evaluate("box => !box.validity.valid")
    form.get_by_label("The person in front of the camera").check()
    form.get_by_role("button", name="Start the camera").click()
    expect(form.locator("[data-live-facts]")).to_contain_text("No face is to be seen yet")
    form.get_by_role("button", name="Stop").click()
    expect(form.locator("[data-live-facts]")).to_contain_text("The session has ended")
    expect(form.get_by_role("button", name="Start the camera")).to_be_visible()


def test_a_forged_report_does_not_verify(
    page: Page, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    _upload(page, "photo.jpg", encode(make_photo(), "JPEG"))
    sheet = page.locator("[data-case]")
    expect(sheet).to_be_visible()
    for old, new in ((".jpg", ".png"), ('"tree_size"', '"size"')):
        page.evaluate(
            "([old, name]) => { const box = document.querySelector('[data-proof]');"
            " box.textContent = box.textContent.replace(old, name); }",
            [old, new],
        )
        sheet.get_by_role("button", name="Verify receipt").click()
        expect(sheet.locator("[data-steps]")).to_contain_text("Receipt NOT verified")


def test_a_prompt_becomes_a_face_that_is_recognised(page: Page) -> None:
    page.get_by_label("Describe a face").fill("a smiling woman")
    page.locator("[data-generate]").get_by_label("Seed (optional)").fill("7")
    page.get_by_role("button", name="Generate").click()
    face = page.locator("[data-made] img")
    expect(face).to_be_visible()
    assert face.evaluate("image => image.decode().then(() => image.naturalWidth)") >= 256
    made = page.locator("[data-made]")
    expect(made.locator("dt:has-text('Asked') + dd")).to_contain_text("sex female")
    for fact in ("Honoured", "Retouched"):
        expect(made).to_contain_text(fact)
    expect(made.get_by_text("性別：女性").first).to_be_attached()
    page.get_by_role("button", name="Examine it").click()
    expect(page.locator(".label-code")).to_have_text("synthetic_declared")


def test_best_effort_and_label_are_asked_for_and_told(page: Page) -> None:
    page.get_by_label("Describe a face").fill("a woman with curly hair")
    form = page.locator("[data-generate]")
    form.get_by_label("Seed (optional)").fill("7")
    form.get_by_label("Visible label").select_option("china")
    form.get_by_text("Draw what can be drawn").click()
    with page.expect_response("**/v1/generations") as answer:
        page.get_by_role("button", name="Generate").click()
    assert answer.value.json()["label"] == "china"
    expect(page.locator("[data-made]")).to_contain_text("curly hair")


def test_an_empty_wish_makes_anybody_and_says_so(page: Page) -> None:
    page.get_by_label("Describe a face").fill("  ")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("[data-made] h3")).to_have_text("anybody", use_inner_text=True)


def test_a_refusal_is_said_in_words(page: Page) -> None:
    page.get_by_label("Describe a face").fill("a child")
    with page.expect_response("**/v1/generations") as refused:
        page.get_by_role("button", name="Generate").click()
    assert refused.value.status == 403
    expect(page.locator("[data-generate] [data-status]")).to_contain_text("policy_denied")


def test_it_speaks_japanese_and_remembers(page: Page) -> None:
    page.locator("[data-language]").click()
    expect(page.locator("h1")).to_have_text("画像検証デスク", use_inner_text=True)
    page.reload()
    assert page.evaluate("document.documentElement.lang") == "ja"


def test_choices_samples_and_spoken_names_are_japanese_on_the_japanese_page(page: Page, portrait: bytes) -> None:
    _upload(page, "face.jpg", portrait)
    expect(page.locator("[data-case]")).to_be_visible()
    page.locator("[data-language]").click()
    expect(page.get_by_role("region", name="最近の調査")).to_be_visible()
    expect(page.get_by_label("顔の説明")).to_have_value("黒髪の笑顔の女性")
    assert set(page.evaluate(FOREIGN)) <= {"—", "EU"}
    page.get_by_label("顔の説明").fill("a man")
    page.locator("[data-language]").click()
    expect(page.get_by_label("Describe a face")).to_have_value("a man")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(chromium: Browser, address: str, scheme: str, portrait: bytes) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address)
    _upload(page, "face.jpg", portrait)
    expect(page.locator("[data-case]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_a_report_opens_from_a_file(chromium: Browser, tmp_path: Path) -> None:
    cases = [Case("First", {"path": "a.png"}), Case("Second", {"path": "b.png"})]
    file = tmp_path / "report.html"
    file.write_text(report_html(cases, title="Two cases"), encoding="utf-8")
    page = chromium.new_page()
    page.goto(file.as_uri())
    expect(page.get_by_role("heading", name="Two cases")).to_be_visible()
    page.get_by_role("button", name="日本語で表示").click()
    expect(page.locator(".verdict").first).to_contain_text("判定不能")
    page.close()
