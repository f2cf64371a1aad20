"""Hazards 20, 21, 28 and 82 of hazards.md: signals that come late, exec, and what children inherit.  (22 and 27 as far as
the CPU profile goes.)"""
import json
import signal
import unittest

from end_to_end.harness import PPROFC, EndToEnd, long_or, not_sanitized, scorer

TIME_LIMIT_S = 1500


class Hazard20LateSignal(EndToEnd):
    """A signal that is still pending when profiling stops never meets the default action."""

    def test_start_stop_under_load(self):
        """Started and stopped as fast as it goes, at 10 kHz on four busy threads: never killed."""
        finished = self.run_command(self.program("start_stop"), long_or(2000, 150), 0, 10000, 4, timeout_s=long_or(300, 60))
        self.assertEqual(finished.status, 0, finished.err)
        self.assertEqual(scorer.read_truth(finished.out)["n_pairs"], long_or(2000, 150))


class Hazard21InheritedTimer(EndToEnd):
    """What is executed by a sampled program lives: no timer or event of ours goes with it."""

    def test_exec_of_a_spinner(self):
        """A sampled program becomes another, unfollowed, that burns CPU: that one ends by itself."""
        other = self.program("exits")
        finished = self.pprofc("run", "-F", "1000", "-o", self.folder / "x.pb.gz", "--", self.program("exec_other"), "200",
                               other, "exit", long_or(5, 1), "6")
        self.assertEqual(finished.status, 6, finished.err)
        self.assertIn('"phases"', finished.out)

    def test_shells_in_a_chain(self):
        """sh -c in sh -c in sh -c, burning CPU between: each lives."""
        burn = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"
        inner = f"{burn}; exec sh -c '{burn}; sh -c \"{burn}; echo alive; exit 4\"'".replace("$i", "$i")
        finished, _ = self.run_profiled("-F", "1000", "--", "sh", "-c", inner, status=4)
        self.assertEqual(finished.out, "alive\n")


class Hazard28WhatChildrenInherit(EndToEnd):
    """A child sees masks, handlers, timers and environment as it would without us."""

    def view(self, *command):
        finished = self.run_command(*command)
        self.assertEqual(finished.status, 0, finished.err)
        return json.loads(finished.out)

    def test_child_by_exec(self):
        """SigBlk, SigIgn, SigCgt, pending signals, timers and environ of an executed child are equal."""
        program = self.program("fdlist")
        plain = self.view(program, "child")
        profiled = self.view(PPROFC, "run", "-q", "-F", "1000", "-o", self.folder / "x.pb.gz", "--", program, "child")
        for one in (plain, profiled):
            # Signals 32 and 33 are libc's: whoever started us may have had them ignored until libc made its first thread.
            one["SigIgn"] = f"{int(one['SigIgn'], 16) & ~(3 << 31):016x}"
        for key in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd", "timers", "environ", "limits", "cwd"):
            self.assertEqual(profiled[key], plain[key], key)
        self.assertFalse([line for line in profiled["environ"] if "PPROFC" in line or "libpprofc" in line])

    def test_followed_child_is_preloaded(self):
        """With --follow, and only then, a child is profiled too."""
        program = self.program("two_to_one")
        self.pprofc("run", "-F", "1000", "--follow", "-o", self.folder, "--", "sh", "-c", f"{program} 0.5; true")
        self.assertEqual(len(list(self.folder.glob("two_to_one.*.pb.gz"))), 1)


class Hazard82ExecWhileSampled(EndToEnd):
    """A sample that falls into exec never kills: the program executes itself again and again at random moments."""

    def test_chain_of_execs(self):
        """At 1 and 10 kHz, each link followed, no link dies by SIGTRAP."""
        for rate_hz in (1000, 10000):
            with self.subTest(rate_hz=rate_hz):
                n_execs = long_or(5000, 150)
                finished = self.pprofc("run", "-q", "-F", rate_hz, "-f", "-o", self.folder / "x.pb.gz", "--",
                                       self.program("exec_chain"), n_execs, timeout_s=long_or(600, 60))
                self.assertNotEqual(finished.status, 128 + signal.SIGTRAP)
                self.assertEqual(finished.status, 0, finished.err)
                self.assertEqual(scorer.read_truth(finished.out)["n_execs"], n_execs)


class SignalsOfTheProgram(EndToEnd):
    """The program may own SIGTRAP and SIGPROF; and no call of it returns EINTR because of us."""

    def test_own_handlers(self):
        """Handlers installed after the start get each raise exactly once, and sampling goes on."""
        finished, path = self.run_profiled("-F", "1000", "--", self.program("signal_owner"), "2", "200")
        truth = scorer.read_truth(finished.out)
        self.assertEqual((truth["n_traps"], truth["n_profs"], truth["is_ours"]), (200, 200, True))
        self.assert_sum(path, truth["cpu_ns"] / 1e9, within=0.05)

    def test_no_eintr(self):
        """poll, select, epoll_wait and nanosleep are not interrupted by CPU sampling at 1000 Hz."""
        finished, _ = self.run_profiled("-F", "1000", "--", self.program("eintr_client"), long_or(60, 3), timeout_s=120)
        truth = scorer.read_truth(finished.out)
        self.assertEqual(truth["n_interrupted"], [0, 0, 0, 0])
        self.assertGreater(truth["n_waits"], 500)

    @not_sanitized("instrumented frames are larger than small stacks")
    def test_small_stacks(self):
        """16 KiB threads at their limit and a handler on a SIGSTKSZ alternate stack live, and the stack stays the program's."""
        finished, _ = self.run_profiled("-F", "1000", "--", self.program("small_stacks"), long_or(30, 3), timeout_s=120)
        self.assertTrue(scorer.read_truth(finished.out)["is_altstack_kept"])


if __name__ == "__main__":
    unittest.main()
