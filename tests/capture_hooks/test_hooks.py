"""Programs that link libpprofc have the hooks of threads, signals and the loader, whatever way they are linked.

The programs of this folder are compiled here, in many ways, against the built libraries."""
import collections
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "end_to_end"))
import harness  # noqa: E402

ROOT, BUILD = harness.ROOT, harness.BUILD
DYNAMIC = ["-L", str(BUILD), "-lpprofc", f"-Wl,-rpath,{BUILD}"]
STATIC = [str(BUILD / "libpprofc.a")]
WRAP = ["-Wl,--wrap=pthread_create,--wrap=sigaction,--wrap=signal"]
# name -> arguments for the compiler; the last ones link.
WAYS = {
    "lazy": ["-fPIE", "-pie", "-Wl,-z,lazy", *DYNAMIC],
    "relro": ["-fPIE", "-pie", "-Wl,-z,relro,-z,now", *DYNAMIC],
    "no_plt": ["-fPIE", "-pie", "-fno-plt", "-Wl,-z,relro,-z,now", *DYNAMIC],
    "fixed": ["-fno-pie", "-no-pie", "-Wl,-z,lazy", *DYNAMIC],
    "fixed_relro": ["-fno-pie", "-no-pie", "-Wl,-z,relro,-z,now", *DYNAMIC],
    "archive": ["-fPIE", "-pie", *STATIC],
    "archive_fixed": ["-fno-pie", "-no-pie", *STATIC],
    "archive_wrapped": ["-fPIE", "-pie", *STATIC, *WRAP],
    "archive_fixed_wrapped": ["-fno-pie", "-no-pie", *STATIC, *WRAP],
    "static_wrapped": ["-static", *STATIC, *WRAP],
    "static_pie_wrapped": ["-fPIE", "-static-pie", *STATIC, *WRAP],
}
HAS_LLD = shutil.which("ld.lld") is not None
if HAS_LLD:
    WAYS["lld"] = ["-fPIE", "-pie", "-fuse-ld=lld", "-Wl,-z,relro,-z,now", *DYNAMIC]

TIME_LIMIT_S = 900

folder = None


def compile_to(output, *args):
    command = ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-I", str(ROOT / "include"),
               "-I", str(ROOT / "tests" / "programs"), "-o", str(folder / output), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return folder / output


def library(output, source, *args):
    path = folder / output
    return path if path.exists() else compile_to(output, "-fPIC", "-shared", *args, HERE / source)


def program(source, way, *args):
    path = folder / f"{source}_{way}"
    return path if path.exists() else compile_to(path.name, *args[:1], HERE / f"{source}.c", *WAYS[way], *args[1:])


def setUpModule():
    global folder
    if shutil.which("cc") is None:
        raise unittest.SkipTest("no compiler")
    for library in ("libpprofc.so", "libpprofc.a"):
        harness.built(library)
    folder = Path(tempfile.mkdtemp(prefix="pprofc-hooks."))


def tearDownModule():
    shutil.rmtree(folder, ignore_errors=True)


class Threads(harness.EndToEnd):
    """Each of 400 threads lives for 5 ms, too short for a helper that looks every 10 ms or more."""
    N_THREADS = harness.long_or(2000, 400)

    def check(self, binary):
        recording = self.folder / "threads.ppc"
        finished = self.run_command(binary, recording, self.N_THREADS)
        self.assertEqual(finished.status, 0, finished.err)
        for line, path, n_threads in zip(finished.out.splitlines(), (recording, f"{recording}.2.ppc"),
                                         (self.N_THREADS, self.N_THREADS // 4)):
            self.check_session(json.loads(line), path, n_threads)

    def check_session(self, truth, path, n_threads):
        if truth["delivery"] not in ("perf-sigtrap", "perf-signal"):
            self.skipTest(f"threads of 5 ms want perf events, not {truth['delivery']}")
        profile = self.folder / "threads.pb.gz"
        converted = self.pprofc("convert", "-f", path, profile)
        self.assertEqual(converted.status, 0, converted.err)
        seen, all_of = collections.Counter(), collections.Counter()
        main_id = 0
        for stack in self.stacks(profile).stacks:
            all_of[stack.thread_id] += stack.weight
            if not stack.is_unsampled:
                seen[stack.thread_id] += stack.weight
            if "main" in stack.frames:
                main_id = stack.thread_id
        others = sum(weight for thread, weight in all_of.items() if thread not in (0, main_id))
        sampled = sum(weight for thread, weight in seen.items() if thread not in (0, main_id))
        cpu_ns = truth["threads_ns"]
        slowdown = truth["threads_wall_ns"] / cpu_ns
        print(f"{self.id().rpartition('.')[2]}: {n_threads} threads, {len(all_of)} in the profile, {others / cpu_ns:.3f} of their "
              f"CPU booked on them, {sampled / cpu_ns:.3f} sampled; they waited {slowdown:.2f} times", flush=True)
        # The main thread may not be seen at all: then it is in 'others', with the little that it used.
        self.assertGreaterEqual(others / cpu_ns, 0.98)
        self.assertLessEqual(others / cpu_ns, 1.10)
        self.assertGreaterEqual(len(all_of), n_threads * 0.98)
        # The helper shares the CPUs: where threads wait it comes late, too.
        self.assertGreater(sampled / cpu_ns, 0.6 if slowdown < 1.5 else 0.3)

    def test_library_makes_them(self):
        """Threads that a library makes are known from their birth like the program's own."""
        maker = library("libmaker.so", "maker.c", "-Wl,-z,lazy")
        self.check(program("threads", "lazy", "-DMAKER", maker, f"-Wl,-rpath,{folder}").rename(folder / "threads_maker"))

    def test_strictly_bound_library_makes_them(self):
        """The same with a library whose GOT is read-only."""
        maker = library("libmaker_relro.so", "maker.c", "-Wl,-z,relro,-z,now", "-fno-plt")
        self.check(program("threads", "relro", "-DMAKER", maker, f"-Wl,-rpath,{folder}").rename(folder / "threads_maker_relro"))


class Signals(harness.EndToEnd):
    """The program's handlers for our signals are called once a raise, before, within and after sessions."""
    N_CYCLES = harness.long_or(2000, 100)

    def check(self, binary):
        finished = self.run_command(binary, self.N_CYCLES, timeout_s=120)
        self.assertEqual(finished.status, 0, finished.err)
        told = json.loads(finished.out)
        self.assertEqual((told["n_traps"], told["n_profs"]), (told["n_expected"], told["n_expected"]))
        self.assertTrue(told["is_first_quiet"], "a handler that was replaced was called")
        # 100 ms of work at 1000 Hz.
        self.assertGreater(told["n_samples"], 20, "samples did not go on")


def add_ways():
    for way in WAYS:
        def test_threads(self, way=way):
            self.check(program("threads", way))

        def test_signals(self, way=way):
            self.check(program("signals", way))
        test_threads.__doc__ = f"Nearly all CPU time of short threads is on themselves ({way})."
        test_signals.__doc__ = f"Linked as {way}."
        setattr(Threads, f"test_{way}", test_threads)
        setattr(Signals, f"test_{way}", test_signals)


add_ways()


class Loader(harness.EndToEnd):
    """A plugin that only its caller's RUNPATH finds is loaded with our hooks in between."""
    SECONDS = harness.long_or(30, 1.5)

    def caller(self):
        (folder / "hidden").mkdir(exist_ok=True)
        for name in ("libplugin.so", "libplugin1.so", "libplugin2.so"):
            library(f"hidden/{name}", "plugin.c", "-Wl,-z,relro", "-Wl,-z,lazy" if name == "libplugin1.so" else "-Wl,-z,now")
        return library("libcaller.so", "caller.c", "-Wl,-z,lazy", "-Wl,--enable-new-dtags,-rpath,$ORIGIN/hidden")

    def check(self, finished):
        self.assertEqual(finished.status, 0, finished.err)
        told = json.loads(finished.out.splitlines()[0])
        print(f"{self.id().rpartition('.')[2]}: {told}", flush=True)
        self.assertGreater(told["n_loads"], 50)
        return told

    def test_linked(self):
        """Linked, while three threads load and unload and sessions start and stop."""
        for way in ("lazy", "relro"):
            with self.subTest(way):
                binary = program("loads", way, "-DLINKED", self.caller(), f"-Wl,-rpath,{folder}")
                told = self.check(self.run_command(binary, self.SECONDS))
                self.assertGreater(told["n_sessions"], 10)

    def test_preloaded(self):
        """The same under the command."""
        binary = compile_to("loads_plain", HERE / "loads.c", self.caller(), f"-Wl,-rpath,{folder}")
        finished, _ = self.run_profiled("--", binary, self.SECONDS)
        self.check(finished)


class Protections(harness.EndToEnd):
    """What was read-only is read-only again."""

    @staticmethod
    def sections(text):
        found = {}
        for part in text.split("== ")[1:]:
            title, _, lines = part.partition("\n")
            rows = [line.split() for line in lines.splitlines()]
            found[title] = [(row[0], row[1], row[5]) for row in rows
                            if len(row) == 6 and row[5].startswith("/") and not row[5].startswith(("/dev/", "/memfd:"))]
        return found

    def test_as_before(self):
        """Every mapping of a file has the bounds and permissions that it had before the session, for each way to link."""
        (folder / "hidden").mkdir(exist_ok=True)
        plugin = library("hidden/libplugin.so", "plugin.c", "-Wl,-z,relro,-z,now")
        for way in WAYS:
            if way.startswith("static"):
                continue
            with self.subTest(way):
                finished = self.run_command(program("protections", way), plugin)
                self.assertEqual(finished.status, 0, finished.err)
                maps = self.sections(finished.out)
                self.assertGreater(len(maps["before"]), 8)
                self.assertTrue(any("libplugin" in row[2] for row in maps["before"]))
                self.assertEqual(maps["within"], maps["before"])
                self.assertEqual(maps["after"], maps["before"])


if __name__ == "__main__":
    unittest.main()
