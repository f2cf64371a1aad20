#!/usr/bin/env python3
"""Gets speedscope itself, once, to open our files in: npm's package, kept in PPROFC_CACHE, else in ~/.cache/pprof-c-ci.

    bench/peers/speedscope.py     gets it when it is not there yet, and says where it is, or why it is not
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "1.25.0"
PARTS = ("index.html", "file-format-schema.json")


class Unavailable(Exception):
    """It cannot be had here; the text says why."""


def release(limit_s=120):
    """The folder of the page and the schema; with a limit of 0 only what was fetched before."""
    cache = Path(os.environ.get("PPROFC_CACHE") or Path.home() / ".cache" / "pprof-c-ci")
    folder = cache / f"speedscope-{VERSION}"
    found = folder / "node_modules" / "speedscope" / "dist" / "release"
    if all((found / part).exists() for part in PARTS):
        return found
    if limit_s == 0:
        raise Unavailable("speedscope is not here; bench/peers/speedscope.py fetches it")
    if shutil.which("npm") is None:
        raise Unavailable("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", f"speedscope@{VERSION}"], cwd=folder,
                              capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm took more than {limit_s} s") from None
    if done.returncode != 0 or not all((found / part).exists() for part in PARTS):
        raise Unavailable(f"npm failed: {done.stderr.strip().splitlines()[-1:]}")
    return found


def main():
    try:
        print(release())
    except Unavailable as reason:
        print(f"speedscope: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
