"""Networks that two threads of a fresh process want at once."""

import subprocess
import sys
from typing import Final

FIRST_USE: Final = """
import importlib.abc, sys, threading, time
import torch
from detector.classifier.network import FamilyClassifier
from detector.faces import FaceFinder

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.startswith(("torchvision", "timm", "facenet")):
            time.sleep(0.002)  # the other thread's turn, between any two modules

sys.meta_path.insert(0, Slow())
start = threading.Barrier(2)

def at_once(work):
    start.wait()
    work()

works = (lambda: FaceFinder()._mtcnn, lambda: FamilyClassifier("tf_efficientnet_b0", 2))
threads = [threading.Thread(target=at_once, args=(work,)) for work in works]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
"""Without the lock, one of the two threads ends in an ImportError of a module that is half made."""


def test_two_threads_may_be_the_first_to_import_networks() -> None:
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", FIRST_USE], check=True, capture_output=True, text=True)
    assert ran.stderr == ""
