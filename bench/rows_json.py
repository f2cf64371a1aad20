"""Importing a large speedscope file: speed and memory."""
import os
import random
import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import Row
from rows import PPROFC, clean_environment, tool

N_FRAMES = 4000
N_STACKS = 20000
DEPTH = 40
MB = 1e6


def write_speedscope(path, size_bytes, all_different=False):
    """Samples in the order of time, as py-spy and others write them: each is one of 20 000 stacks of 40 frames.

    Or all of them are different, which is the worst case for all that knows a stack again.
    """
    chance = random.Random(7)
    trunk = list(range(DEPTH))

    def text():
        shared = chance.randrange(5, DEPTH - 5)
        return "[" + ",".join(map(str, trunk[:shared] + [chance.randrange(N_FRAMES) for _ in range(DEPTH - shared)])) + "]"

    texts = [] if all_different else [text() for _ in range(N_STACKS)]
    frames = ",".join(f'{{"name":"function_{i}(int, char const*)","file":"src/file_{i % 97}.c","line":{i % 500 + 1}}}'
                      for i in range(N_FRAMES))
    n_samples = 0
    with open(path, "w") as file:
        file.write('{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{"frames":[' + frames + "]},"
                   '"profiles":[{"type":"sampled","name":"big","unit":"seconds","startValue":0,"endValue":0,"samples":[')
        while file.tell() < 0.95 * size_bytes:
            rows = [text() if all_different else chance.choice(texts) for _ in range(1000)]
            file.write(("," if n_samples else "") + ",".join(rows))
            n_samples += len(rows)
        file.write('],"weights":[' + ",".join(["0.01"] * n_samples) + "]}]}\n")
    return n_samples


def write_events(path, size_bytes):
    """A program that goes from one of 200 stacks of up to 30 frames to the next, each call and return an event."""
    chance = random.Random(7)
    patterns = [[chance.randrange(100) for _ in range(30)] for _ in range(200)]
    now, stack, separator = 0, [], ""
    with open(path, "w") as file:
        file.write('{"shared":{"frames":[' + ",".join(f'{{"name":"function_{i}"}}' for i in range(100)) + "]},"
                   '"profiles":[{"type":"evented","name":"big","unit":"seconds","startValue":0,"endValue":1e9,"events":[')
        while file.tell() < size_bytes:
            wanted = chance.choice(patterns)[:chance.randrange(5, 30)]
            events = []
            while stack != wanted[:len(stack)]:
                now += 3
                events.append(f'{{"type":"C","frame":{stack.pop()},"at":{now / 1e6}}}')
            for frame in wanted[len(stack):]:
                now += 5
                stack.append(frame)
                events.append(f'{{"type":"O","frame":{frame},"at":{now / 1e6}}}')
            if events:
                file.write(separator + ",".join(events))
                separator = ","
        file.write("]}]}\n")


def run(command):
    """(CPU seconds, MB of memory at most) of a command."""
    child = subprocess.Popen([str(one) for one in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             env=clean_environment())
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    if child.returncode != 0:
        raise RuntimeError(f"{command[0]}: {said.decode()[-500:]}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / MB


def import_samples(name, path, out, n_runs, all_different):
    """Rows of one kind of file."""
    n_samples = write_speedscope(path, 100 * MB, all_different)
    size_mb = path.stat().st_size / MB
    runs = [run([tool(PPROFC), "convert", "-q", "-f", path, out]) for _ in range(n_runs)]
    cpu_s = statistics.median(cpu for cpu, _ in runs)
    memory = statistics.median(used for _, used in runs) / size_mb
    detail = f"{size_mb:.0f} MB, {n_samples} samples of {DEPTH} frames, in {cpu_s:.2f} s"
    return [Row(name, size_mb / cpu_s, " MB/s", ">= 100", size_mb / cpu_s >= 100, detail),
            Row(f"{name}: memory / file", memory, "", "<= 2", memory <= 2)]


def import_speedscope(is_long):
    """From the file on disk to a pprof file: all of the command's CPU."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "big.speedscope.json"), Path(folder, "big.pb")
        n_runs = 15 if is_long else 5
        rows = import_samples("import of a speedscope file", path, out, n_runs, False)
        rows += import_samples("import of a speedscope file, all stacks different", path, out, n_runs, True)
        write_events(path, 50 * MB)
        evented_mb = path.stat().st_size / MB
        evented_s = statistics.median(run([PPROFC, "convert", "-q", "-f", path, out])[0] for _ in range(n_runs))
    return [*rows, Row("import of a speedscope file of events", evented_mb / evented_s, " MB/s", detail=f"{evented_mb:.0f} MB")]


ALL = {"import-speedscope": import_speedscope}
