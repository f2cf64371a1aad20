"""How long a client waits for a large profile, and what serving profiles adds to the program's memory."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import big_binary
from measure import Row
from rows import BUILD, PPROFC, clean_environment, scorer, tool
from rows_serve import await_samples
from rows_size import MB, PRELOAD, mappings

N_STACKS = 50_000
N_PROFILES = 100


def address_of(process):
    """Of the line in which it says where it serves."""
    found = next(filter(None, (re.search(r"at (http://127\.0\.0\.1:\d+)/", line) for line in process.stderr)), None)
    if found is None:
        raise RuntimeError("nothing is served")
    return found.group(1)


def stop(*processes):
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.communicate(timeout=60)
        Path(f"/dev/shm/pprofc.{os.geteuid()}.{process.pid}").unlink(missing_ok=True)  # nobody was there to take it


# ---- to the first byte -------------------------------------------------------------------------

def fetch(url, path, seconds=0):
    """(seconds from the end of the window, or from the question, to the answer's first byte, the answer's body)."""
    host, port = re.search(r"//([\d.]+):(\d+)", url).groups()
    with socket.create_connection((host, int(port)), timeout=seconds + 60) as client:
        began_s = time.monotonic()
        client.sendall(f"GET /debug/pprof/{path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        answer = client.recv(1)
        waited_s = time.monotonic() - began_s - seconds
        while True:
            more = client.recv(1 << 20)
            if not more:
                break
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(f"{head.splitlines()[0]}")
    return waited_s, body


def window(seconds, rate_hz):
    return f"profile?seconds={seconds}&frequency={rate_hz}&block=", seconds


def first_byte_of_heap(is_long):
    """A heap of very many stacks, every allocation recorded."""
    with tempfile.TemporaryDirectory() as folder:
        command = [PPROFC, "run", "-k", "heap", "--heap-interval", "1", "--http", "127.0.0.1:0", "-o", f"{folder}/whole.pb.gz", "--",
                   tool(BUILD / "bench" / "many_stacks"), "0", N_STACKS]
        server = subprocess.Popen([str(one) for one in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env=clean_environment())
        try:
            url = address_of(server)
            server.stdout.readline()  # it has allocated all
            fetch(url, "heap")
            found = [fetch(url, "heap") for _ in range(9 if is_long else 5)]
            path = Path(folder, "heap.pb.gz")
            path.write_bytes(found[0][1])
            n_stacks = len(scorer.pprof_read.read(path).samples)
        finally:
            stop(server)
    times = sorted(1e3 * waited_s * N_STACKS / max(n_stacks, 1) for waited_s, _ in found)
    middle = times[len(times) // 2]
    return Row(f"heap of {N_STACKS} stacks to the first byte", middle, " ms", "<= 150 ms", middle <= 150,
               f"{times[0]:.0f} to {times[-1]:.0f} ms; {n_stacks} stacks of 30 frames, every allocation recorded", {"ms": times})


def serve_first_byte(is_long):
    """A window of very many stacks: from its end to the first byte, names being known."""
    n_windows, seconds = (9 if is_long else 3), 5.5
    with tempfile.TemporaryDirectory() as folder:
        command = [PPROFC, "run", "-F", "10", "--http", "127.0.0.1:0", "-o", f"{folder}/whole.pb.gz", "--",
                   tool(BUILD / "bench" / "many_stacks"), "3600"]
        server = subprocess.Popen([str(one) for one in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                  env=clean_environment())
        try:
            url = address_of(server)
            await_samples(url)
            fetch(url, *window(1, 1000))
            found = []
            for _ in range(n_windows):
                waited_s, body = fetch(url, *window(seconds, 10000))
                path = Path(folder, "window.pb.gz")
                path.write_bytes(body)
                found.append((1e3 * waited_s, len(scorer.pprof_read.read(path).samples)))
        finally:
            stop(server)
    times = sorted(waited_ms * N_STACKS / max(n, 1) for waited_ms, n in found)
    middle = times[len(times) // 2]
    detail = f"as measured {', '.join(f'{ms:.0f} ms for {n}' for ms, n in found)} stacks of 29 frames; CPU profile, 10 kHz, no library folded"
    return [Row(f"end of a window of {N_STACKS} stacks to the first byte", middle, " ms", "<= 150 ms", middle <= 150, detail,
                {"found": found}), first_byte_of_heap(is_long)]


# ---- memory in the program ---------------------------------------------------------------------

def resident(pid):
    """Bytes of a process that are not the recording."""
    return sum(pss for path, _, _, pss, _, _ in mappings(pid) if not re.match(r"/dev/shm/pprofc\.|/memfd:pprofc", path))


def take_profiles(urls, n):
    for _ in range(n):
        for url in urls:
            urllib.request.urlopen(f"{url}/debug/pprof/profile?seconds=0.2&frequency=1000", timeout=60).read()


def serve_memory(is_long):
    """What serving adds to a program of 20 MB with debug information: in it, and from beside it; profiled all the time alike."""
    del is_long
    program = big_binary.build(BUILD / "bench" / "big")
    with tempfile.TemporaryDirectory() as folder:
        def start(*arguments, **more):
            return subprocess.Popen([program, "3600", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                    env=clean_environment(PPROFC_FREQUENCY=1000, **more))

        by_itself = {"LD_PRELOAD": PRELOAD, "PPROFC": "cpu", "PPROFC_LOG": "/dev/null"}
        alone = start(**by_itself, PPROFC_OUTPUT=Path(folder, "alone.ppc"))
        beside = start(**by_itself, PPROFC_OUTPUT=Path(folder, "beside.ppc"))
        inside = start("127.0.0.1:0", LD_PRELOAD=f"{BUILD / 'libpprofc.so'}:{BUILD / 'libpprofc-report.so'}")
        programs = [alone, beside, inside]
        try:
            time.sleep(1)
            server = subprocess.Popen([str(PPROFC), "serve", "--listen", "127.0.0.1:0", str(beside.pid)],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=clean_environment())
            programs.insert(0, server)
            urls = [address_of(server), address_of(inside)]
            take_profiles(urls, N_PROFILES // 2)
            half = resident(inside.pid)
            take_profiles(urls, N_PROFILES - N_PROFILES // 2)
            sizes = {"alone": resident(alone.pid), "beside": resident(beside.pid), "inside": resident(inside.pid)}
        finally:
            stop(*programs)
    added = (sizes["inside"] - sizes["alone"]) / MB
    grown = (sizes["inside"] - half) / MB
    other = (sizes["beside"] - sizes["alone"]) / MB
    return [Row(f"memory in the program, served in it, {N_PROFILES} profiles", added, " MB", "<= 32 MB", added <= 32,
                f"recording apart; {sizes['alone'] / MB:.1f} MB when only profiled", {"bytes": sizes}),
            Row("the same, grown since the 50th", grown, " MB", "<= 0.5 MB", grown <= 0.5, "flat"),
            Row(f"memory in the program, served beside it, {N_PROFILES} profiles", other, " MB", "0 (0.3)", abs(other) <= 0.3,
                "against the same program that nobody serves; 0.3 MB is what two equal runs differ by")]


ALL = {"serve-first-byte": serve_first_byte, "serve-memory": serve_memory}
