#!/usr/bin/env python3
"""Builds pprof-rs as a peer, once: a library to preload and to drive, and a Rust program of fixed work.

    bench/peers/pprof_rs.py     builds it when it is not there yet, and says where it is, or why it is not

It is kept in PPROFC_CACHE, else in ~/.cache/pprof-c-ci, under a name made of its sources and the compiler's version.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

CRATE = Path(__file__).resolve().parent / "pprof_rs_peer"
LIBRARY = "libpprof_rs_peer.so"
PROGRAM = "fixed_work_rust"
BUILD_LIMIT_S = 1500


class Unavailable(Exception):
    """It cannot be had here; the text says why."""


def cache_folder():
    return Path(os.environ.get("PPROFC_CACHE") or Path.home() / ".cache" / "pprof-c-ci")


def cargo():
    found = shutil.which("cargo") or shutil.which("cargo", path=Path.home() / ".cargo" / "bin")
    if found is None:
        raise Unavailable("cargo is not installed")
    return found


def recipe():
    """What the build depends on, in a few letters."""
    digest = hashlib.sha256(subprocess.run([cargo(), "--version"], capture_output=True).stdout)
    for path in sorted(CRATE.rglob("*")):
        if path.is_file() and "target" not in path.relative_to(CRATE).parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def build(limit_s=BUILD_LIMIT_S):
    """The folder that holds LIBRARY and PROGRAM; with a limit of 0 only what was built before."""
    folder = cache_folder() / f"pprof_rs_peer-{recipe()}"
    if (folder / PROGRAM).exists():
        return folder
    if limit_s == 0:
        raise Unavailable("pprof-rs is not built; bench/peers/pprof_rs.py builds it")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / PROGRAM).exists():
            compile_into(folder, limit_s)
    return folder


def compile_into(folder, limit_s):
    target = folder / "target"
    command = [cargo(), "build", "--release", "--locked", "--quiet", "--jobs", "2", "--target-dir", str(target)]
    try:
        done = subprocess.run(command, cwd=CRATE, capture_output=True, text=True, timeout=limit_s,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"cargo build took over {limit_s} s") from None
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise Unavailable(f"cargo build failed: {last[0]}")
    for name in (LIBRARY, PROGRAM):
        shutil.copy2(target / "release" / name, folder / f"{name}.new")
        os.rename(folder / f"{name}.new", folder / name)
    shutil.rmtree(target)


if __name__ == "__main__":
    try:
        print(build())
    except (Unavailable, OSError) as reason:
        sys.exit(f"pprof-rs, a peer for the bench, is not here: {reason}")
