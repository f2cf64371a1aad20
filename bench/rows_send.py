"""What it costs to send a window, and what is left of an outage."""
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Row
from rows import BUILD, PROGRAMS, ROOT, Missing, clean_environment, json_of, tool

sys.path.append(str(ROOT / "tests" / "end_to_end"))
import otlp_peer  # noqa: E402

N_SAMPLES, N_STACKS, N_OUTAGE = 12000, 2000, 50


def send_cost(is_long):
    """The bytes of a minute's window, and the CPU time of encoding and compressing one."""
    program = tool(BUILD / "bench" / "send_cost")
    rounds = 100 if is_long else 20
    minute = json_of(program, N_SAMPLES, N_STACKS, rounds)
    large = json_of(program, N_SAMPLES, 10000, rounds)
    a_sample = minute["pprof_bytes"] / N_SAMPLES
    return [
        Row(".pb.gz of 60 s, 12 000 samples, 2 000 stacks", a_sample, " B/sample", "<= 27", a_sample <= 27,
            f"{minute['pprof_bytes']} bytes; as OTLP {minute['otlp_bytes']}"),
        Row("encode and compress 10 000 stacks", large["pprof_ms"], " ms CPU", "<= 20", large["pprof_ms"] <= 20,
            f"as OTLP {large['otlp_ms']:.1f} ms; the best of {rounds}"),
    ]


def outage(is_long):
    """50 windows of an outage, sent by the next run: each once, oldest first."""
    if otlp_peer.WHY_NOT:
        raise Missing(otlp_peer.WHY_NOT)
    program = tool(PROGRAMS / "sends")
    is_up = []
    server = otlp_peer.Server(lambda handler, path, body: False if is_up else handler.reply(503) or True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a.folded").write_text("main;heavy 60\nmain;light 30\n")
            command = [program, "otlp", server.url, Path(folder) / "queue", "0", Path(folder) / "a.folded"]
            subprocess.run(command, input=f"take {N_OUTAGE}\n", text=True, check=True, capture_output=True, env=clean_environment())
            is_up.append(True)
            subprocess.run(command, input="drain 60\n", text=True, check=True, capture_output=True, env=clean_environment())
    finally:
        server.close()
    ids = [message.resource_profiles[0].scope_profiles[0].profiles[0].profile_id for message in server.messages("/v1development/profiles")]
    is_met = len(ids) == len(set(ids)) == N_OUTAGE and not server.problems
    return [Row(f"windows that arrive after an outage of {N_OUTAGE}", len(set(ids)), "", f"{N_OUTAGE}, each once", is_met,
                f"{len(ids)} requests with profiles")]


ALL = {"send": send_cost, "outage": outage}
