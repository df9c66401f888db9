"""Where a picture was taken, and with what, is in no form of an answer: reports, events, webhooks, log, thumbnails."""

import base64
import io
import re
from collections.abc import Callable, Mapping

import av
import httpx
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from detector.types import Pixels
from tests.api.jobs.conftest import Ended, Headers
from tests.api.jobs.receiver import Receiver

LATITUDE, LONGITUDE = (35.0, 39.0, 31.17), (139.0, 44.0, 43.29)
MARKS = ("35.65", "139.74", "31.17", "43.29", "GPS", "Zyxomatic", "SN-88217", "A. Secretive")
"""Whatever of this shows up in an answer came out of the picture."""
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="35,39.52N" '
    'exif:GPSLongitude="139,44.72E" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="A. Secretive"/>'
    "</rdf:RDF></x:xmpmeta>"
)


@pytest.fixture
def located(make_photo: Callable[..., Pixels]) -> Mapping[str, bytes]:
    """A photo and a clip that say where they were taken."""
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Artist] = "Zyxomatic", "A. Secretive"
    exif.get_ifd(IFD.Exif)[Base.BodySerialNumber] = "SN-88217"
    exif.get_ifd(IFD.GPSInfo).update({1: "N", 2: LATITUDE, 3: "E", 4: LONGITUDE})
    photo = io.BytesIO()
    Image.fromarray(make_photo()).save(photo, "JPEG", exif=exif, xmp=XMP.encode())
    clip = io.BytesIO()
    with av.open(clip, "w", format="mp4", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata.update({"location": "+35.6586+139.7454/", "make": "Zyxomatic", "artist": "A. Secretive"})
        stream = container.add_stream("libx264", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(make_photo(width=128, height=96), format="rgb24")))
        container.mux(stream.encode(None))
    return {"photo.jpg": photo.getvalue(), "clip.mp4": clip.getvalue()}


def test_the_files_do_say_it(located: Mapping[str, bytes]) -> None:
    assert Image.open(io.BytesIO(located["photo.jpg"])).getexif().get_ifd(IFD.GPSInfo)[2] == LATITUDE
    assert b"+35.6586+139.7454/" in located["clip.mp4"]


@pytest.mark.parametrize("name", ["photo.jpg", "clip.mp4"])
async def test_no_answer_says_it(
    client: httpx.AsyncClient,
    headers: Headers,
    ended: Ended,
    receiver: Receiver,
    located: Mapping[str, bytes],
    name: str,
) -> None:
    made = await client.post("/v1/webhooks", json={"url": receiver.url}, headers=headers)
    receiver.secret = made.json()["secret"]
    files = {"file": (name, located[name])}
    answers = [await client.post("/v1/verifications", files=files, headers=headers)]
    later = await client.post("/v1/inspections", files=files, headers=headers | {"prefer": "respond-async"})
    job = later.json()["id"]
    await ended(job)
    answers += [later, await client.post("/v1/inspections", files=files, headers=headers | {"prefer": "wait=100"})]
    for path in (
        f"/v1/inspections/{job}",
        f"/v1/inspections/{job}/report.json",
        f"/v1/inspections/{job}/report.html",
        f"/v1/inspections/{job}/events",
        f"/inspections/{job}/sheet",
        "/v1/inspections",
        f"/v1/jobs/{job}",
        "/v1/jobs",
        "/v1/audit/entries?limit=100",
        "/v1/webhooks/deliveries",
        "/metrics",
    ):
        answers.append(await client.get(path, headers=headers))
    for answer in answers:
        assert answer.status_code < 300
        assert not [mark for mark in MARKS if mark in answer.text], answer.url
    page = (await client.get(f"/v1/inspections/{job}/report.html", headers=headers)).text
    pictures = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    assert pictures
    for picture in pictures:
        data = base64.b64decode(picture)
        assert not Image.open(io.BytesIO(data)).getexif()
        assert not [mark for mark in MARKS if mark.encode() in data]
    assert not [mark for mark in MARKS if mark in str(receiver.got)]
