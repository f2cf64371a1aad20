"""`pprofc push` and OTLP: what is sent, what the variables change, what each answer means; against a stand-in that decodes
everything by opentelemetry-proto and checks the profiles' tables."""
import email.utils
import re
import subprocess
import threading
import time
import unittest

import otlp_peer
from harness import ROOT, EndToEnd, clean_environment
from protobuf_fields import field

PROFILES = "/v1development/profiles"
NAMES = otlp_peer.CACHE / f"prometheus-names-{re.search(r'^names=(.*)', (ROOT / 'scripts/peers').read_text(), re.M).group(1)}"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def pprof_in_a_span(trace, span):
    """A profile of one sample with the labels of a span."""
    strings = ["", "samples", "count", "f", "trace_id", trace, "span_id", span]
    labels = field(3, field(1, 4) + field(2, 5)) + field(3, field(1, 6) + field(2, 7))
    return (field(1, field(1, 1) + field(2, 2)) + field(2, field(1, b"\x01") + field(2, b"\x05") + labels) +
            field(4, field(1, 1) + field(4, field(1, 1))) + field(5, field(1, 1) + field(2, 3)) +
            b"".join(field(6, one) for one in strings))


@unittest.skipIf(otlp_peer.WHY_NOT, otlp_peer.WHY_NOT)
class Otlp(EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = self.new_server()
        self.path = self.folder / "a.folded"
        self.path.write_text("main;heavy;inner 60\nmain;light 30\n")

    def new_server(self, answer=None):
        server = otlp_peer.Server(answer)
        self.addCleanup(server.close)
        return server

    def push(self, *options, to=None, status=0, path=None, **env):
        where = [] if to == "" else ["--to", to or self.server.url]
        finished = self.pprofc("push", path or self.path, *where, *options, env=clean_environment(**env))
        self.assertEqual(finished.status, status, finished.err)
        self.assertEqual(self.server.problems, [])
        return finished

    def resource(self, message):
        return {one.key: one.value.string_value or one.value.int_value for one in message[0].resource.attributes}

    # ---- what is sent ----

    def test_profiles(self):
        """Stacks, values, an id, the service's name; by default profiles alone."""
        finished = self.push()
        self.assertIn("pprofc: otlp: profiles accepted\n", finished.err)
        self.assertEqual([path for path, _, _ in self.server.requests], [PROFILES])
        [message] = self.server.messages(PROFILES)
        tables = message.dictionary
        [profile] = message.resource_profiles[0].scope_profiles[0].profiles
        stacks = {tuple(tables.string_table[tables.function_table[line.function_index].name_strindex]
                        for location in tables.stack_table[sample.stack_index].location_indices
                        for line in tables.location_table[location].lines): list(sample.values) for sample in profile.samples}
        self.assertEqual(stacks, {("inner", "heavy", "main"): [60], ("light", "main"): [30]})
        self.assertEqual(len(profile.profile_id), 16)
        self.assertGreater(profile.time_unix_nano, time.time_ns() - 60e9)
        self.assertEqual(self.resource(message.resource_profiles)["service.name"], "a")
        self.assertEqual(self.server.requests[0][2]["User-Agent"].split("/")[0], "OTel-OTLP-Exporter-c")

    def test_names_of_sample_types(self):
        """A heap's sample types have OpenTelemetry's names, each is a profile of its own, and metrics tell what is in use."""
        path = self.folder / "heap.txt"
        path.write_text("heap profile:  3:  4096 [  5:  8192] @ heap_v2/524288\n  3:  4096 [  5:  8192] @ 0x401000 0x402000\n"
                        "\nMAPPED_LIBRARIES:\n00400000-00500000 r-xp 00000000 00:00 1 /bin/x\n")
        self.push("--signals", "all", path=path)
        [message] = self.server.messages(PROFILES)
        names = message.dictionary.string_table
        profiles = message.resource_profiles[0].scope_profiles[0].profiles
        self.assertEqual([names[one.sample_type.type_strindex] for one in profiles],
                         ["allocated_objects", "allocated_space", "in_use_objects", "in_use_space"])
        self.assertEqual(len({one.profile_id for one in profiles}), 4)
        [metrics] = self.server.messages("/v1/metrics")
        points = {one.name: one for one in metrics.resource_metrics[0].scope_metrics[0].metrics}
        self.assertGreater(points["profiling_heap_inuse_bytes"].gauge.data_points[0].as_int, 4095)
        self.assertGreater(points["profiling_allocated_bytes_total"].sum.data_points[0].as_int, 8191)
        self.assertEqual(points["profiling_allocated_bytes_total"].unit, "By")

    def test_metrics_and_span(self):
        """True numbers of a real run; names that Prometheus keeps; losses, cost and CPU by the profile's own word."""
        path = self.run_profiled("-F", "1000", "--", self.program("two_to_one"))[1]
        quality = {key: int(value) for comment in self.read_profile(path).comments
                   if (found := re.fullmatch(r"pprofc: ([\w.]+)=(\d+)", comment)) for key, value in [found.groups()]}
        self.push("--signals", "metrics,traces", path=path)
        [metrics] = self.server.messages("/v1/metrics")
        [scope] = metrics.resource_metrics[0].scope_metrics
        self.assertEqual(scope.scope.name, "profiling-metrics")
        points = {one.name: one for one in scope.metrics}
        for name, metric in points.items():
            if metric.HasField("sum"):
                self.assertRegex(name, "_total$")
                self.assertTrue(metric.sum.is_monotonic)
                for point in metric.sum.data_points:
                    self.assertLess(point.start_time_unix_nano, point.time_unix_nano)
            self.assertTrue(metric.unit != "1" or name.endswith("_ratio"), name)
            self.assertTrue(metric.unit != "s" or "_seconds_" in name, name)
        self.assertEqual(points["profiling_samples_total"].sum.data_points[0].as_int, quality["delivered"])
        self.assertAlmostEqual(points["profiling_process_cpu_seconds_total"].sum.data_points[0].as_double, quality["cpu_ns"] / 1e9)
        self.assertAlmostEqual(points["profiling_own_cpu_seconds_total"].sum.data_points[0].as_double, quality["own_cpu_ns"] / 1e9)
        ratios = points["profiling_function_cpu_time_ratio"].gauge.data_points
        self.assertLessEqual(sum(point.as_double for point in ratios), 1.000001)
        self.assertLessEqual(len(ratios), 20)
        keys = [tuple(sorted((one.key, one.value.string_value) for one in point.attributes)) for point in ratios]
        self.assertEqual(len(set(keys)), len(keys))
        self.assertEqual({key for key, _ in keys[0]}, {"function", "module"})
        [spans] = self.server.messages("/v1/traces")
        [scope] = spans.resource_spans[0].scope_spans
        self.assertEqual(scope.scope.name, "distributed-profiling")
        self.assertEqual(scope.spans[0].parent_span_id, b"")

    @unittest.skipUnless(NAMES.exists(), "no otlptranslator: scripts/peers names builds a program over it")
    def test_prometheus_keeps_names(self):
        """Prometheus's own translation calls each metric what we call it; so does it those of the heap, the locks and waits."""
        path = self.run_profiled("-k", "heap", "--heap-interval", "1", "--", self.program("heap_sites"))[1]
        self.push("--signals", "metrics", path=path)
        self.push("--signals", "metrics", path=self.run_profiled("--", self.program("two_to_one"))[1])
        sent = {(one.name, one.unit, "sum" if one.HasField("sum") else "gauge") for message in self.server.messages("/v1/metrics")
                for one in message.resource_metrics[0].scope_metrics[0].metrics}
        table = (ROOT / "src/export/otlp_metrics.c").read_text()
        sent |= {(name, unit, "sum") for name, unit in re.findall(r'"(profiling_\w+_total)",\s+"([^"]+)"', table)}
        self.assertGreater(len(sent), 12)
        lines = "".join("\t".join(one) + "\n" for one in sorted(sent))
        said = subprocess.run([NAMES], input=lines, capture_output=True, text=True, check=True).stdout.split()
        self.assertEqual(said, [name for name, _, _ in sorted(sent)])

    def test_long_names(self):
        """A name is cut between two characters."""
        self.path.write_text(f"main;x{'é' * 100} 60\n")
        self.push("--signals", "traces")
        [spans] = self.server.messages("/v1/traces")
        hot = next(one.value.string_value for one in spans.resource_spans[0].scope_spans[0].spans[0].attributes
                   if one.key == "profiling.hotspot")
        self.assertEqual(hot, "x" + "é" * 59)

    def test_links(self):
        """Spans that samples were taken in are links of those samples, and of the window's span."""
        path = self.folder / "labels.pb"
        path.write_bytes(pprof_in_a_span(TRACE, SPAN))
        self.push("--signals", "all", path=path)
        [message] = self.server.messages(PROFILES)
        [profile] = message.resource_profiles[0].scope_profiles[0].profiles
        link = message.dictionary.link_table[profile.samples[0].link_index]
        self.assertEqual((link.trace_id.hex(), link.span_id.hex()), (TRACE, SPAN))
        [spans] = self.server.messages("/v1/traces")
        [link] = spans.resource_spans[0].scope_spans[0].spans[0].links
        self.assertEqual((link.trace_id.hex(), link.span_id.hex()), (TRACE, SPAN))

    # ---- the variables ----

    def test_headers_and_attributes(self):
        """Headers and attributes are decoded; a name given wins over the variables."""
        self.push(OTEL_EXPORTER_OTLP_HEADERS="x-key=a%20b, y=1", OTEL_RESOURCE_ATTRIBUTES="team=a%2Cb,service.name=no,deployment.environment=test",
                  OTEL_SERVICE_NAME="shop")
        [(_, message, headers)] = self.server.requests
        self.assertEqual((headers["x-key"], headers["y"]), ("a b", "1"))
        resource = self.resource(message.resource_profiles)
        self.assertEqual((resource["team"], resource["service.name"], resource["deployment.environment"]), ("a,b", "shop", "test"))
        self.server.requests.clear()
        self.push("--service", "mine", OTEL_SERVICE_NAME="shop")
        self.assertEqual(self.resource(self.server.messages(PROFILES)[0].resource_profiles)["service.name"], "mine")

    def test_endpoints(self):
        """A general endpoint gets the signal's path, one of the signal is used as it is."""
        seen = []
        server = self.new_server(lambda handler, path, body: seen.append(path) or handler.reply(200) or True)
        self.push("--signals", "all", to="", OTEL_EXPORTER_OTLP_ENDPOINT=server.url + "/base/", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=server.url,
                  OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT=server.url + "/own/path")
        self.assertEqual(seen[:1] + seen[-1:], ["/own/path", "/"])

    def test_bad_values(self):
        """A bad value is said in one line, and the default taken."""
        finished = self.push("--signals", "all", OTEL_EXPORTER_OTLP_TIMEOUT="soon", OTEL_EXPORTER_OTLP_COMPRESSION="zip",
                             OTEL_EXPORTER_OTLP_PROTOCOL="smoke", OTEL_EXPORTER_OTLP_HEADERS="secret")
        for name in ("OTEL_EXPORTER_OTLP_TIMEOUT=soon", "OTEL_EXPORTER_OTLP_COMPRESSION=zip", "OTEL_EXPORTER_OTLP_PROTOCOL=smoke"):
            self.assertEqual(finished.err.count(name), 1, finished.err)
        self.assertNotIn("secret", finished.err)

    def test_switched_off(self):
        """OTEL_SDK_DISABLED sends nothing, and OTEL_.._EXPORTER=none not that signal."""
        finished = self.push(status=1, OTEL_SDK_DISABLED="true")
        self.assertIn("OTEL_SDK_DISABLED", finished.err)
        self.push("--signals", "all", OTEL_METRICS_EXPORTER="none", OTEL_TRACES_EXPORTER="none")
        self.assertEqual([path for path, _, _ in self.server.requests], [PROFILES])

    def test_timeout(self):
        """A server that says nothing is given up after OTEL_EXPORTER_OTLP_TIMEOUT milliseconds, and tried again."""
        release = threading.Event()
        self.addCleanup(release.set)
        server = self.new_server(lambda handler, path, body: release.wait(30))
        began_s = time.monotonic()
        finished = self.push("--timeout", "2s", to=server.url, status=1, OTEL_EXPORTER_OTLP_TIMEOUT="300")
        self.assertLess(time.monotonic() - began_s, 10)
        self.assertRegex(finished.err, "(?i)timed? ?out")

    # ---- answers ----

    def answering(self, *answers):
        """A server that gives these answers (status, body, headers) and then accepts; times of requests in .times."""
        left = list(answers)
        times = []

        def answer(handler, path, body):
            times.append(time.monotonic())
            if not left:
                return False
            status, body, headers = left.pop(0)
            handler.reply(status, body, **headers)
            return True
        server = self.new_server(answer)
        server.times = times
        return server

    def test_retry_after_seconds(self):
        """429 is tried again, no sooner than the server said."""
        server = self.answering((429, b"slow down", {"Retry-After": "2"}))
        self.push(to=server.url)
        self.assertGreaterEqual(server.times[1] - server.times[0], 1.9)

    def test_retry_after_date(self):
        """The same with a date."""
        server = self.answering((503, b"", {"Retry-After": email.utils.formatdate(time.time() + 3, usegmt=True)}))
        self.push(to=server.url)
        self.assertGreaterEqual(server.times[1] - server.times[0], 1.5)

    def test_not_tried_again(self):
        """Of all other statuses none is tried again; the server's words are shown, once, whatever they are."""
        for status in (400, 401, 403, 404, 413, 500, 501):
            server = self.answering((status, b"no\x1b[31m way", {}), (status, b"", {}))
            finished = self.push(to=server.url, status=1)
            self.assertEqual(len(server.times), 1, status)
            self.assertRegex(finished.err, rf"answers {status}: no \[31m way( \(.*\))?; it is not sent again")
            self.assertEqual("(check" in finished.err or "(raise" in finished.err, status in (401, 403, 404, 413), finished.err)

    def test_tried_again(self):
        """502, 503, 504, a connection that is refused, one that is cut in the middle: until it is accepted."""
        for status in (502, 503, 504):
            server = self.answering((status, b"", {}))
            self.push(to=server.url)
            self.assertEqual(len(server.times), 2, status)

        def cut(handler, path, body):
            if handler.server.cuts == 0:
                return False
            handler.server.cuts -= 1
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            handler.wfile.flush()
            handler.reset()
            return True
        server = self.new_server(cut)
        server.cuts = 1
        self.push(to=server.url)
        self.assertEqual(len(server.messages(PROFILES)), 1)

    def test_reset_in_a_body(self):
        """A connection that is reset in the middle of a request of some megabytes: sent again, whole."""
        self.path.write_text("".join(f"main;of_{i % 97};function_number_{i} {i + 1}\n" for i in range(60000)))
        self.server.n_resets = 2
        self.push()
        [message] = self.server.messages(PROFILES)
        self.assertEqual(len(message.resource_profiles[0].scope_profiles[0].profiles[0].samples), 60000)
        self.assertEqual(self.server.n_resets, 0)

    def test_partial_success(self):
        """What was rejected of an accepted request is said and makes the status 1, a warning is said, neither is tried again."""
        for status, body, words in [(1, b"\x0a\x0b\x08\x03\x12\x07too old", "accepted; 3 of its items were rejected: too old"),
                                    (0, b"\x0a\x05\x12\x03hmm", "accepted; the server warns: hmm")]:
            server = self.answering((200, body, {"Content-Type": "application/x-protobuf"}))
            finished = self.push(to=server.url, status=status)
            self.assertIn(words, finished.err)
            self.assertEqual(len(server.times), 1)
        server = self.answering((200, b'{"partialSuccess":{"rejectedProfiles":"2","errorMessage":"bad"}}', {"Content-Type": "application/json"}))
        self.assertIn("2 of its items were rejected: bad", self.push("--protocol", "http/json", to=server.url, status=1).err)

    def test_large_answer(self):
        """An answer larger than anything a collector says is passed over."""
        for status, code in ((200, 0), (400, 1)):
            server = self.answering((status, b"x" * (9 << 20), {}))
            finished = self.push(to=server.url, status=code)
            self.assertLess(len(finished.err), 600)

    def test_redirect(self):
        """A redirect is not followed: credentials go where the user said."""
        server = self.answering((307, b"", {"Location": self.server.url + PROFILES}))
        finished = self.push(to=server.url, status=1, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20x")
        self.assertEqual(self.server.requests, [])
        self.assertIn(f"it is at {self.server.url}", finished.err)

    def test_proxy(self):
        """A proxy of the environment is not asked for this machine's own addresses."""
        self.push(http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")

    def test_password_is_not_shown(self):
        """The password of an address is in no message."""
        server = self.answering((400, b"", {}))
        finished = self.push(to=server.url.replace("://", "://user:geheim@"), status=1)
        self.assertNotIn("geheim", finished.err)

    # ---- usage ----

    def test_usage(self):
        """Without an address, with a wrong one or an unknown word: 2, and what to write."""
        for options in (["x"], ["--to", "nowhere", "x"], ["--to", "http://h", "--protocol", "carrier", "x"],
                        ["--to", "http://h:1", "--signals", "smoke", "x"], ["--to", "http://h:1"]):
            finished = self.pprofc("push", *options, env=clean_environment())
            self.assertEqual(finished.status, 2, finished.err)
            self.assertEqual(len(finished.own_lines), 1, finished.err)

    def test_without_libcurl(self):
        """Where there is no libcurl one line says what to install."""
        (self.folder / "libcurl.so.4").touch()  # found first, and no library
        finished = self.push(status=1, LD_LIBRARY_PATH=self.folder)
        self.assertEqual(finished.err, "pprofc: cannot send: there is no libcurl.so.4 here; install libcurl4\n")

    def test_unreadable(self):
        """A file that is not there is said; the others are sent."""
        finished = self.pprofc("push", "/nowhere.pb.gz", self.path, "--to", self.server.url, env=clean_environment())
        self.assertEqual(finished.status, 1)
        self.assertEqual(len(self.server.messages(PROFILES)), 1)


if __name__ == "__main__":
    unittest.main()
