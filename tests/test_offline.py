"""No job of the product opens a connection to the outside, seen from the kernel: native code and children too."""

import re
import shutil
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

SHINGAN = str(Path(sys.executable).parent / "shingan")
STRACE = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg,sendmmsg"]
ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
JOB_SECONDS = 240
EXIT_CLEAN, EXIT_FINDING = 0, 3


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run([*STRACE, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _can_trace(), reason="needs strace and the right to use it")


def _outside_addresses(command: list[str], trace: Path, *, exit_codes: tuple[int, ...]) -> set[str]:
    """The addresses beyond this machine that `command` and its children spoke to or tried to."""
    traced = [*STRACE, "-o", str(trace), *command]
    result = subprocess.run(traced, capture_output=True, text=True, timeout=JOB_SECONDS, check=False)
    assert result.returncode in exit_codes, result.stdout + result.stderr
    found = {first or second for first, second in ADDRESS.findall(trace.read_text())}
    return {address for address in found if not ip_address(address).is_loopback}


def test_the_trace_sees_a_connection(tmp_path: Path) -> None:
    # 192.0.2.1 is set aside for documentation (RFC 5737): nothing answers there, and UDP sends nothing on connect.
    code = "import socket\nwith socket.socket(type=socket.SOCK_DGRAM) as s: s.connect(('192.0.2.1', 9))"
    # The exit code is 1 on a machine without any network, which refuses this itself.
    assert _outside_addresses([sys.executable, "-c", code], tmp_path / "trace", exit_codes=(0, 1)) == {"192.0.2.1"}


def test_generate_scan_and_verify_stay_on_this_machine(tmp_path: Path) -> None:
    out, trace = tmp_path / "out", tmp_path / "trace"
    generate = [SHINGAN, "generate", "a smiling woman", "--seed", "1", "--out", str(out), "--json"]
    assert _outside_addresses(generate, trace, exit_codes=(EXIT_CLEAN,)) == set()
    for job in ("scan", "verify"):
        command = [SHINGAN, job, "--json", str(out)]
        assert _outside_addresses(command, trace, exit_codes=(EXIT_CLEAN, EXIT_FINDING)) == set()
