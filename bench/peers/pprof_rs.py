#!/usr/bin/env python3
"""Builds pprof-rs as a peer, once: a library to preload and to drive, and a Rust program of fixed work.

    bench/peers/pprof_rs.py     builds it when it is not there yet, and says where it is, or why it is not
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from peers import cargo_build  # noqa: E402
from peers.cargo_build import BUILD_LIMIT_S, Unavailable  # noqa: E402

CRATE = Path(__file__).resolve().parent / "pprof_rs_peer"
LIBRARY = "libpprof_rs_peer.so"
PROGRAM = "fixed_work_rust"


def build(limit_s=BUILD_LIMIT_S):
    """The folder that holds LIBRARY and PROGRAM; with a limit of 0 only what was built before."""
    return cargo_build.build(CRATE, {name: f"release/{name}" for name in (LIBRARY, PROGRAM)}, limit_s)


if __name__ == "__main__":
    try:
        print(build())
    except (Unavailable, OSError) as reason:
        sys.exit(f"pprof-rs, a peer for the bench, is not here: {reason}")
