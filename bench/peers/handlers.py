"""The handlers themselves: the same signal at the same place, 60 frames deep, handled by each."""
import json
import statistics

from measure import Row

from . import tools
from .cells import cell, no_cell, us_text

DRIVER = tools.BUILD / "bench" / "drive_handlers"
BARS = {"gperftools": 0.05, "pprof-rs": 0.15}
EMPTY, EMPTY_AGAIN = "empty", "empty again"


class Driven:
    """What one way of delivery cost with each handler, in microseconds above an empty one."""

    def __init__(self, said):
        self.n_frames = said["n_frames"]
        signal_us = {name: [ns / 1e3 for ns in one["signal_ns"]] for name, one in said["handlers"].items()}
        self.check_counts(said)
        empty = [(one + other) / 2 for one, other in zip(signal_us[EMPTY], signal_us[EMPTY_AGAIN])]
        self.empty_us = statistics.median(empty)
        self.floor_us = abs(statistics.median(one - other
                                              for one, other in zip(signal_us[EMPTY], signal_us[EMPTY_AGAIN])))
        # Paired within a round: the machine's speed is about the same in it.
        self.above_us = {name: statistics.median(us - base for us, base in zip(values, empty))
                         for name, values in signal_us.items() if name not in (EMPTY, EMPTY_AGAIN)}
        self.signal_us = signal_us

    @staticmethod
    def check_counts(said):
        """A handler that refused its signals would look cheap."""
        for name, one in said["handlers"].items():
            if one["n_samples"] >= 0 and one["n_samples"] < 0.99 * one["n_signals"]:
                raise RuntimeError(f"{name} took {one['n_samples']} samples of {one['n_signals']} signals")

    def ratio(self, peer):
        return self.above_us["pprof-c"] / self.above_us[peer]


def drive(delivery, n_rounds, folder, library):
    command = [DRIVER, delivery, n_rounds, folder, library]
    return Driven(json.loads(tools.run(command, folder, {"CPUPROFILE_FREQUENCY": 1}, limit_s=900).out))


def handler_rows(here, is_long, folder):
    by_key = {tool.key: tool for tool in here}
    library = by_key["pprof-rs"].library if "pprof-rs" in by_key else ""
    rows = []
    for metric, delivery, n_rounds in (("handler-queued", "queued", 200 if is_long else 20),
                                       ("handler-signal", "perf-signal", 150 if is_long else 8),
                                       ("handler-trap", "perf-trap", 150 if is_long else 8)):
        driven = drive(delivery, n_rounds, folder, library)
        rows += [cell_of(metric, tool, driven) for tool in here]
        rows += ratios_of(delivery, driven, is_long)
    return rows


def cell_of(metric, tool, driven):
    if tool.has_recorder:
        return no_cell(metric, tool, "it has no handler: the kernel takes the sample")
    if tool.key not in driven.above_us:
        return no_cell(metric, tool, "its handler is for SIGPROF")
    us = driven.above_us[tool.key]
    return cell(metric, tool, us, " us", us_text(us),
                f"empty {driven.empty_us:.1f} us a signal, floor (empty / empty) {driven.floor_us:.2f} us,"
                f" {driven.n_frames} frames",
                signal_us=driven.signal_us[tool.key])


def ratios_of(delivery, driven, is_long):
    """The bars; by a perf event's signal the cost is a difference of large numbers, so only --long decides."""
    rows = []
    for peer, bar in BARS.items():
        if peer in driven.above_us:
            is_decided = delivery == "queued" or is_long
            ratio = driven.ratio(peer)
            rows.append(Row(f"handler above empty, pprof-c / {peer}, {delivery}", ratio, "", f"<= {bar:g}",
                            ratio <= bar if is_decided else None,
                            f"{driven.above_us['pprof-c']:.2f} over {driven.above_us[peer]:.2f} us,"
                            f" floor {driven.floor_us:.2f}"))
    return rows
