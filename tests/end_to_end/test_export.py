"""Continuous mode whose windows are sent: by option, by environment, from within the program; kept over an outage."""
import gzip
import hashlib
import subprocess
import time
import unittest

import otlp_peer
from harness import BUILD, PPROFC, EndToEnd, clean_environment
from test_pyroscope import Ingest

PROFILES, METRICS, TRACES = "/v1development/profiles", "/v1/metrics", "/v1/traces"


@unittest.skipIf(otlp_peer.WHY_NOT, otlp_peer.WHY_NOT)
class Exported(EndToEnd):
    def setUp(self):
        super().setUp()
        self.collector = self.server()
        self.ingest = Ingest()
        self.pyroscope = self.server(self.ingest)

    def server(self, answer=None):
        server = otlp_peer.Server(answer)
        self.addCleanup(server.close)
        return server

    def where(self, **more):
        return clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=self.collector.url, PYROSCOPE_SERVER_ADDRESS=self.pyroscope.url,
                                 OTEL_SERVICE_NAME="shares", **more)

    def run_windows(self, *options, status=0, **more):
        done = self.pprofc("run", "--cycle", "400ms", "-F", "200", *options, "--", self.program("shares_50_30_20"), "2",
                           env=self.where(**more))
        self.assertEqual(done.status, status, done.err)
        self.assertEqual(self.collector.problems, [])
        return done

    def files(self, pattern="*.pb.gz"):
        return sorted((self.folder / "profiles").glob(f"*/{pattern}"))

    def cpu_s(self):
        """CPU seconds in the profiles that the collector was given."""
        total = 0
        for message in self.collector.messages(PROFILES):
            text = message.dictionary.string_table
            for profile in message.resource_profiles[0].scope_profiles[0].profiles:
                if text[profile.sample_type.unit_strindex] == "nanoseconds":
                    total += sum(value for sample in profile.samples for value in sample.values)
        return total / 1e9

    def assert_services(self):
        for message in self.collector.messages(PROFILES):
            attributes = {one.key: one.value.string_value for one in message.resource_profiles[0].resource.attributes}
            self.assertEqual(attributes["service.name"], "shares")

    def test_both_ways_and_kept(self):
        """--continuous --export otlp,pyroscope: each window is kept, and comes to both; metrics and spans with it."""
        done = self.run_windows("--continuous", "--export", "otlp,pyroscope")
        n = len(self.files())
        self.assertGreaterEqual(n, 3)
        for path in (PROFILES, METRICS, TRACES):
            self.assertEqual(len(self.collector.messages(path)), n, path)
        self.assertEqual(len(self.ingest.requests), n)
        self.assertIn(f"otlp: {n} windows sent", done.err)
        self.assertIn(f"pyroscope: {n} windows sent", done.err)
        self.assertIn("kept in profiles, sent to otlp,pyroscope", done.err)
        self.assert_services()
        sent = sum(stack.weight for path in self.files() for stack in self.stacks(path).stacks) / 1e9
        self.assertAlmostEqual(self.cpu_s(), sent, delta=0.001)
        # What Pyroscope got is the file that lies here.
        self.assertEqual(sorted(gzip.decompress(parts["profile"]) for _, parts, _ in self.ingest.requests),
                         sorted(gzip.decompress(path.read_bytes()) for path in self.files()))

    def test_sent_only(self):
        """--export alone keeps nothing."""
        done = self.run_windows("--export", "otlp")
        self.assertGreaterEqual(len(self.collector.messages(PROFILES)), 3)
        self.assertEqual(list(self.folder.iterdir()), [])
        self.assertIn("sent to otlp", done.err)
        self.assertEqual(self.ingest.requests, [])
        self.assertGreater(self.cpu_s(), 2 * 0.7)

    def test_files_without_build_id(self):
        """A program without a build id is told by its htlhash: of its head, tail and length.  One that was put there after the window
        began is told by nothing."""
        plain = self.folder / "plain"
        subprocess.run(["objcopy", "--remove-section", ".note.gnu.build-id", str(self.program("shares_50_30_20")), str(plain)], check=True)
        done = self.pprofc("run", "--cycle", "400ms", "-F", "200", "--export", "otlp", "--", plain, "2", env=self.where())
        self.assertEqual(done.status, 0, done.err)
        content = plain.read_bytes()
        expected = hashlib.sha256(content[:4096] + content[-4096:] + len(content).to_bytes(8, "big")).hexdigest()[:32]
        ids = [self.build_ids(message) for message in self.collector.messages(PROFILES)]
        self.assertGreaterEqual(len(ids), 3)
        for of_window in ids:
            self.assertEqual(of_window[str(plain)], ("process.executable.build_id.htlhash", expected))
            for path, found in of_window.items():
                if path.startswith("/") and path != str(plain):
                    self.assertEqual(found[0], "process.executable.build_id.gnu", path)
        child = self.start(PPROFC, "run", "--cycle", "400ms", "-F", "200", "--export", "otlp", "--", plain, "2", env=self.where())
        n_before = len(ids)
        time.sleep(0.7)
        plain.rename(self.folder / "moved")
        plain.write_bytes(content)
        self.finish(child)
        last = self.build_ids(self.collector.messages(PROFILES)[-1])
        self.assertGreater(len(self.collector.messages(PROFILES)), n_before)
        self.assertEqual([found for path, found in last.items() if "htlhash" in found[0] and path == str(plain)], [])

    @staticmethod
    def build_ids(message):
        """(key, text) of the attribute that tells each mapping's file."""
        tables = message.dictionary
        return {tables.string_table[mapping.filename_strindex]: next(
                    ((tables.string_table[one.key_strindex], one.value.string_value)
                     for one in (tables.attribute_table[i] for i in mapping.attribute_indices)
                     if "build_id" in tables.string_table[one.key_strindex]), ("", ""))
                for mapping in tables.mapping_table[1:]}

    def test_variables_alone(self):
        """That an application's SDK knows where to send switches nothing on."""
        self.run_windows("--continuous")
        self.assertEqual((self.collector.requests, self.ingest.requests), ([], []))

    def test_outage(self):
        """What a server does not take waits beside the history, and the next run sends it: each window arrives once."""
        self.collector.answer = lambda handler, path, body: handler.reply(503, Retry_After="1") or True
        done = self.run_windows("--continuous", "--export", "otlp")
        n_before = len(self.files())
        self.assertIn("wait", done.err)
        self.collector.answer = None
        deadline = time.monotonic() + 60
        while len(self.collector.messages(PROFILES)) < n_before and time.monotonic() < deadline:
            self.run_windows("--continuous", "--export", "otlp")
        ids = [profile.profile_id for message in self.collector.messages(PROFILES)
               for scope in message.resource_profiles[0].scope_profiles for profile in scope.profiles]
        self.assertGreaterEqual(len(self.collector.messages(PROFILES)), n_before)
        self.assertEqual(len(ids), len(set(ids)))

    def test_unknown_receiver(self):
        """A word that is no receiver: one line, and the program runs."""
        done = self.run_windows("--export", "kafka")
        self.assertIn("'kafka' is unknown; there are otlp and pyroscope", done.err)
        self.assertEqual(self.collector.requests, [])

    def test_preloaded(self):
        """PPROFC_EXPORT in the environment of a program that is preloaded by hand: a command beside it sends."""
        done = self.run_command(self.program("shares_50_30_20"), "3",
                                env=self.where(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_FREQUENCY=100,
                                               PPROFC_EXPORT="otlp", PPROFC_CYCLE="500ms/500ms", PPROFC_COMMAND=PPROFC,
                                               PPROFC_OUTPUT="end.ppc"))
        self.assertEqual(done.status, 0, done.err)
        deadline = time.monotonic() + 10
        while len(self.collector.messages(PROFILES)) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertGreaterEqual(len(self.collector.messages(PROFILES)), 3)
        self.assert_services()

    def test_in_the_program(self):
        """A sink of the program's own gets its windows, the last one too."""
        done = self.run_command(self.program("keeps_windows"), "2", "none", "400ms", "sink", env=self.where(PPROFC_COMMAND=PPROFC))
        said = dict(line.split(" ", 1) for line in done.out.splitlines())
        self.assertEqual((said["sink"], said["start"], said["stop"]), ("0", "0", "0"), done.out)
        self.assertEqual(len(self.collector.messages(PROFILES)), int(said["windows"]))
        self.assertGreaterEqual(int(said["windows"]), 3)
        self.assertEqual([path.name for path in self.folder.iterdir()], [])


if __name__ == "__main__":
    unittest.main()
