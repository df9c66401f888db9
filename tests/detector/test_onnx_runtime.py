"""ONNX Runtime is loaded so that it reports to nobody: it keeps no identifier of the machine, from which it would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
SESSION = """
from onnx import TensorProto, helper
value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "ab"]
graph = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "one", value[:1], value[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
"""
OURS = "from detector.onnx_runtime import load_runtime\nruntime = load_runtime()\n"
SUPPRESSED_BY = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "BUILD_ID", "JENKINS_URL", "GITLAB_CI", "TRAVIS", "CIRCLECI")


def left_at_home(home: Path, code: str) -> list[Path]:
    """The files that a process leaves in its `home` that runs `code`, with no hint that it is only a test."""
    hints = {"ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "XDG_CACHE_HOME", *SUPPRESSED_BY}
    environment = {name: value for name, value in os.environ.items() if name not in hints}
    subprocess.run([sys.executable, "-c", code], env=environment | {"HOME": str(home)}, check=True)
    return [path for path in home.rglob("*") if path.is_file()]


def test_no_identifier_is_kept(tmp_path: Path) -> None:
    assert left_at_home(tmp_path, OURS + SESSION) == []


def test_children_are_told_as_well() -> None:
    child = "import os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}], check=True)"
    result = subprocess.run([sys.executable, "-c", OURS + code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "1"
