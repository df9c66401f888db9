"""One lock for imports that happen late: packages with circular imports break if two threads enter them at once.

Python locks each module of its own and, where two threads would wait for each other, lets one of them have a module
that is half made (`ImportError: ... partially initialized module`). torch, torchvision, timm and what is built on them
import in circles, so the first two pictures of a fresh process could meet there.
"""

import threading
from typing import Final

ONE_IMPORT: Final = threading.RLock()
"""Held by whoever imports networks, or what imports them, inside a function."""
