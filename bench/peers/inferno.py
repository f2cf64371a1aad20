"""Inferno's programs, the fastest of the tools people use for folded stacks: built once by cargo, kept in PPROFC_CACHE."""
import os
import shutil
import subprocess
from pathlib import Path

from rows import Missing

VERSION = "0.12.8"
BUILD_LIMIT_S = 1500


def cargo():
    """Where cargo is; Missing without it."""
    found = shutil.which("cargo") or shutil.which("cargo", path=Path.home() / ".cargo" / "bin")
    if found is None:
        raise Missing("cargo is not installed, and inferno was not built before")
    return found


def program(name):
    """The path of one of its programs."""
    cache = Path(os.environ.get("PPROFC_CACHE") or Path.home() / ".cache" / "pprof-c-ci")
    folder = cache / f"inferno-{VERSION}"
    if not (folder / "bin" / name).exists():
        done = subprocess.run([cargo(), "install", "-q", "--locked", "-j", "2", "--version", VERSION, "--root", folder, "inferno"],
                              capture_output=True, text=True, timeout=BUILD_LIMIT_S, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise Missing(f"inferno cannot be built here: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return folder / "bin" / name
