"""Builds a crate of ours over other people's, once: what cargo makes of it is kept in PPROFC_CACHE, else in
~/.cache/pprof-c-ci, under a name made of its sources and the compiler's version."""
import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

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


def recipe(crate, flags, features):
    """What the build depends on, in a few letters."""
    digest = hashlib.sha256(subprocess.run([cargo(), "--version"], capture_output=True).stdout + flags.encode() + features.encode())
    for path in sorted(crate.rglob("*")):
        if path.is_file() and "target" not in path.relative_to(crate).parts:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def build(crate, products, limit_s=BUILD_LIMIT_S, flags="", features=""):
    """The folder that holds the products, by name; 'products' says where each is below cargo's target folder, 'flags' are for
    rustc, 'features' the crate's.  With a limit of 0 only what was built before."""
    folder = cache_folder() / f"{crate.name}-{recipe(crate, flags, features)}"
    last = folder / list(products)[-1]
    if last.exists():
        return folder
    if limit_s == 0:
        raise Unavailable(f"{crate.name} is not built")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not last.exists():
            compile_into(folder, crate, products, limit_s, flags, features)
    return folder


def compile_into(folder, crate, products, limit_s, flags, features):
    environment = {**os.environ, **({"RUSTFLAGS": flags} if flags else {})}
    target = folder / "target"
    for profile in sorted({Path(product).parts[0] for product in products.values()}):
        command = [cargo(), "build", "--locked", "--quiet", "--jobs", "2", "--target-dir", str(target)]
        command += ["--release"] if profile == "release" else []
        command += ["--features", features] if features else []
        try:
            done = subprocess.run(command, cwd=crate, env=environment, capture_output=True, text=True, timeout=limit_s,
                                  stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"cargo build took over {limit_s} s") from None
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise Unavailable(f"cargo build failed: {last[0]}")
    for name, product in products.items():
        shutil.copy2(target / product, folder / f"{name}.new")
        os.rename(folder / f"{name}.new", folder / name)
    shutil.rmtree(target)
