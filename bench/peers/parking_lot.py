#!/usr/bin/env python3
"""Builds a program that contends for locks of the Rust crate parking_lot, once,
with and without optimization, by either of rustc's manglings.

    bench/peers/parking_lot.py     builds it when it is not there yet, and says where it is, or why it is not
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from peers import cargo_build  # noqa: E402
from peers.cargo_build import BUILD_LIMIT_S, Unavailable  # noqa: E402

CRATE = Path(__file__).resolve().parent / "parking_lot_waits"
PROFILES = ("debug", "release")
MANGLINGS = {"default": "", "v0": "-Csymbol-mangling-version=v0"}  # the old one can only be asked for where it is the default


def programs(limit_s=BUILD_LIMIT_S):
    """Paths by profile and mangling; with a limit of 0 only what was built before."""
    return {(profile, mangling): folder / profile for mangling, flags in MANGLINGS.items()
            for folder in [build(limit_s, flags=flags)] for profile in PROFILES}


def programs_of_next(limit_s=BUILD_LIMIT_S):
    """The same over the crate's next version, which wants a compiler of its time; by the default mangling."""
    folder = build(limit_s, features="next")
    return {profile: folder / profile for profile in PROFILES}


def build(limit_s, **how):
    return cargo_build.build(CRATE, {profile: f"{profile}/{CRATE.name}" for profile in PROFILES}, limit_s, **how)


if __name__ == "__main__":
    try:
        print(*programs().values())
        print(*programs_of_next().values())
    except (Unavailable, OSError) as reason:
        sys.exit(f"parking_lot, which kind lock is tested with, is not here: {reason}")
