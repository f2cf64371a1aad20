"""What a second thread alone costs a program of one thread, on libc's side, and what that is of what nginx loses."""
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import Row
from rows import BUILD, Missing, clean_environment, json_of, tool
from rows_waits import Nginx, followed, with_sleeper

N_CONNECTIONS = 8
N_REQUESTS = (800, 4000)  # two runs of different length, so that all but the requests goes out
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


# ---- libc's own calls --------------------------------------------------------------------------

def calls(is_long, folder):
    """libc's read and malloc in processes of one thread, with a second one that sleeps, and with our helper, in turns."""
    program = tool(BUILD / "bench" / "libc_calls")
    ways = {"alone": clean_environment(), "a thread that only sleeps": with_sleeper(),
            "our helper, which has descriptors of its own": clean_environment(
                LD_PRELOAD=str(tool(BUILD / "libpprofc-preload.so")), PPROFC="cpu", PPROFC_FREQUENCY="1",
                PPROFC_OUTPUT=f"{folder}/%p.ppc", PPROFC_LOG="/dev/null")}
    found = {way: [] for way in ways}
    for i in range(15 if is_long else 5):
        for way in list(ways)[::-1 if i % 2 else 1]:
            found[way].append(json_of(program, env=ways[way]))
    rows = []
    for call, name in {"read": "read of 1 byte of /dev/zero", "malloc": "malloc and free of 8 KiB"}.items():
        alone, *others = (statistics.median(one[call] for one in found[way]) for way in ways)
        for way, beside in zip(list(ways)[1:], others):
            rows.append(Row(f"libc's {name}: beside {way} / alone", beside / alone, "",
                            detail=f"{beside - alone:+.1f} ns on {alone:.1f} ns; {len(found[way])} processes each"))
    return rows


# ---- nginx's requests, by instructions ---------------------------------------------------------

class CountedNginx(Nginx):
    """nginx under callgrind."""

    def command(self):
        self.counts = self.folder / "counts"
        return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.counts}", "--separate-threads=yes", *super().command()]

    def measure(self):
        """Nothing: a warming by time would not be the same in each run."""

    def answer(self, n_requests):
        connections = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(N_CONNECTIONS)]
        for _ in range(n_requests // N_CONNECTIONS):
            for one in connections:
                one.sendall(REQUEST)
            for one in connections:
                self.read_answer(one)
        for one in connections:
            one.close()

    @staticmethod
    def read_answer(connection):
        text = b""
        while (end := text.find(b"\r\n\r\n")) < 0 or len(text) < end + 4 + 600:
            more = connection.recv(4096)
            if not more:
                raise RuntimeError("nginx: it closed a connection")
            text += more

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        for _ in range(100):  # another thread may have had the signal: a connection wakes nginx's own
            try:
                self.process.wait(timeout=0.2)
                return
            except subprocess.TimeoutExpired:
                with socket.socket() as waker:
                    waker.connect_ex(("127.0.0.1", self.port))
        self.process.kill()
        self.process.wait()
        raise RuntimeError("nginx: it did not end under valgrind")

    def n_instructions(self):
        """Of nginx's own thread."""
        return int(re.search(r"^totals: (\d+)", Path(f"{self.counts}-01").read_text(encoding="utf-8"), re.M).group(1))


def instructions_a_request(folder, env):
    counts = []
    for n_requests in N_REQUESTS:
        server = CountedNginx(tempfile.mkdtemp(dir=folder) + "/it", env)
        try:
            server.answer(n_requests)
        finally:
            server.stop()
        counts.append(server.n_instructions())
    return (counts[1] - counts[0]) / (N_REQUESTS[1] - N_REQUESTS[0])


def second_thread(is_long):
    """What libc's calls cost beside a second thread, our helper or any; nginx's instructions a request with one, and with us."""
    for program in ("nginx", "valgrind"):
        if shutil.which(program) is None:
            raise Missing(f"there is no {program} (scripts/setup bench)")
    with tempfile.TemporaryDirectory() as folder:
        rows = calls(is_long, folder)
        # No CPU samples: valgrind has no perf events.  It has no rseq either: each call reads the clock twice.
        ours = followed(folder, "offcpu,lock")
        plain, asleep, ours = (instructions_a_request(folder, env) for env in (clean_environment(), with_sleeper(), ours))
    rows.append(Row("nginx: instructions a request beside a thread that only sleeps / alone", asleep / plain, "",
                    detail=f"{asleep - plain:+.0f} on {plain:.0f}, by callgrind, without the kernel's"))
    rows.append(Row("nginx, offcpu,lock: instructions a request / alone", ours / plain, "", detail=f"{ours - plain:+.0f} on {plain:.0f}"))
    return rows


ALL = {"second-thread": second_thread}
