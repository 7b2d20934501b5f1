"""load_test.py - what the tests of heapctl load share: how it is called, and what its statuses are called."""
import os
import subprocess

from heapd_test import ROOT

HEAPCTL = os.environ.get("HEAPCTL_BIN") or str(ROOT / "build/client/heapctl")
RUN_S = 120                                     # no run takes longer; machines that run tests stop for long
AS_EXPECTED, NOT_AS_EXPECTED, USAGE, CANNOT_TELL, FAILED = range(5)


def load(port, *words, start=False, url=None):
    """heapctl load, done; or started."""
    command = [HEAPCTL, "load", "--url", url or f"http://127.0.0.1:{port}", *map(str, words)]
    env = {k: v for k, v in os.environ.items() if not k.startswith("HEAPD_")}
    if start:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=RUN_S, check=False)
