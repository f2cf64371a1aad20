"""An installation in a folder below the build, made by `make install` as anybody makes it, and shared by the tests that use one.

The first test that asks for it builds the project once more (without its tests); later ones find nothing to do.
"""
import fcntl
import os
import subprocess

from harness import BUILD, ROOT, clean_environment

FOLDER = BUILD / "installation"
PREFIX = FOLDER / "prefix"
MULTIARCH = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
LIBDIR = f"lib/{MULTIARCH}" if MULTIARCH else "lib"
TIME_LIMIT_S = 280


def make(target, prefix, destdir=""):
    """`make install PREFIX=.. DESTDIR=..` in the checkout, by the build that is kept for this."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Neither this test's settings nor those of a make that runs the tests are the installation's.
    environment = {name: value for name, value in clean_environment().items() if not name.startswith("MAKE") and name != "MFLAGS"}
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "--no-print-directory", target, f"BUILD={FOLDER}/build", f"PREFIX={prefix}", f"LIBDIR={LIBDIR}",
                               f"DESTDIR={destdir}"],
                              cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_S)
    if done.returncode != 0:
        raise AssertionError(f"make {target} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def prefix():
    """The prefix of an installation that is up to date."""
    make("install", PREFIX)
    return PREFIX


def files_below(folder):
    """Names of all files and links below 'folder', relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}


def user_environment(root, **more):
    """The environment of somebody who uses the installation at 'root': PATH, pkg-config and CMake find it."""
    return clean_environment(PATH=f"{root}/bin:{os.environ['PATH']}", PKG_CONFIG_PATH=f"{root}/{LIBDIR}/pkgconfig",
                             CMAKE_PREFIX_PATH=root, **more)
