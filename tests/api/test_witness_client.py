"""A witness on loopback, written from the words of C2SP tlog-witness: it cosigns what grew from what it saw."""

import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.audit import verify_database
from api.auth import Actor
from api.checkpoints import Verifier
from api.errors import NotFound
from api.ledger import Fact
from api.merkle import verify_consistency
from api.settings import Settings
from api.witness_client import submit
from api.witnesses import Witness, cosign, split_note
from api.workplace import Workplace

NAME = "witness.example/w1"
LOCAL = Actor.local()
Answer = tuple[int, str, str]


class Cosigner:
    """It knows one log; `asked` counts the requests."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.log: Verifier | None = None
        self.size, self.root = 0, b""
        self.asked = 0
        self.answer: Callable[[str], Answer] = self.honest
        self.url = ""

    def honest(self, body: str) -> Answer:
        head, _, note = body.partition("\n\n")
        first, *proof = head.split("\n")
        assert self.log is not None
        claim = self.log.open(note)
        if int(first.removeprefix("old ")) != self.size:
            return 409, "text/x.tlog.size", f"{self.size}\n"
        hashes = [b64decode(line) for line in proof]
        grown = verify_consistency(old=self.size, new=claim.size, old_root=self.root, new_root=claim.root, proof=hashes)
        if not (grown if self.size else not hashes):
            return 422, "text/plain", ""
        self.size, self.root = claim.size, claim.root
        return 200, "text/plain", cosign(NAME, self.key, split_note(note)[0], 1_700_000_000) + "\n"


@pytest.fixture
def cosigner() -> Iterator[Cosigner]:
    told = Cosigner()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.asked += 1
            assert self.path == "/log/add-checkpoint"
            status, kind, text = told.answer(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}/log/"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture
def witnessed(any_settings: Settings, cosigner: Cosigner) -> Settings:
    known = (str(Witness(NAME, cosigner.key.public_key())),)
    return any_settings.model_copy(update={"witnesses": known, "blob_url": "memory:///"})


async def _grow(workplace: Workplace, cosigner: Cosigner, entries: int) -> None:
    cosigner.log = workplace.audit.verifier
    facts = [Fact("test.grown", {"number": number}) for number in range(entries)]
    await workplace.database.change(lambda connection: workplace.audit.within(connection).append(facts))


async def test_heads_are_cosigned_one_after_the_other(witnessed: Settings, cosigner: Cosigner) -> None:
    async with await Workplace.open(witnessed) as workplace:
        for entries, size in ((3, 3), (5, 9), (1, 11)):  # each cosignature is an entry of its own
            await _grow(workplace, cosigner, entries)
            done = await submit(workplace, LOCAL, cosigner.url)
            assert (done.size, done.fault) == (size, None)
            assert done.taken is not None
            assert done.taken.witnesses == (NAME,)
        assert cosigner.asked == 3
    assert (await verify_database(witnessed)).cosigned == 11


async def test_a_witness_that_saw_more_or_less_than_we_know_is_proven_to(
    witnessed: Settings, cosigner: Cosigner
) -> None:
    async with await Workplace.open(witnessed) as workplace:
        await _grow(workplace, cosigner, 4)
        async with workplace.database.read() as session:
            head = workplace.audit.verifier.open(await workplace.audit.checkpoint(session, 3))
        cosigner.size, cosigner.root = head.size, head.root
        done = await submit(workplace, LOCAL, cosigner.url)
        assert (done.size, done.fault, cosigner.asked) == (4, None, 2)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ((500, "text/plain", ""), "http_500"),
        ((409, "text/x.tlog.size", "99\n"), "http_409"),
        ((409, "text/x.tlog.size", "0\n"), "http_409"),
        ((200, "text/plain", "nonsense\n"), "invalid_request"),
        ((200, "text/plain", "x" * 100_000), "unreachable"),
    ],
)
async def test_a_witness_that_fails_costs_its_cosignature_alone(
    witnessed: Settings, cosigner: Cosigner, answer: Answer, fault: str
) -> None:
    cosigner.answer = lambda _: answer
    async with await Workplace.open(witnessed) as workplace:
        await _grow(workplace, cosigner, 2)
        done = await submit(workplace, LOCAL, cosigner.url)
        assert (done.size, done.taken, done.fault) == (2, None, fault)
    check = await verify_database(witnessed)
    assert (check.ok, check.size, check.cosigned) == (True, 2, None)


async def test_nobody_there(witnessed: Settings, cosigner: Cosigner) -> None:
    async with await Workplace.open(witnessed) as workplace:
        with pytest.raises(NotFound):
            await submit(workplace, LOCAL, cosigner.url)
        await _grow(workplace, cosigner, 1)
        for url in ("http://127.0.0.1:1/", "http://[::/", "nonsense"):
            assert (await submit(workplace, LOCAL, url)).fault == "unreachable"
