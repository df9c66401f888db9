"""The one door to ONNX Runtime, which is optional and, in its makers' builds, reports to them unless told not to.

Since version 1.29 the builds for Linux keep an identifier of the machine and send what was loaded, unless a variable of
the environment forbids it before the library is loaded. A call that does so comes too late for the first report.
"""

import os
from typing import Any, Final

NO_REPORTS: Final = "ORT_DISABLE_TELEMETRY"


def load_runtime() -> Any:  # noqa: ANN401  (a library that may be missing)
    """The module `onnxruntime`, which reports to nobody; raises `ImportError` where it is not installed."""
    forbid_reports()
    import onnxruntime

    return onnxruntime


def forbid_reports() -> None:
    """For whoever imports a package that imports the runtime itself; children of this process are forbidden as well."""
    os.environ[NO_REPORTS] = "1"
