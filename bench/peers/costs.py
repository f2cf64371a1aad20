"""What profiling the same work costs with each profiler: CPU in the work and besides, memory, start-up, files."""
import os
import statistics
import tempfile
from pathlib import Path

from measure import Row, paired_estimate

from . import tools
from .cells import alternate, attempt, bytes_text, cell, no_cell, us_text

PIECE_US = 100  # fixed_work's own
NONE, NONE_AGAIN, NONE_FP = "nothing", "nothing again", "nothing, frame pointers"


def fixed_work(has_frame_pointers=False):
    path = tools.BUILD / "bench" / ("fixed_work_fp" if has_frame_pointers else "fixed_work")
    if not path.exists():
        raise RuntimeError(f"{path.name} is not built")
    return path


def iterations_of_a_piece(program, folder):
    """About 100 us of work on this machine, so that every run does the same."""
    return tools.run([program, 1, 0, "@NOW@"], folder).said["n_iterations"]


def one_run(tool, program, n_pieces, n_iterations, rate_hz, is_watched=False):
    """What the program said; CPU besides its work, bytes written, a recorder's own memory at its peak."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = tool.record([program, n_pieces, n_iterations, "@NOW@"], rate_hz, folder, is_watched=is_watched)
        return {**done.said, "besides_ns": max(done.cpu_ns - done.said["cpu_ns"], 0),
                "n_bytes": sum(os.path.getsize(path) for path in tool.files(folder)), "recorder_kb": done.peak_kb}


class Costs:
    """Alternating runs of the same work: without a profiler (twice: the floor) and with each at both rates."""

    def __init__(self, here, is_long, folder):
        self.here = here
        self.n_rounds, seconds = (40, 1.0) if is_long else (4, 0.3)
        self.n_pieces = int(seconds * 1e6 / PIECE_US)
        self.amount = f"of {seconds:g} s of work at 1000 Hz"
        iterations = iterations_of_a_piece(fixed_work(), folder)
        nothing = tools.Nothing()

        def variant(tool, rate_hz, has_frame_pointers):
            program = fixed_work(has_frame_pointers)
            return lambda: one_run(tool, program, self.n_pieces, iterations, rate_hz)

        variants = {NONE: variant(nothing, 0, False), NONE_FP: variant(nothing, 0, True)}
        for tool in here:
            for rate_hz in (100, 1000):
                variants[tool.key, rate_hz] = variant(tool, rate_hz, tool.needs_frame_pointers)
        variants[NONE_AGAIN] = variant(nothing, 0, False)
        self.runs, self.failed = alternate(variants, self.n_rounds)

    def base(self, tool):
        return self.runs[NONE_FP if tool.needs_frame_pointers else NONE]

    def rows(self):
        centre, low, high = added(self.runs[NONE_AGAIN], self.runs[NONE])
        rows = [Row("A/A: CPU added to the work by nothing", 100 * centre, " %",
                    detail=f"95 % limits {100 * low:+.2f} .. {100 * high:+.2f} %, {self.n_rounds} rounds: the floor")]
        wanted = [(f"added-{rate_hz}", rate_hz, self.added_cell) for rate_hz in (1000, 100)]
        wanted += [("besides", 1000, self.besides_cell), ("file", 1000, self.file_cell)]
        for metric, rate_hz, make in wanted:
            rows += [no_cell(metric, tool, self.failed[tool.key, rate_hz]) if (tool.key, rate_hz) in self.failed
                     else make(metric, tool, self.runs[tool.key, rate_hz]) for tool in self.here]
        return rows

    def added_cell(self, metric, tool, runs):
        return cell_of_added(metric, tool, runs, self.base(tool))

    def besides_cell(self, metric, tool, runs):
        """CPU time that is not the work's, less what the program alone takes to start and end."""
        ms = statistics.median(own["besides_ns"] - other["besides_ns"]
                               for own, other in zip(runs, self.base(tool))) / 1e6
        return cell(metric, tool, ms, " ms", f"{ms:.0f} ms", self.amount)

    def file_cell(self, metric, tool, runs):
        n_bytes = statistics.median(run["n_bytes"] for run in runs)
        return cell(metric, tool, n_bytes / 1024, " KiB", bytes_text(n_bytes), self.amount)


def added(runs, base):
    """(estimate, low, high) of the part that was added to the work's CPU."""
    return paired_estimate([own["cpu_ns"] / other["cpu_ns"] - 1 for own, other in zip(runs, base)])


def cell_of_added(metric, tool, runs, base):
    centre, low, high = (100 * part for part in added(runs, base))
    return cell(metric, tool, centre, " %", f"{centre:+.1f} % ({low:+.1f} to {high:+.1f})",
                f"95 % limits {low:+.2f} .. {high:+.2f} %, {len(runs)} rounds", cpu_ns=[run["cpu_ns"] for run in runs])


def sample_cost_rows(here, rows):
    """What one sample costs the program, from rows measured before: who takes fewer than were asked looks cheap."""
    values = {(row.data.get("metric"), row.data.get("tool")): row for row in rows}
    made = []
    for tool in here:
        added_row, taken_row = values.get(("added-1000", tool.key)), values.get(("samples-1000", tool.key))
        if added_row is None or taken_row is None or added_row.value is None or not taken_row.value:
            made.append(no_cell("added-sample", tool, "one of the two it is made of is missing"))
            continue
        us = added_row.value / 100 / (1000 * taken_row.value) * 1e6
        made.append(cell("added-sample", tool, us, " us", us_text(us),
                         f"{added_row.data['text']} for {taken_row.detail}"))
    return made


def start_rows(here, is_long, metric="start", program=None):
    """From the launch to main(), wall time, less that of the program alone."""
    program = program or fixed_work()
    variants = {tool.key: lambda tool=tool: one_run(tool, program, 0, 1, 1000)["start_ms"]
                for tool in [tools.Nothing(), *here]}
    times, failed = alternate(variants, 60 if is_long else 5)
    rows = [no_cell(metric, tool, failed[tool.key]) for tool in here if tool.key in failed]
    for tool in (tool for tool in here if tool.key in times):
        added = [own - other for own, other in zip(times[tool.key], times["none"])]
        ms = statistics.median(added)
        rows.append(cell(metric, tool, ms, " ms", f"{ms:.1f} ms" if ms < 99.5 else f"{ms:.0f} ms",
                         f"median of {len(added)}; the least {min(added):.1f} ms", added_ms=added))
    return rows


def memory_rows(here, is_long, folder, metric="memory", program=None):
    """Resident memory at the end of a second at 1000 Hz, less that without a profiler; a recorder's own beside it."""
    n_pieces = int((1.0 if is_long else 0.3) * 1e6 / PIECE_US)
    program = program or fixed_work()
    iterations = iterations_of_a_piece(fixed_work(), folder)
    base_kb = one_run(tools.Nothing(), program, n_pieces, iterations, 0)["rss_kb"]

    def measure_one(tool):
        run = one_run(tool, program, n_pieces, iterations, 1000, is_watched=tool.has_recorder)
        added_kb = max(run["rss_kb"] - base_kb, 0)
        own = f" + {run['recorder_kb'] / 1024:.0f} MiB own process" if run["recorder_kb"] else ""
        return cell(metric, tool, (added_kb + run["recorder_kb"]) / 1024, " MiB", f"{added_kb / 1024:.1f} MiB{own}")

    return [attempt(metric, tool, lambda tool=tool: measure_one(tool)) for tool in here]


def rust_rows(here, is_long, folder):
    """The same questions in a Rust program that holds pprof-rs as its users do."""
    pprof_rs = next((tool for tool in here if tool.key == "pprof-rs"), None)
    if pprof_rs is None:
        return []
    program = pprof_rs.rust_program
    both = [tool for tool in here if tool.key in ("pprof-c", "pprof-rs")]
    others = [tool for tool in here if tool not in both]
    rows = start_rows(both, is_long, "rust-start", program) + memory_rows(both, is_long, folder, "rust-memory", program)
    iterations = iterations_of_a_piece(fixed_work(), folder)
    n_pieces = int((1.0 if is_long else 0.3) * 1e6 / PIECE_US)
    variants = {tool.key: lambda tool=tool: one_run(tool, program, n_pieces, iterations, 1000)
                for tool in [tools.Nothing(), *both]}
    runs, failed = alternate(variants, 40 if is_long else 4)
    rows += [no_cell("rust-added", tool, failed[tool.key]) if tool.key in failed
             else cell_of_added("rust-added", tool, runs[tool.key], runs["none"]) for tool in both]
    return rows + [no_cell(metric, tool, "measured on the C programs") for tool in others
                   for metric in ("rust-added", "rust-memory", "rust-start")]
