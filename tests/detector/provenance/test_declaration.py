"""Unsigned declarations are read however XMP writes them, and no bytes whatever are an error."""

import io
import json
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from detector.provenance.declaration import MAX_PACKET, read_declaration
from detector.types import Declaration

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
AIGC = {"Label": "2", "ContentProducer": "somebody", "ProduceID": "x"}


def packet(inside: str) -> bytes:
    return f'junk<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>{inside}</rdf:RDF></x:xmpmeta>junk'.encode()


@pytest.mark.parametrize(
    "inside",
    [
        f"<Iptc4xmpExt:DigitalSourceType>{IPTC}trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>",
        f'<rdf:Description Iptc4xmpExt:DigitalSourceType="{IPTC}trainedAlgorithmicMedia"/>',
        f"<rdf:Description Iptc4xmpExt:DigitalSourceType='{IPTC}trainedAlgorithmicMedia'/>",
        f"<Iptc4xmpExt:DigitalSourceType>\n  {IPTC}trainedAlgorithmicMedia\n</Iptc4xmpExt:DigitalSourceType>",
        "<Iptc4xmpExt:DigitalSourceType>trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>",
    ],
)
def test_the_digital_source_type_is_read(inside: str) -> None:
    assert read_declaration(packet(inside)) == Declaration("trainedAlgorithmicMedia", declares_ai=True)


@pytest.mark.parametrize(
    "inside",
    [
        f"<TC260:AIGC>{json.dumps(AIGC)}</TC260:AIGC>",
        f"<rdf:Description TC260:AIGC={quoteattr(json.dumps(AIGC), {chr(34): '&quot;'})}/>",
    ],
)
def test_the_aigc_field_is_read(inside: str) -> None:
    assert read_declaration(packet(inside)) == Declaration(None, "2", "somebody", declares_ai=True)


@pytest.mark.parametrize(
    "written",
    [
        f"tEXtAIGC\0{json.dumps(AIGC)}",
        f"UNICODE\0{json.dumps({'AIGC': AIGC})}",
        json.dumps({"AIGC": json.dumps(AIGC)}),
        f"mdtaAIGC\0\0\0\x49data\0\0\0\1\0\0\0\0{json.dumps(AIGC)}",
        f"AIGC {{}} AIGC={json.dumps(AIGC)}",
    ],
)
def test_the_aigc_field_is_read_outside_of_xmp(written: str) -> None:
    data = packet("") + b"\xff\x00" * 50 + written.encode() + b"\x00"
    assert read_declaration(data) == Declaration(None, "2", "somebody", declares_ai=True)


@pytest.mark.parametrize("written", ['AIGC {"Label": "9"}', 'AIGC{"Label": "1"}', 'AIGC said {"other": "1"}', "AIGC {"])
def test_what_is_no_field_outside_of_xmp(written: str) -> None:
    assert read_declaration(written.encode()) == Declaration()


@pytest.mark.parametrize(
    "inside",
    [
        f"<Iptc4xmpExt:DigitalSourceType>{IPTC}digitalCapture</Iptc4xmpExt:DigitalSourceType>",
        '<TC260:AIGC>{"Label": "9"}</TC260:AIGC>',
        "<TC260:AIGC>[1, 2]</TC260:AIGC>",
        f"<TC260:AIGC>{'[' * 4000}</TC260:AIGC>",
        "",
    ],
)
def test_what_declares_no_ai(inside: str) -> None:
    assert not read_declaration(packet(inside)).declares_ai


def test_a_packet_without_end_is_none() -> None:
    whole = packet(f"<Iptc4xmpExt:DigitalSourceType>{IPTC}trainedAlgorithmicMedia")
    assert read_declaration(whole.replace(b"</x:xmpmeta>", b" " * 20)) == Declaration()
    assert read_declaration(whole.replace(b"</rdf", b" " * MAX_PACKET + b"</rdf")) == Declaration()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_it_is_found_in_every_container(form: str) -> None:
    inside = packet(f"<Iptc4xmpExt:DigitalSourceType>{IPTC}compositeSynthetic</Iptc4xmpExt:DigitalSourceType>")[4:-4]
    buffer = io.BytesIO()
    picture = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    if form == "PNG":
        from PIL.PngImagePlugin import PngInfo

        chunks = PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", inside.decode())
        picture.save(buffer, form, pnginfo=chunks)
    elif form == "TIFF":
        picture.save(buffer, form, tiffinfo={700: inside})
    else:
        picture.save(buffer, form, xmp=inside)
    assert read_declaration(buffer.getvalue()).digital_source_type == "compositeSynthetic"


@given(st.binary(max_size=400))
def test_any_bytes_are_read(junk: bytes) -> None:
    read_declaration(junk)
    read_declaration(packet("") + junk)
    read_declaration(b"<x:xmpmeta" + junk + b"TC260:AIGC>" + junk + b"</x:xmpmeta>")
