"""An operator's own ONNX model. ONNX Runtime is the extra `onnx`.

The file alone is read, as bytes: a model with tensors in other files is refused, as is one that needs operators of a
custom library, since none is ever registered.
"""

import tempfile
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.classifier.own_card import Floats, OwnCard
from detector.classifier.own_expert import OwnExpert
from detector.errors import ModelUnavailable
from detector.onnx_runtime import load_runtime

EXTERNAL_FOLDER: Final = "session.model_external_initializers_file_folder_path"
"""Where ONNX Runtime looks for tensors outside of a model that comes as bytes: an empty folder, not the current."""
THREADS: Final = 1
"""Per model: inspections already run in threads of their own."""


class OnnxExpert(OwnExpert):
    def __init__(self, own: OwnCard, session: Any) -> None:  # noqa: ANN401  (the runtime is optional)
        super().__init__(own)
        self._session = session
        self._input = session.get_inputs()[0].name

    @classmethod
    def load(cls, own: OwnCard, *, device: str) -> "OnnxExpert":
        """The expert of `own`; raises `ModelUnavailable` if the runtime is missing or refuses the model."""
        try:
            onnxruntime = load_runtime()
        except ImportError as error:
            raise ModelUnavailable("`pip install 'shingan[onnx]'` brings what an ONNX model needs") from error
        data = own.model_path().read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.log_severity_level = 4
        wanted = (["CUDAExecutionProvider"] if device.startswith("cuda") else []) + ["CPUExecutionProvider"]
        providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
        try:
            with tempfile.TemporaryDirectory() as empty:
                options.add_session_config_entry(EXTERNAL_FOLDER, empty)
                session = onnxruntime.InferenceSession(data, options, providers=providers)
        except Exception as error:  # the runtime's exceptions share no base of their own
            raise ModelUnavailable(f"ONNX Runtime refuses {own.card.file}: {_first_line(error)}") from error
        if len(session.get_inputs()) != 1:
            raise ModelUnavailable(f"{own.card.file} takes {len(session.get_inputs())} inputs; one is needed")
        return cls(own, session)

    def _run(self, batch: Floats) -> Sequence[NDArray[Any]]:
        try:
            return [np.asarray(output) for output in self._session.run(None, {self._input: batch})]
        except Exception as error:
            raise ModelUnavailable(f"{self.card.file} failed: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
