"""What profiles say of programs that tell their truth: samples, totals, shares, depths."""
import tempfile
from pathlib import Path

from . import tools
from .cells import attempt, attempt_all, cell
from .costs import fixed_work, iterations_of_a_piece

PROGRAMS = tools.BUILD / "tests" / "programs"
TURNS_US = (2500, 5000, 10000)


class Recorded:
    """One run of a program and its profile."""

    def __init__(self, tool, program, arguments, rate_hz, limit_s=300):
        program = Path(program)
        if not program.exists():
            raise RuntimeError(f"{program.name} is not built")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.said = tool.record([program, *arguments], rate_hz, folder, limit_s).said
            self.stacks = tool.stacks(folder, program)
        self.seen = [stack for stack in self.stacks.stacks if not stack.is_unsampled and stack.n_samples > 0]
        self.n_samples = sum(stack.n_samples for stack in self.seen)
        if self.n_samples == 0:
            raise RuntimeError("no samples")
        self.total_ns = sum(stack.weight for stack in self.stacks.stacks)

    def share_with(self, function):
        """The part of the seen time whose stacks hold it."""
        seen_ns = sum(stack.weight for stack in self.seen)
        return sum(stack.weight for stack in self.seen if function in stack.frames) / seen_ns

    @property
    def n_frames_kept(self):
        return max(len(stack.frames) for stack in self.seen)


def truth_program(tool, name):
    """Where a profiler needs frame pointers it gets them."""
    return PROGRAMS / (f"{name}_fp" if tool.needs_frame_pointers else name)


def samples_cell(metric, tool, run, rate_hz):
    """Samples of those asked, by the CPU time that the work really took."""
    cpu_s = run.said["program_ns"] / 1e9
    asked = rate_hz * cpu_s
    return cell(metric, tool, run.n_samples / asked, "", f"{100 * run.n_samples / asked:.0f} %",
                f"{run.n_samples} of {asked:.0f} in {cpu_s:.2f} s", n_samples=run.n_samples, asked=asked)


def total_cell(metric, tool, run, cpu_ns):
    """What the profile adds up to, by the kernel's clock."""
    ratio = run.total_ns / cpu_ns
    return cell(metric, tool, ratio, "", f"{ratio:.3f}",
                f"{run.total_ns / 1e9:.3f} s of {cpu_ns / 1e9:.3f} s, {run.n_samples} samples")


def sample_rows(here, is_long, folder):
    iterations = iterations_of_a_piece(fixed_work(), folder)
    n_pieces = 40000 if is_long else 5000

    def measure(tool, rate_hz):
        run = Recorded(tool, fixed_work(tool.needs_frame_pointers), [n_pieces, iterations, "@NOW@"], rate_hz)
        return [samples_cell(f"samples-{rate_hz}", tool, run, rate_hz),
                total_cell(f"total-{rate_hz}", tool, run, run.said["program_ns"])]

    rows = []
    for rate_hz in (1000, 100):
        for tool in here:
            rows += attempt_all((f"samples-{rate_hz}", f"total-{rate_hz}"), tool, lambda: measure(tool, rate_hz))
    return rows


def thread_cell(tool, seconds):
    run = Recorded(tool, truth_program(tool, "spinners"), [4, seconds], 1000)
    return total_cell("total-threads", tool, run, run.said["cpu_ns"])


def alias_cell(tool, seconds):
    """The worst of a few lengths of a turn, with the deviation that sampling itself makes."""
    errors = {}
    for turn_us in TURNS_US:
        run = Recorded(tool, truth_program(tool, "turns"), [turn_us, seconds], 100)
        truth = run.said["phases"][0]["cpu_ns"] / run.said["cpu_ns"]
        errors[turn_us] = 100 * (run.share_with("turn_a") - truth)
    worst = max(errors, key=lambda turn_us: abs(errors[turn_us]))
    sd = 50 / (100 * seconds) ** 0.5
    each = ", ".join(f"{us / 1000:g} ms: {error:+.1f}" for us, error in errors.items())
    return cell("alias", tool, abs(errors[worst]), " points",
                f"{abs(errors[worst]):.1f} points (turns of {worst / 1000:g} ms)", f"{each}; sampling itself: {sd:.1f}",
                errors=errors)


def kernel_cell(tool, seconds):
    """A function whose time is that of its system calls, half of the whole."""
    run = Recorded(tool, truth_program(tool, "kernel_time"), [seconds], 100)
    truth = next(phase["cpu_ns"] for phase in run.said["phases"] if phase["name"] == "call_kernel") / run.said["cpu_ns"]
    error = 100 * (run.share_with("call_kernel") - truth)
    sd = 50 / (100 * seconds) ** 0.5
    return cell("kernel", tool, error, " points", f"{error:+.1f} points", f"of {100 * truth:.0f} %; sampling itself: {sd:.1f}")


def root_cell(tool):
    """Without frame pointers, as distributions compile."""
    run = Recorded(tool, PROGRAMS / "mutual_recursion", [1], 1000)
    share = run.share_with("main")
    return cell("root", tool, share, "", f"{100 * share:.0f} %", f"of {run.n_samples} samples")


def deep_cell(tool, depth, seconds):
    run = Recorded(tool, truth_program(tool, "deep_300"), [seconds, depth], 1000, limit_s=600)
    share = run.share_with("main")
    return cell(f"deep-{depth}", tool, run.n_frames_kept, " frames", f"{run.n_frames_kept}; {100 * share:.0f} %",
                f"{100 * share:.2f} % of {run.n_samples} samples reach main", rooted=share)


def stack_rows(here, is_long):
    seconds = 2 if is_long else 1
    rows = [attempt("root", tool, lambda tool=tool: root_cell(tool)) for tool in here]
    for depth in (300, 5000):
        rows += [attempt(f"deep-{depth}", tool, lambda tool=tool: deep_cell(tool, depth, seconds)) for tool in here]
    return rows


def total_rows(here, is_long):
    return [attempt("total-threads", tool, lambda tool=tool: thread_cell(tool, 3 if is_long else 0.5)) for tool in here]


def alias_rows(here, is_long):
    rows = [attempt("alias", tool, lambda tool=tool: alias_cell(tool, 30 if is_long else 2)) for tool in here]
    return rows + [attempt("kernel", tool, lambda tool=tool: kernel_cell(tool, 30 if is_long else 4)) for tool in here]


def rust_sample_rows(here, is_long, folder):
    """pprof-rs in a Rust program that holds it, the others on that program from outside."""
    pprof_rs = next((tool for tool in here if tool.key == "pprof-rs"), None)
    if pprof_rs is None:
        return []
    iterations = iterations_of_a_piece(fixed_work(), folder)
    n_pieces = 20000 if is_long else 5000

    def measure(tool):
        run = Recorded(tool, pprof_rs.rust_program, [n_pieces, iterations, "@NOW@"], 1000)
        return samples_cell("rust-samples", tool, run, 1000)

    return [attempt("rust-samples", tool, lambda tool=tool: measure(tool)) for tool in here]
