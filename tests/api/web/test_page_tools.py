"""The page's bench as people use it: portrait tools, idols, what is refused, and what a screen reader is told."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from api.audit_files import Compared, check_receipt, read_key
from detector.types import Pixels
from generator.backends.embedded import Embedded
from generator.prompt import parse

PHONE = 380
MANY_COLOURS = 100
"""Shades of red that a face has at least, and an empty canvas has not."""
pytestmark = pytest.mark.browser

UNNAMED = """() => [...document.querySelectorAll('input, select, textarea, button, [role=tabpanel]')]
  .filter(part => !part.labels?.length && !part.ariaLabel && !part.hasAttribute('aria-labelledby'))
  .filter(part => part.tagName !== 'BUTTON' || !part.textContent.trim()).map(part => part.outerHTML)"""
DANGLING = """() => ['for', 'aria-describedby', 'aria-controls', 'aria-labelledby'].flatMap(name =>
  [...document.querySelectorAll(`[${name}]`)].flatMap(part => part.getAttribute(name).split(' ')))
  .filter(id => document.querySelectorAll(`[id="${id}"]`).length !== 1)"""
"""Ids that are referred to and are not there, or are there more than once."""


@pytest.fixture(scope="module")
def sitter() -> FilePayload:
    """A portrait of nobody, without any mark, as a photo would come."""
    buffer = io.BytesIO()
    pixels = Embedded.load().synthesise(parse("a woman"), seed=3).pixels
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
    return {"name": "face.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


@pytest.fixture(scope="module")
def couple(sitter: FilePayload) -> FilePayload:
    """The same person twice, side by side."""
    one = np.asarray(Image.open(io.BytesIO(sitter["buffer"])))
    buffer = io.BytesIO()
    Image.fromarray(np.hstack([one, one])).save(buffer, "JPEG", quality=92)
    return {"name": "two.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def _bench(page: Page, tool: str, picture: FilePayload) -> Locator:
    """The portrait form with `tool` chosen and `picture` in it."""
    page.get_by_role("tab", name="A portrait").click()
    form = page.locator("[data-portrait]")
    form.get_by_role("radio", name=tool).check()
    form.locator("#sitter").set_input_files(picture)
    return form


def _slide(form: Locator, measure: str, amount: float) -> None:
    form.get_by_role("slider", name=measure, exact=True).fill(str(amount))


def _agree(form: Locator, purpose: str) -> None:
    form.get_by_label("Purpose").select_option(purpose)
    form.get_by_label("The person shown has agreed").check()


def _submit(form: Locator) -> Locator:
    return form.get_by_role("button", name="Redraw, mark and sign")


def _drawn(canvas: Locator) -> list[int]:
    """Red of every pixel that a canvas shows."""
    expect(canvas).to_have_attribute("data-angle", re.compile("."))
    return list(
        canvas.evaluate("""canvas => {
          const flat = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
          flat.drawImage(canvas, 0, 0);
          return [...flat.getImageData(0, 0, canvas.width, canvas.height).data].filter((_, at) => at % 4 === 0);
        }""")
    )


def _wide(image: Locator) -> int:
    expect(image).to_be_visible()
    image.evaluate("image => image.decode()")
    return int(image.evaluate("image => image.naturalWidth"))


def test_a_surgery_is_shown_before_and_after_and_its_receipt_verifies(page: Page, sitter: FilePayload) -> None:
    form = _bench(page, "Surgery preview", sitter)
    _slide(form, "Alar width", -4)
    expect(form.get_by_role("slider", name="Alar width", exact=True)).to_have_attribute("aria-valuetext", "−4 mm")
    _agree(form, "surgery_preview")
    _submit(form).click()
    made = page.locator("[data-made]")
    expect(made.locator("img")).to_have_count(2)
    before, after = made.locator("img").first, made.locator("img").last
    assert _wide(before) == _wide(after) > 0
    expect(made.get_by_role("row", name="Alar width")).to_contain_text("−4 mm")
    expect(made).to_contain_text("Watermark in the pixels")
    expect(made.get_by_role("link", name="Save the file")).to_have_attribute(
        "download", re.compile(r"^shingan-[0-9a-f]{12}\.jpg$")
    )
    with page.expect_download() as answer:
        made.get_by_role("link", name="Save the answer").click()
    key = read_key(page.request.get(f"{page.url}v1/audit/key").text())
    assert check_receipt(Path(answer.value.path()), None, key).compared == Compared.ANSWER
    made.get_by_role("button", name="Verify receipt").click()
    expect(made.locator("[data-steps]")).to_contain_text("Receipt verified")
    expect(made.locator("[data-steps] li:not(.skip-step)")).to_have_count(6)


def test_nothing_can_be_sent_without_purpose_and_consent(page: Page, sitter: FilePayload) -> None:
    form = _bench(page, "Surgery preview", sitter)
    lacking = form.locator("[data-missing]")
    expect(lacking).to_have_text("Still needed: a change, a purpose, consent", use_inner_text=True)
    _slide(form, "Chin height", 3)
    form.get_by_label("Purpose").select_option("surgery_preview")
    expect(lacking).to_have_text("Still needed: consent", use_inner_text=True)
    expect(_submit(form)).to_be_disabled()
    form.get_by_label("The person shown has agreed").check()
    expect(_submit(form)).to_be_enabled()
    form.locator("#sitter").set_input_files({**sitter, "name": "another.jpg"})
    expect(form.get_by_label("The person shown has agreed")).not_to_be_checked()
    expect(_submit(form)).to_be_disabled()


def test_a_forced_request_is_refused_and_the_refusal_stands_next_to_the_form(page: Page, sitter: FilePayload) -> None:
    form = _bench(page, "Artwork", sitter)
    form.get_by_label("Purpose").select_option("art")
    with page.expect_response("**/v1/portraits/artwork") as refused:
        _submit(form).evaluate("button => { button.disabled = false; button.click(); }")
    assert refused.value.status == 403
    expect(form.locator("[data-status]")).to_contain_text("only with the attested consent of the person shown")
    expect(form.locator("[data-status]")).to_contain_text("policy_denied: consent_missing")
    expect(page.locator("[data-made] article")).to_have_count(0)


def test_a_picture_without_a_face_is_refused_in_words(
    page: Page, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    scene: FilePayload = {"name": "a.png", "mimeType": "image/png", "buffer": encode(make_photo(1, width=300))}
    form = _bench(page, "Artwork", scene)
    _agree(form, "art")
    _submit(form).click()
    expect(form.locator("[data-status]")).to_contain_text("Choose a picture of one face")
    expect(_submit(form)).to_be_enabled()


def test_of_several_faces_one_is_named(page: Page, couple: FilePayload) -> None:
    form = _bench(page, "Artwork", couple)
    _agree(form, "art")
    _submit(form).click()
    refused = form.locator("[data-status]")
    expect(refused).to_contain_text("There are 2 faces in the picture")
    expect(refused).to_contain_text("several_faces")
    form.get_by_label("Which face").fill("2")
    with page.expect_response("**/v1/portraits/artwork") as answered:
        _submit(form).click()
    assert answered.value.json()["settings"]["face"] == 2
    form.locator("#sitter").set_input_files({**couple, "name": "another.jpg"})
    expect(form.get_by_label("Which face")).to_have_value("")


def test_a_portrait_becomes_art_in_the_manner_of_a_picture(
    page: Page, sitter: FilePayload, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    form = _bench(page, "Artwork", sitter)
    _agree(form, "art")
    form.get_by_role("combobox", name="Style").select_option("style_picture")
    expect(_submit(form)).to_be_disabled()
    manner: FilePayload = {"name": "m.png", "mimeType": "image/png", "buffer": encode(make_photo(4))}
    form.locator("#style-file").set_input_files(manner)
    _submit(form).click()
    made = page.locator("[data-made]")
    assert _wide(made.locator("img")) > 0
    expect(made).to_contain_text("style picture")


def test_a_model_is_saved_with_a_region_left_out(page: Page, sitter: FilePayload) -> None:
    form = _bench(page, "3D face", sitter)
    _agree(form, "research")
    form.get_by_role("combobox", name="Result").select_option("model")
    form.get_by_text("By numbers").click()
    form.get_by_role("button", name="Add this region").click()
    expect(form.locator("[data-sitter-view] polygon")).to_have_count(1)
    with page.expect_response("**/v1/portraits/reconstruct") as answered:
        _submit(form).click()
    assert [len(region) for region in answered.value.json()["settings"]["hidden"]] == [4]
    made = page.locator("[data-made]")
    expect(made).to_contain_text("is a guess")
    face = made.locator("canvas")
    expect(face).to_have_attribute("aria-label", "3D face: GLB, marked")
    first = _drawn(face)
    assert len(set(first)) > MANY_COLOURS
    face.press("ArrowRight")
    assert _drawn(face) != first
    with page.expect_download() as saved:
        made.get_by_role("link", name="Save the file").click()
    assert saved.value.suggested_filename.endswith(".glb")
    assert Path(saved.value.path()).read_bytes().startswith(b"glTF")


def test_an_idol_is_played(page: Page) -> None:
    page.get_by_role("tab", name="An idol").click()
    form = page.locator("[data-idol]")
    form.get_by_label("What to say").fill("Yes.")
    form.get_by_label("Seconds").fill("1.2")
    form.get_by_label("Seed").fill("5")
    form.get_by_role("button", name="Make the idol").click()
    made = page.locator("[data-made]")
    clip = made.locator("video")
    expect(clip).to_be_visible()
    assert clip.evaluate("clip => clip.play().then(() => clip.videoWidth)") >= 256
    expect(made).to_contain_text("Watermark in every frame")
    for fact in ("Asked", "Honoured", "Retouched"):
        expect(made).to_contain_text(fact)


def test_an_idol_that_cannot_speak_is_refused_next_to_its_form(page: Page) -> None:
    page.get_by_role("tab", name="An idol").click()
    form = page.locator("[data-idol]")
    form.get_by_label("What to say").fill("Привет")
    form.get_by_role("button", name="Make the idol").click()
    expect(form.locator("[data-status]")).to_contain_text("speech_unusable")


def test_tabs_follow_the_arrow_keys(page: Page) -> None:
    page.get_by_role("tab", name="A face").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="An idol")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="An idol")).to_be_visible()
    expect(page.locator("#panel-generate")).to_be_hidden()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Live art")).to_have_attribute("aria-selected", "true")


def test_every_field_has_a_name_and_every_reference_a_target(page: Page) -> None:
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(DANGLING) == []
    assert page.locator("[data-made]").get_attribute("aria-live") == "polite"
    assert page.locator("form [data-status][role=status]").count() == page.locator("form [data-fields]").count()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_form_fits_a_phone(page: Page, language: str) -> None:
    page.set_viewport_size({"width": PHONE, "height": 800})
    if language == "ja":
        page.locator("[data-language]").click()
        expect(page.locator("#view option").first).to_have_text("前後を並べて表示")
    for tab in page.get_by_role("tab").all():
        tab.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
