"""A real OpenTelemetry Collector takes what `pprofc push` sends: profiles, metrics and spans, over OTLP's three transports.

Its otlphttp exporter hands on to our strict stand-in what it understood.  scripts/peers collector builds it, once."""
import re
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import otlp_peer
from harness import ROOT, EndToEnd, clean_environment, free_ports

VERSION = re.search(r"^collector=(\S+)", (ROOT / "scripts/peers").read_text(), re.M).group(1)
COLLECTOR = otlp_peer.CACHE / f"otelcol-{VERSION}"
CONFIGURATION = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '127.0.0.1:{grpc}'}}, http: {{endpoint: '127.0.0.1:{http}'}}}}}}}}
exporters:
  otlp_http: {{endpoint: '{sink}', profiles_endpoint: '{sink}/v1development/profiles', compression: none, sending_queue: {{enabled: false}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_http]}}
    metrics: {{receivers: [otlp], exporters: [otlp_http]}}
    profiles: {{receivers: [otlp], exporters: [otlp_http]}}
"""


@unittest.skipUnless(COLLECTOR.exists(), "no Collector: scripts/peers collector builds it")
@unittest.skipIf(otlp_peer.WHY_NOT, otlp_peer.WHY_NOT)
class Collector(EndToEnd):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sink = otlp_peer.Server()
        cls.addClassCleanup(cls.sink.close)
        cls.ports = dict(zip(("grpc", "http"), free_ports(2)))
        folder = Path(tempfile.mkdtemp(prefix="pprofc-test."))
        cls.addClassCleanup(shutil.rmtree, folder)
        configuration = folder / "collector.yaml"
        configuration.write_text(CONFIGURATION.format(sink=cls.sink.url, **cls.ports))
        cls.log = folder / "collector.log"
        with open(cls.log, "w") as log:
            cls.collector = subprocess.Popen([COLLECTOR, "--config", configuration, "--feature-gates=service.profilesSupport"],
                                             stdout=log, stderr=log, env=clean_environment())
        cls.addClassCleanup(cls.stop)
        deadline_s = time.monotonic() + 60
        while "Everything is ready" not in cls.log.read_text():
            if cls.collector.poll() is not None or time.monotonic() > deadline_s:
                raise AssertionError(cls.log.read_text())
            time.sleep(0.05)

    @classmethod
    def stop(cls):
        cls.collector.terminate()
        cls.collector.wait()

    def setUp(self):
        super().setUp()
        self.sink.requests.clear()
        self.sink.problems.clear()

    def profile(self):
        """A profile of two_to_one's CPU."""
        return self.run_profiled("-F", "1000", "--", self.program("two_to_one"))[1]

    def push(self, url, *options, **env):
        finished = self.pprofc("push", self.profile(), "--to", url, "--signals", "all", *options, env=clean_environment(**env))
        self.assertEqual(finished.status, 0, finished.err + self.log.read_text())
        for signal in ("profiles", "metrics", "traces"):
            self.assertIn(f"{signal} accepted", finished.err)
        # It writes element 0 of this table with a value that is there, but empty.
        self.assertEqual([one for one in self.sink.problems if not one.startswith("attribute_table[0] is not zero: value {\n}")], [])
        [profiles] = self.sink.messages("/v1development/profiles")
        [metrics] = self.sink.messages("/v1/metrics")
        [spans] = self.sink.messages("/v1/traces")
        return profiles, metrics, spans

    def assert_whole(self, profiles, metrics, spans):
        """What the Collector hands on is what was sent."""
        strings = profiles.dictionary.string_table
        kinds = {strings[profile.sample_type.type_strindex]: profile
                 for resource in profiles.resource_profiles for scope in resource.scope_profiles for profile in scope.profiles}
        self.assertEqual(set(kinds), {"samples", "cpu"})
        self.assertTrue({"heavy", "light"} <= set(strings), list(strings))
        points = {metric.name: metric for resource in metrics.resource_metrics for scope in resource.scope_metrics
                  for metric in scope.metrics}
        taken = points["profiling_samples_total"].sum
        self.assertTrue(taken.is_monotonic)
        self.assertEqual(taken.aggregation_temporality, 2)
        self.assertEqual(taken.data_points[0].as_int, sum(sum(sample.values) for sample in kinds["samples"].samples))
        shares = {point.attributes[0].value.string_value: point.as_double
                  for point in points["profiling_function_cpu_time_ratio"].gauge.data_points}
        self.assertAlmostEqual(shares["heavy"], 2 / 3, delta=0.1)
        [span] = [span for resource in spans.resource_spans for scope in resource.scope_spans for span in scope.spans]
        self.assertEqual(span.name, "profile:cpu")
        attributes = {one.key: one.value for one in span.attributes}
        self.assertEqual(attributes["profiling.hotspot"].string_value, "heavy")
        self.assertEqual(attributes["profiling.samples"].int_value, taken.data_points[0].as_int)
        self.assertEqual(attributes["service.name"].string_value, "two_to_one")

    def test_http_protobuf(self):
        """OTLP over HTTP, compressed."""
        self.assert_whole(*self.push(f"http://127.0.0.1:{self.ports['http']}", OTEL_EXPORTER_OTLP_COMPRESSION="gzip"))

    def test_http_json(self):
        """The same in JSON."""
        self.assert_whole(*self.push(f"http://127.0.0.1:{self.ports['http']}", "--protocol", "http/json"))

    def test_grpc(self):
        """The same over gRPC, compressed and not."""
        self.assert_whole(*self.push(f"grpc://127.0.0.1:{self.ports['grpc']}"))
        self.sink.requests.clear()
        self.assert_whole(*self.push(f"grpc://127.0.0.1:{self.ports['grpc']}", OTEL_EXPORTER_OTLP_COMPRESSION="gzip"))

    def test_wrong_port(self):
        """gRPC to the port of HTTP is refused in words, and so is a path that is not there."""
        finished = self.pprofc("push", self.profile(), "--to", f"grpc://127.0.0.1:{self.ports['http']}", "--timeout", "3s")
        self.assertEqual(finished.status, 1)
        self.assertIn("profiles not", finished.err)
        finished = self.pprofc("push", self.profile(), "--to", f"http://127.0.0.1:{self.ports['http']}/nowhere")
        self.assertEqual(finished.status, 1)
        self.assertRegex(finished.err, r"profiles not accepted: http://127.*/nowhere/v1development/profiles answers 404: 404 page not found "
                                       r"\(check the address, and that the server takes this there\); "
                                       "it is not sent again")


if __name__ == "__main__":
    unittest.main()
