"""Two services, one trace: examples/orders and its inventory; and docs/distributed.md, whose commands are run as they stand there."""
import http.client
import json
import os
import re
import shutil
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

from harness import BUILD, PPROFC, ROOT, clean_environment
from test_orders import LOAD, ORDER, SERVICE, Orders

INVENTORY = BUILD / "examples" / "inventory"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SPAN_LINE = re.compile(r"(\w+): trace_id=(\w+) span_id=(\w+) parent_id=(\S+) operation=\"(.*?)\" status=(\d+) ms=[\d.]+")


class StandIn:
    """An inventory that keeps the headers of each request."""

    def __init__(self, status=200):
        self.requests = []
        kept, answered = self.requests, status

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                kept.append((self.path, dict(self.headers), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                self.send_response(answered)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Trace(Orders):
    def inventory(self):
        service = self.start(INVENTORY, env=clean_environment(INVENTORY_PORT=0, INVENTORY_PROFILE="127.0.0.1:0", PPROFC_COMMAND=PPROFC))
        service.port = self.port_said(service, 0, r"at http://127\.0\.0\.1:(\d+)/api/reserve")
        service.profile_port = self.port_said(service, 1, r"at http://127\.0\.0\.1:(\d+)/debug/pprof/")
        self.addCleanup(self.end, service)
        return service

    def order(self, service, **headers):
        """Status, the answer's traceparent in its parts, and its body."""
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        self.addCleanup(connection.close)
        connection.request("POST", "/api/orders", json.dumps(ORDER), headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("traceparent").split("-"), json.loads(answer.read())

    def test_one_trace_in_both(self):
        """The trace's id is found in both services' spans, each of its own, the first one's being the second one's parent."""
        inventory = self.inventory()
        orders = self.serve("--payment-ms", "0", "--inventory", f"http://127.0.0.1:{inventory.port}")
        status, (version, trace, span, flags), _ = self.order(orders, traceparent=f"00-{TRACE}-{PARENT}-01")
        self.assertEqual((status, version, trace, flags), (201, "00", TRACE, "01"))
        spans = {found[0]: found[1:] for found in SPAN_LINE.findall(self.text(orders, 0) + self.text(inventory, 0))}
        self.assertEqual(spans["orders"], (TRACE, span, PARENT, "POST /api/orders", "201"))
        self.assertEqual((spans["inventory"][0], *spans["inventory"][2:]), (TRACE, span, "POST /api/reserve", "200"))
        self.assertEqual(len({PARENT, span, spans["inventory"][1]}), 3)
        self.stop(orders)

    def test_one_trace_in_both_profiles(self):
        """Samples of both services carry the trace's id, and the id of the span that the service's line names; a request that nobody
        wants to see has its operation alone."""
        inventory = self.inventory()
        orders = self.serve("--payment-ms", "0", "--inventory", f"http://127.0.0.1:{inventory.port}")
        profiles = {}
        for name, port in (("orders", orders.profile_port), ("inventory", inventory.profile_port)):
            profiles[name] = threading.Thread(target=self.fetch, args=(name, port))
            profiles[name].start()
        while any(one.is_alive() for one in profiles.values()):
            self.order(orders, traceparent=f"00-{TRACE}-{PARENT}-01")
            self.order(orders, traceparent=f"00-{TRACE[::-1]}-{PARENT}-00")
        lines = SPAN_LINE.findall(self.text(orders, 0) + self.text(inventory, 0))
        for name, operation in (("orders", "POST /api/orders"), ("inventory", "POST /api/reserve")):
            labels = [sample.labels for sample in self.read_profile(self.folder / f"{name}.pb.gz").samples if sample.values[0] > 0]
            traced = [one for one in labels if "trace_id" in one]
            self.assertGreater(len(traced), 0, name)
            spans = {line[2] for line in lines if line[0] == name}
            for one in traced:
                self.assertEqual((one["trace_id"], one["operation"], one["span_name"], one["profile_id"]), (TRACE, operation, operation, one["span_id"]))
                self.assertIn(one["span_id"], spans)
            self.assertTrue(any(one.get("operation") == operation and "trace_id" not in one for one in labels), name)
        self.stop(orders)

    def fetch(self, name, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/debug/pprof/profile?seconds=2.5&frequency=1000")
        (self.folder / f"{name}.pb.gz").write_bytes(connection.getresponse().read())
        connection.close()

    def test_what_is_passed_on(self):
        """traceparent with the span of this hop, tracestate as it came, the items; without a wish to see it no line is logged."""
        stand_in = StandIn()
        self.addCleanup(stand_in.close)
        orders = self.serve("--payment-ms", "0", "--inventory", stand_in.url)
        _, (_, _, span, _), _ = self.order(orders, traceparent=f"00-{TRACE}-{PARENT}-00", tracestate="vendor=1,other=x")
        path, headers, items = stand_in.requests[0]
        self.assertEqual((path, headers["traceparent"], headers["tracestate"]), ("/api/reserve", f"00-{TRACE}-{span}-00", "vendor=1,other=x"))
        self.assertEqual(items, ORDER["items"])
        self.assertEqual(SPAN_LINE.findall(self.text(orders, 0)), [])
        self.stop(orders)

    def test_what_is_no_trace(self):
        """A damaged traceparent begins another trace, whose tracestate is not passed on; one of a version to come is taken for what it begins with."""
        stand_in = StandIn()
        self.addCleanup(stand_in.close)
        orders = self.serve("--payment-ms", "0", "--inventory", stand_in.url)
        seen = set()
        for damaged in ("", "00", f"00-{TRACE}-{PARENT}", f"00-{TRACE.upper()}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01",
                        f"ff-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01-more", f"cc-{TRACE}-{PARENT}-01.more", f"00-{TRACE[:-1]}g-{PARENT}-01",
                        f"00-{TRACE}-{PARENT}-0x", f"0x-{TRACE}-{PARENT}-01"):
            status, (version, trace, span, flags), _ = self.order(orders, traceparent=damaged, tracestate="vendor=1")
            self.assertEqual((status, version, flags), (201, "00", "00"), damaged)
            self.assertRegex(trace + span, r"^[0-9a-f]{48}$")
            self.assertNotEqual(trace, TRACE)
            self.assertNotIn("tracestate", stand_in.requests[-1][1])
            seen |= {trace, span}
        self.assertEqual(len(seen), 24)
        for later in (f"cc-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-01-what-comes-then"):
            self.assertEqual(self.order(orders, traceparent=later)[1][:2], ["00", TRACE])
        self.stop(orders)

    def test_no_inventory(self):
        """An inventory that refuses, fails or is not there: 409, 503, 503, and no order is made."""
        for status, wanted in ((409, 409), (500, 503), (None, 503)):
            stand_in = StandIn(status or 200)
            if status is None:
                stand_in.close()
            else:
                self.addCleanup(stand_in.close)
            orders = self.serve("--payment-ms", "0", "--inventory", stand_in.url)
            self.assertEqual(self.order(orders)[0], wanted)
            self.assertEqual(json.loads(self.ask(orders.port, "/api/orders")[1])["n_orders"], 0)
            self.stop(orders)
        inventory = self.inventory()
        for body, wanted in (('[{"sku": "P-001", "quantity": 1}]', 200), ('[{"sku": "Q", "quantity": 1}]', 409), ("{", 400)):
            self.assertEqual(self.ask(inventory.port, "/api/reserve", "POST", body)[0], wanted)


@unittest.skipUnless(shutil.which("curl"), "no curl")
class DistributedPage(Trace):
    """docs/distributed.md."""

    def test_commands(self):
        """Each command works; the lines that it shows come; both profiles show what the page says."""
        blocks = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / "docs/distributed.md").read_text(), re.M | re.S)
        inventory = self.inventory()
        orders = self.serve("--inventory", f"http://127.0.0.1:{inventory.port}", "--payment-ms", "0")
        os.symlink(LOAD, self.folder / "load")
        commands = [text for language, text in blocks if language == "sh"]
        self.assertEqual(commands[0].splitlines(), ["./inventory &", "./orders --inventory http://127.0.0.1:3002 &"])
        script = "\n".join(commands[1:]).replace("seconds 20", "seconds 4").replace("sleep 2", "sleep 0.3").replace("seconds=5", "seconds=1.5&frequency=1000")
        for page, here in ((3000, orders.port), (8080, orders.profile_port), (8081, inventory.profile_port)):
            script = script.replace(f"127.0.0.1:{page}", f"127.0.0.1:{here}")
        environment = clean_environment(PATH=f"{BUILD}:{os.environ['PATH']}")
        done = self.run_command("bash", "-e", "-o", "pipefail", "-c", "set -m\n" + script, env=environment, timeout_s=60)
        self.assertEqual(done.status, 0, done.out + done.err)
        said = done.out + self.text(orders, 0) + self.text(inventory, 0)
        for line in [line for _, text in blocks[2:] for line in text.splitlines() if re.match(r"HTTP|traceparent:|\{|orders:|inventory:", line)]:
            pattern = re.escape(line)
            pattern = re.sub(r"d49c6166f72aa7c7|ac9707eb6d2e18ce", r"[0-9a-f]{16}", pattern)
            self.assertRegex(said, re.sub(r"ms=[\d\\.]+", r"ms=[\\d.]+", pattern))
        self.assertGreater(self.share(self.stacks(self.folder / "orders.pb.gz"), "price_of"), 0.4)
        self.assertGreater(self.share(self.stacks(self.folder / "inventory.pb.gz"), "count_shelves"), 0.2)
        self.assertIn("count_shelves", done.out)
        self.assertRegex(done.out, r"(?m) orders$")
        self.assertRegex(done.out, r"(?m) inventory$")


if __name__ == "__main__":
    unittest.main()
