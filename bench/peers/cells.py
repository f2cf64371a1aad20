"""One figure of one profiler, as a row of bench/run and as a cell of the README's table."""
import statistics
import struct

from measure import Row

# The README's rows, in order: what is measured, and how its figures are to be read.
METRICS = {
    "samples-1000": "samples taken of those asked, 1000 Hz",
    "samples-100": "samples taken of those asked, 100 Hz",
    "total-1000": "total told / CPU used, 1000 Hz",
    "total-100": "total told / CPU used, 100 Hz",
    "total-threads": "total told / CPU used, 4 threads, 1000 Hz",
    "alias": "error of a 50 % share, strict turns, 100 Hz, 30 s (1 sd: 0.9)",
    "kernel": "error of the share of a function of system calls (50 %), 100 Hz, 30 s (1 sd: 0.9)",
    "root": "stacks that reach `main`, no frame pointers",
    "deep-300": "300 frames deep: kept; stacks that reach `main`",
    "deep-5000": "5000 frames deep: kept; stacks that reach `main`",
    "handler-queued": "handler, 60 frames, above an empty one: thread's own signal",
    "handler-signal": "handler, 60 frames, above an empty one: perf event's signal",
    "handler-trap": "handler, 60 frames, above an empty one: perf trap",
    "added-1000": "CPU added to the work, 1000 Hz asked",
    "added-100": "CPU added to the work, 100 Hz asked",
    "added-sample": "CPU added a sample taken, 1000 Hz asked",
    "besides": "CPU besides the work, 1 s at 1000 Hz: start, end, recorder",
    "start": "start-up before `main`",
    "memory": "memory added, 1 s at 1000 Hz",
    "file": "file of 1 s at 1000 Hz",
    "text": "end to a table of functions, 20 MB binary",
    "svg": "end to an SVG, 20 MB binary",
    "rust-samples": "Rust program: samples taken, 1000 Hz",
    "rust-added": "Rust program: CPU added, 1000 Hz asked",
    "rust-memory": "Rust program: memory added",
    "rust-start": "Rust program: start-up before `main`",
}


def cell(metric, tool, value, unit, text, detail="", bar="", is_ok=None, **data):
    """'value' is for machines, 'text' for the table."""
    return Row(f"{METRICS[metric].replace('`', '')}: {tool.label}", value, unit, bar, is_ok, detail or text,
               {"metric": metric, "tool": tool.key, "text": text, **data})


def no_cell(metric, tool, reason):
    """What a profiler does not do, or what failed, with the reason."""
    return Row(f"{METRICS[metric].replace('`', '')}: {tool.label}", None, "", detail=f"not measured: {reason}",
               data={"metric": metric, "tool": tool.key, "text": None, "reason": reason})


# What a peer that fails makes of its files and of the commands that read them.
FAILURES = (RuntimeError, OSError, ValueError, KeyError, IndexError, StopIteration, struct.error,
            statistics.StatisticsError)


def reason_of(error):
    return " ".join(str(error).split())[:200] or type(error).__name__


def attempt_all(metrics, tool, measure):
    """The cells that 'measure()' gives, or for each metric one that says why not: no failure hides the others."""
    try:
        return measure()
    except FAILURES as error:
        return [no_cell(metric, tool, reason_of(error)) for metric in metrics]


def attempt(metric, tool, measure_one):
    """The same for one cell."""
    return attempt_all((metric,), tool, lambda: [measure_one()])[0]


def alternate(variants, n_rounds):
    """Run each of 'variants' (name: callable) once a round, forwards and backwards in turn.

    Gives (results by name, reasons by name): one that fails is not run again, and has a reason instead of results."""
    results, failed = {name: [] for name in variants}, {}
    for i in range(n_rounds):
        for name in list(results)[::1 if i % 2 == 0 else -1]:
            try:
                results[name].append(variants[name]())
            except FAILURES as error:
                failed[name] = reason_of(error)
                del results[name]
    return results, failed


def us_text(us):
    return f"{us:.1f} µs" if us < 9.95 else f"{us:.0f} µs"


def bytes_text(n_bytes):
    return f"{n_bytes / 1024:.0f} KiB" if n_bytes < 10 * 2 ** 20 else f"{n_bytes / 2 ** 20:.0f} MiB"
