"""A program that chose a locale whose decimal point is a comma, and serves itself: numbers that it writes and reads keep
their point."""
import json
import re
import subprocess
import unittest

from harness import PPROFC, clean_environment
from serving import SPIN_S, Served

NUMBER = re.compile(r"[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|NaN|[+-]?Inf)")
DECIMAL_COMMA = re.compile(r"(?<![\d,])\d+,\d+(?![\d,])")  # and no list of whole numbers


class CommaLocale(Served):
    IS_SHARED = True

    def begin(self):
        """localedef makes the locale: few systems have one like it."""
        made = None
        try:
            made = self.run_command("localedef", "-i", "de_DE", "-f", "UTF-8", self.folder / "de_DE.UTF-8")
        except FileNotFoundError:
            self.skipTest("localedef is not installed")
        if made.status != 0:
            self.skipTest(f"localedef makes no locale with a decimal comma here: {made.err.strip()}")
        environment = clean_environment(PPROFC_COMMAND=PPROFC, LOCPATH=self.folder, LC_ALL="de_DE.UTF-8")
        said = self.run_command("locale", "-k", "decimal_point", env=environment)
        self.assertEqual(said.out, 'decimal_point=","\n')
        self.server = self.start(self.program("serves_itself"), SPIN_S, "127.0.0.1:0", stdin=subprocess.PIPE, env=environment)
        self.addCleanup(self.server.stdin.close)
        self.port = self.await_port()

    def get(self, path):
        status, _, body = self.ask(path)
        self.assertEqual(status, 200, body[:300])
        return body.decode()

    def test_metrics(self):
        """Each line ends with a number as OpenMetrics has it, some with a fraction."""
        self.get("/debug/pprof/profile?seconds=0.5&frequency=100&format=folded")
        lines = [line for line in self.get("/metrics").splitlines() if not line.startswith("#")]
        for line in lines:
            self.assertRegex(line.rpartition(" ")[2], rf"^{NUMBER.pattern}$", line)
        self.assertTrue(any(re.search(r" \d+\.\d*[1-9]", line) for line in lines), lines)

    def test_fractions_of_a_request(self):
        """seconds=0.5 is half a second, seconds=0,5 nothing."""
        self.get("/debug/pprof/profile?seconds=0.5&format=folded")
        self.assertEqual(self.ask("/debug/pprof/profile?seconds=0,5&format=folded")[0], 400)

    def test_json(self):
        """What is sent as JSON can be read as such."""
        for path in ("/debug/pprof/profile?seconds=0.5&frequency=100&format=json", "/debug/pprof/quality", "/sampling/status",
                     "/debug/pprof/profile?seconds=0.5&frequency=100&format=speedscope"):
            with self.subTest(path):
                json.loads(self.get(path))

    def test_pictures_and_tables(self):
        for path in ("/debug/pprof/flamegraph?seconds=0.5&frequency=100", "/debug/pprof/top?seconds=0.5&frequency=100"):
            text = self.get(path)
            text = re.sub(r"<script.*?</script>|<style.*?</style>", "", text, flags=re.S)
            self.assertEqual(DECIMAL_COMMA.findall(text), [], path)
            self.assertRegex(text, r"\d\.\d", path)


if __name__ == "__main__":
    unittest.main()
