"""google/pprof's own reader, profile.Parse, as Go's toolchain carries it: a small program around it, built once, kept in PPROFC_CACHE."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from rows import Missing, clean_environment

BUILD_LIMIT_S = 600

# As bench/read_profile: what it costs to read a file and parse it, and the most memory that was held.
MAIN = """package main

import (
	"bytes"
	"fmt"
	"os"
	"syscall"

	"go_parse/profile"
)

func used() syscall.Rusage {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage
}

func main() {
	begun := used()
	file, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	parsed, err := profile.Parse(bytes.NewReader(file))
	if err != nil {
		panic(err)
	}
	ended := used()
	cpu := func(usage syscall.Rusage) float64 { return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9 }
	fmt.Printf("{\\"cpu_s\\": %.6f, \\"peak_kb\\": %d, \\"samples\\": %d}\\n", cpu(ended)-cpu(begun), ended.Maxrss, len(parsed.Sample))
}
"""


def program():
    """Its path; Missing without Go."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise Missing("Go is not installed")
    environment = clean_environment(GOCACHE=os.environ.get("GOCACHE", "/tmp/pprofc-test-gocache"), GOFLAGS="-mod=mod", GOTOOLCHAIN="local")
    version, root = subprocess.run([go, "env", "GOVERSION", "GOROOT"], capture_output=True, text=True, check=True, env=environment).stdout.split()
    cache = Path(os.environ.get("PPROFC_CACHE") or Path.home() / ".cache" / "pprof-c-ci")
    built = cache / f"go-parse-{version}"
    if built.exists():
        return built
    source = Path(root) / "src/cmd/vendor/github.com/google/pprof/profile"
    if not source.is_dir():
        raise Missing(f"{source} is not there")
    with tempfile.TemporaryDirectory(prefix="pprofc-bench.") as name:
        folder = Path(name)
        shutil.copytree(source, folder / "profile", ignore=shutil.ignore_patterns("*_test.go"))
        (folder / "go.mod").write_text("module go_parse\n\ngo 1.21\n")
        (folder / "main.go").write_text(MAIN)
        done = subprocess.run([go, "build", "-o", folder / "go_parse", "."], cwd=folder, capture_output=True, text=True, timeout=BUILD_LIMIT_S,
                              stdin=subprocess.DEVNULL, env=environment, check=False)
        if done.returncode != 0:
            raise Missing(f"Go's reader cannot be built: {done.stderr.strip()[-200:]}")
        cache.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / "go_parse", built.with_suffix(".new"))
        os.replace(built.with_suffix(".new"), built)
    return built
