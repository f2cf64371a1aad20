"""Each example is built as its README says, against an installation, and does what it says."""
import json
import math
import re
import shutil
import subprocess
import time
import unittest
import urllib.request
from pathlib import Path

import installation
from harness import ROOT, EndToEnd
from installation import LIBDIR

TIME_LIMIT_S = 600

EXAMPLES = ROOT / "examples"


class Example(EndToEnd):
    """Base: a copy of an example's folder, and the environment of somebody who has installed pprof-c."""
    TIMEOUT_S = 200
    name = None  # of its folder

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.name is None:
            raise unittest.SkipTest("the base of the others")
        cls.prefix = installation.prefix()

    def setUp(self):
        super().setUp()
        self.project = self.folder / self.name
        shutil.copytree(EXAMPLES / self.name, self.project, ignore=shutil.ignore_patterns("target", "build"))
        self.env = installation.user_environment(self.prefix)

    def need(self, *programs):
        for program in programs:
            if shutil.which(program) is None:
                self.skipTest(f"there is no {program}")

    def shell(self, command, **variables):
        """One command line, in the copy; it must succeed.  Gives what it printed."""
        finished = self.run_command("sh", "-c", command, env={**self.env, **variables}, cwd=self.project)
        self.assertEqual(finished.status, 0, f"{command}\n{finished.out}{finished.err}")
        return finished.out

    def commands(self):
        """The commands of the README, a line each."""
        block = re.search(r"^```\n(.*?)^```", (self.project / "README.md").read_text(), re.M | re.S).group(1)
        return [line.partition("  #")[0] for line in block.splitlines()]

    def follow_readme(self, **variables):
        return "".join(self.shell(command, **variables) for command in self.commands())

    def assert_drawn(self, picture, *functions):
        """The flame graph has a box for each of the functions (Rust's with their paths)."""
        boxes = set(re.findall(r"<title>(?:\w+::)*(\w+)[^<]* \(", (self.project / picture).read_text()))
        self.assertLessEqual(set(functions), boxes)


class Base(unittest.TestCase):
    def test_each_folder_is_tested(self):
        """Every example has a README of a few lines and a class here."""
        tested = {one.name for one in Example.__subclasses__()}
        for folder in EXAMPLES.iterdir():
            if folder.is_dir():
                self.assertIn(folder.name, tested)
                self.assertLess(len((folder / "README.md").read_text().splitlines()), 20)


class C(Example):
    """The slow requests of a C program, and only they, leave profiles."""
    name = "c"

    def test_it(self):
        """Requests 6 and 13 of 20 are slow; each profile has search() and nothing of the others."""
        variables = {"LD_LIBRARY_PATH": str(self.prefix / LIBDIR)}
        out = self.follow_readme(**variables)
        kept = sorted(path.name for path in self.project.glob("request-*"))
        self.assertLessEqual({"request-13.pb.gz", "request-6.pb.gz"}, set(kept), out)
        self.assertIn("search", self.shell("pprofc report --top 3 request-6.pb.gz"))
        self.assertRegex(out, r"(?m)^\d+ samples, 0 lost; profiling took [\d.]+ % of the CPU$")

    def test_strict_c99_and_clang(self):
        """It is clean C99, for clang too."""
        for compiler in ("gcc", "clang"):
            if shutil.which(compiler):
                self.shell(f"{compiler} -std=c99 -D_POSIX_C_SOURCE=200809L -pedantic -Wall -Wextra -Werror -fsyntax-only slow_requests.c "
                           "$(pkg-config --cflags pprofc)")


class Cpp(Example):
    """Two phases of a C++ program leave a flame graph each, and an exception comes through."""
    name = "cpp"

    def test_it(self):
        """build.svg has build(), query.svg query(); the logic_error of the last call arrives."""
        self.need("c++")
        out = self.follow_readme(LD_LIBRARY_PATH=str(self.prefix / LIBDIR))
        self.assert_drawn("build.svg", "main", "build")
        self.assert_drawn("query.svg", "main", "query")
        self.assertIn("as it should be: nothing found", out)

    def test_guards(self):
        """A session that an exception leaves is over; one that was stopped is not stopped again; errors carry their code."""
        self.need("c++")
        (self.project / "guards.cpp").write_text(r"""
#include <pprofc/pprofc.hpp>
#undef NDEBUG
#include <cassert>
#include <cerrno>
#include <thread>

int main()
{
    struct pprofc_stats stats;
    try {
        pprofc::session session;
        assert(pprofc_stats(&stats, nullptr) == 0);
        throw 7;
    } catch (int) {
    }
    assert(pprofc_stats(&stats, nullptr) == -ESRCH);
    {
        pprofc::session first;
        const pprofc::recording recording = first.stop();
        assert(recording.bytes().second > 1000 && recording.get() != nullptr);
        pprofc::session second;
        assert(pprofc_stats(&stats, nullptr) == 0);
    }
    assert(pprofc_stats(&stats, nullptr) == -ESRCH);
    try {
        pprofc_options options = pprofc::defaults();
        options.frequency_hz = 1e9;
        pprofc::session session(options);
        assert(false);
    } catch (const pprofc::error &error) {
        assert(error.code() == -EINVAL && error.what()[0] != '\0');
    }
    {
        const pprofc::label label("color", "red");
        const pprofc::context here;
        pprofc::span span("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a request");
        std::thread([&here] {
            const pprofc::context::guard guard(here);
            const pprofc_context inside = pprofc_context_capture();
            assert(inside.words[0] != 0 && inside.words[1] == 0); // the label; the span began after
        }).join();
        const pprofc_span_summary summary = span.end();
        assert(summary.wall_ns > 0 && summary.wall_ns >= summary.wait_ns);
        assert(pprofc_span_end(nullptr, nullptr) == -ESRCH);
        try {
            pprofc::span none("no header");
            assert(false);
        } catch (const pprofc::error &error) {
            assert(error.code() == -EINVAL);
        }
    }
    assert(pprofc_context_capture().words[0] == 0);
}
""")
        self.shell("c++ -std=c++17 -Wall -Wextra -Werror guards.cpp $(pkg-config --cflags --libs pprofc) -o guards && ./guards",
                   LD_LIBRARY_PATH=str(self.prefix / LIBDIR))


class Rust(Example):
    """A Rust program without crates profiles itself."""
    name = "rust"

    def setUp(self):
        super().setUp()
        self.need("cargo", "rustc")
        self.env.update(CARGO_TARGET_DIR=str(self.folder / "target"), CARGO_NET_OFFLINE="true")

    def test_it(self):
        """cargo run leaves a flame graph with the program's functions and its two threads' work."""
        out = self.follow_readme()
        self.assertIn("see anagrams.svg", out)
        self.assert_drawn("anagrams.svg", "group_words")
        self.assertRegex(out, r"(?m) 1 *$")
        self.assertRegex(out, r"(?m) 2 *$")

    def test_layout(self):
        """The structs declared by hand are laid out as the header's."""
        (self.project / "layout.rs").write_text(r"""
#[path = "src/pprofc.rs"]
#[allow(dead_code)]
mod pprofc;
use std::mem::{align_of, size_of, MaybeUninit};

macro_rules! offset {
    ($type:ty, $field:ident) => {{
        let it = MaybeUninit::<$type>::uninit();
        let base = it.as_ptr();
        unsafe { std::ptr::addr_of!((*base).$field) as usize - base as usize }
    }};
}

fn main() {
    println!("{} {} {} {} {}", size_of::<pprofc::Error>(), align_of::<pprofc::Error>(), offset!(pprofc::Error, code),
        offset!(pprofc::Error, offset_bytes), offset!(pprofc::Error, message));
    println!("{} {} {} {} {} {} {} {} {}", size_of::<pprofc::Options>(), offset!(pprofc::Options, struct_bytes), offset!(pprofc::Options, kinds),
        offset!(pprofc::Options, frequency_hz), offset!(pprofc::Options, block_libraries), offset!(pprofc::Options, block_drops),
        offset!(pprofc::Options, heap_interval_bytes), offset!(pprofc::Options, heap_peak),
        offset!(pprofc::Options, heap_mmap));
    println!("{} {}", size_of::<pprofc::Context>(), align_of::<pprofc::Context>());
}
""")
        (self.project / "layout.c").write_text(r"""
#include <pprofc/pprofc.h>
#include <stdio.h>
#define E(field) offsetof(struct pprofc_error, field)
#define O(field) offsetof(struct pprofc_options, field)
int main(void)
{
    printf("%zu %zu %zu %zu %zu\n", sizeof(struct pprofc_error), _Alignof(struct pprofc_error), E(code), E(offset_bytes), E(message));
    printf("%zu %zu %zu %zu %zu %zu %zu %zu %zu\n", sizeof(struct pprofc_options), O(struct_bytes), O(kinds), O(frequency_hz), O(block_libraries),
           O(block_drops), O(heap_interval_bytes), O(heap_peak), O(heap_mmap));
    printf("%zu %zu\n", sizeof(struct pprofc_context), _Alignof(struct pprofc_context));
}
""")
        rust = self.shell(f"rustc --edition 2021 layout.rs -L {self.prefix / LIBDIR} -l pprofc -o rust_layout && ./rust_layout",
                          LD_LIBRARY_PATH=str(self.prefix / LIBDIR))
        c = self.shell("gcc -std=c11 layout.c $(pkg-config --cflags pprofc) -o c_layout && ./c_layout")
        self.assertEqual(rust, c)


class CMake(Example):
    """A CMake project draws its own picture with the report library."""
    name = "cmake"

    def test_it(self):
        """It finds the package, and its picture has both ways to sort, without any command."""
        self.need("cmake")
        self.assertIn("see two_sorts.svg", self.follow_readme(PATH="/usr/bin:/bin"))
        self.assert_drawn("two_sorts.svg", "sort_both", "sort_by_comparing", "sort_by_bytes")


class Sessions(Example):
    """A session store that leaks holds all that it ever took; with an LRU of a hundred it holds a hundred."""
    name = "sessions"

    def test_it(self):
        """The commands of the README, and what the two profiles hold."""
        out = self.follow_readme()
        self.assertIn("render_page", out)
        in_use = {}
        for store in ("leak", "lru"):
            report = json.loads(self.shell(f"pprofc report --json {store}.pb.gz"))
            in_use[store] = {row["function"]: row["flat"] for row in report["top"]}
        self.assertEqual(in_use["leak"]["render_page"], 2000 * 10000)
        self.assertEqual(in_use["lru"]["render_page"], 100 * 10000)


class JsonBatch(Example):
    """Both ways give the same bytes; item by item is dearer, and the texts put together are named as the reason."""
    name = "json-batch"

    def share_of_append(self, profile):
        """Of what append() calls, and in how many samples: strcat is its last call, after which it has no frame."""
        report = json.loads(self.shell(f"pprofc report --json {profile}.pb.gz"))
        n_samples = report["total"] / 1e6  # 1000 Hz
        return sum(row["flat"] for row in report["top"] if re.search("str(len|cat)", row["function"])) / report["total"], n_samples

    def test_it(self):
        """The commands of the README: the same sum four times, append() gone or cheaper in table, picture and benchmark."""
        if not Path("/usr/include/jansson.h").exists():
            self.skipTest("there is no jansson.h (Debian: libjansson-dev)")
        out = self.follow_readme()
        self.assertEqual(len(re.findall(r"50 answers of 1000 orders, sum \w+", out)), 2)
        self.assertEqual(len(set(re.findall(r"sum (\w+)", out))), 1)
        # One run of each says no more of the whole than how fast the machine was in either: what append() takes is a share.
        self.assertRegex(out, r"(?m)^Change +[+-]\d+\.\d %, improvement -?\d+\.\d %$")
        self.assertRegex(out, r"(?m)^(gone|improved) ")
        share, n_samples = self.share_of_append("item")
        self.assertGreater(share, 0.36 - 5 * math.sqrt(0.36 * 0.64 / n_samples))
        self.assertLess(self.share_of_append("batch")[0], 0.1)
        found = re.search(r"(?m)^CPU +before .*: ([+-][\d.]+) % \(95 %: ([+-][\d.]+) to ([+-][\d.]+) %\), improvement -?[\d.]+ %$", out)
        change, low, high = map(float, found.groups())
        self.assertTrue(low < change < high and low < 0, found.group())
        self.assert_drawn("diff.svg", "append", "order_to_json")


class Orders(Example):
    """The service builds without a warning, and serves, is profiled and ends without a leak or another fault."""
    name = "orders"

    def test_it(self):
        """Built with sanitizers: load, a profile, TERM; neither they nor the compiler say a word."""
        built = self.run_command("sh", "-c", f"{self.commands()[0]} CFLAGS='-O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined'",
                                 env=self.env, cwd=self.project)
        self.assertEqual((built.status, built.err), (0, ""))
        service = self.start("./orders", "--port", "0", "--profile", "127.0.0.1:0", cwd=self.project,
                             env={**self.env, "LD_LIBRARY_PATH": str(self.prefix / LIBDIR)})
        port, profile_port = (self.port_said(service, stream) for stream in (0, 1))
        sampling = f"http://127.0.0.1:{profile_port}/sampling"
        with urllib.request.urlopen(f"{sampling}/start", b'{"frequency": 1000}', timeout=60):
            pass
        load = self.run_command("./load", "--requests", "300", f"http://127.0.0.1:{port}/api/orders", cwd=self.project)
        self.assertEqual(load.status, 0, load.err)
        with urllib.request.urlopen(f"{sampling}/stop?format=pprof", timeout=60) as answer:
            (self.project / "cpu.pb.gz").write_bytes(answer.read())
        self.assertIn("price_of", self.shell("pprofc report --top 1000 cpu.pb.gz"))
        service.terminate()
        finished = self.finish(service)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertEqual(len(finished.err.splitlines()), 1, finished.err)

    def port_said(self, service, stream):
        while not (said := re.search(r"at http://127\.0\.0\.1:(\d+)/", self.text(service, stream))):
            self.assertIsNone(service.poll(), self.text(service, 1))
            time.sleep(0.05)
        return said.group(1)


class Meson(Example):
    """A Meson project is profiled only when the environment asks for it."""
    name = "meson"

    def test_it(self):
        """Without the variable there is no file; with it there is the flame graph.  The library is kept as needed or not."""
        self.need("meson", "ninja")
        commands = self.commands()
        self.shell(commands[0], LDFLAGS="-Wl,--as-needed")
        self.shell(commands[1])
        self.assertEqual(list(self.project.glob("*.svg")), [])
        self.shell(commands[2], PPROFC_FREQUENCY="1000")
        self.assert_drawn("queens_profile.svg", "solve", "count_ways")

    def test_unused_is_kept(self):
        """dependency('pprofc') keeps the library in a program that calls nothing of it, though the linker was told to drop such."""
        self.need("meson", "ninja")
        (self.project / "queens.c").write_text("int main(void) { return 0; }\n")
        self.shell(self.commands()[0], LDFLAGS="-Wl,--as-needed")
        dynamic = subprocess.run(["readelf", "-dW", str(self.project / "build/queens")], capture_output=True, text=True, check=True).stdout
        self.assertIn("[libpprofc.so.0]", dynamic)


if __name__ == "__main__":
    unittest.main()
