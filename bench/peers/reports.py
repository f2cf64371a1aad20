"""From a recording of a 20 MB binary with debug information to a table of functions, and to a picture."""
import statistics
import tempfile
from pathlib import Path

import big_binary

from . import tools
from .cells import attempt_all, cell, no_cell

LIMIT_S = 300


def seconds_text(seconds):
    return f"{seconds * 1e3:.0f} ms" if seconds < 0.995 else f"{seconds:.1f} s"


def report_cell(metric, tool, command, why_none, folder, n_times):
    """The first time, and again: a tool may keep names that it has looked up."""
    if command is None:
        return no_cell(metric, tool, why_none)
    environment = tool.report_environment(folder / metric)  # neither begins with what the other has looked up
    took_s = [tools.run(command, folder, environment, limit_s=LIMIT_S).took_s for _ in range(n_times)]
    again = statistics.median(took_s[1:])
    return cell(metric, tool, took_s[0], " s", f"{seconds_text(took_s[0])}, again {seconds_text(again)}",
                f"first {took_s[0]:.2f} s, then {again:.2f} s", took_s=took_s)


def cells_of(tool, program, n_times):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tool.record([program], 1000, folder, more={"PPROF_RS_PEER_SVG": 1})
        if tool.key == "pprof-rs":
            return own_report_cells(tool, folder)
        return [report_cell("text", tool, tool.text_command(folder, program), tool.why_no_text, folder, n_times),
                report_cell("svg", tool, tool.svg_command(folder, program), tool.why_no_svg, folder, n_times)]


def own_report_cells(tool, folder):
    """pprof-rs reports inside of the program, before that ends."""
    times = tool.times_ms(folder)
    seconds = (times["build_ms"] + times["svg_ms"]) / 1e3
    return [no_cell("text", tool, tool.why_no_text),
            cell("svg", tool, seconds, " s", f"{seconds_text(seconds)} in the program",
                 f"build {times['build_ms']:.0f} ms, flame graph {times['svg_ms']:.0f} ms", times_ms=times)]


def report_rows(here, is_long):
    program = big_binary.build(tools.BUILD / "bench" / "big")
    n_times = 4 if is_long else 2
    return [row for tool in here
            for row in attempt_all(("text", "svg"), tool, lambda tool=tool: cells_of(tool, program, n_times))]
