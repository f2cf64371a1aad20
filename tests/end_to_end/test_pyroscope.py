"""Pyroscope's /ingest: a stand-in as strict as the server was seen to be, and Grafana's own client against the same one."""
import base64
import email.parser
import email.policy
import gzip
import json
import re
import subprocess
import time
import unittest
import urllib.parse

import otlp_peer
from harness import ROOT, EndToEnd, clean_environment
from protobuf_fields import varint

VERSION = re.search(r"^client=(\S+)", (ROOT / "scripts/peers").read_text(), re.M).group(1)
CLIENT = otlp_peer.CACHE / f"pyroscope-client-{VERSION}"
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.]*\Z")


class Ingest:
    """What POST /ingest takes: 400 without a name or with a bad label, 422 for what is no profile."""

    def __init__(self):
        self.requests = []  # (query, parts of the form or the body, headers)
        self.answers = []  # before any request is looked at: (status, body)
        self.n_seen = 0

    def __call__(self, handler, path, body):
        self.n_seen += 1
        url = urllib.parse.urlsplit(path)
        query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
        if self.answers:
            status, text = self.answers.pop(0)
            return handler.reply(status, text) or True
        status, text = self.check(url.path, query, body, handler.headers)
        handler.reply(status, text)
        return True

    def check(self, path, query, body, headers):
        content_type = headers.get("Content-Type", "")
        if path != "/ingest":
            return 404, b"not found"
        if not query.get("name"):
            return 400, b'{"code":"invalid_argument","message":"name: service name is required"}'
        for name in self.labels(query["name"]):
            if not LABEL_NAME.match(name):
                return 400, f'{{"code":"invalid_argument","message":"name: invalid label name: {name}"}}'.encode()
        if query.get("format") == "pprof":
            parts = {"profile": body}
        elif "multipart/form-data" in content_type:
            parts = self.parts(body, content_type)
        else:
            return 422, b'{"code":"unknown","message":"strconv.Atoi: parsing: invalid syntax"}'  # taken for folded text
        try:
            gzip.decompress(parts["profile"])
        except (OSError, KeyError):
            return 422, b'{"code":"unknown","message":"parsing IngestInput-pprof failed"}'
        self.requests.append((query, parts, dict(headers)))
        return 200, b""

    @staticmethod
    def labels(name):
        if "{" not in name:
            return {}
        assert name.endswith("}"), name
        return dict(pair.split("=", 1) for pair in name.partition("{")[2][:-1].split(","))

    @staticmethod
    def parts(body, content_type):
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
        return {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in message.iter_parts()}


class Pyroscope(EndToEnd):
    def setUp(self):
        super().setUp()
        self.ingest = Ingest()
        self.server = otlp_peer.Server(self.ingest)
        self.addCleanup(self.server.close)
        self.path = self.folder / "svc.folded"
        self.path.write_text("main;heavy 60\nmain;light 30\n")
        self.heap = self.folder / "svc.heap"
        self.heap.write_text("heap profile:  3:  4096 [  5:  8192] @ heap_v2/524288\n  3:  4096 [  5:  8192] @ 0x401000 0x402000\n"
                             "\nMAPPED_LIBRARIES:\n00400000-00500000 r-xp 00000000 00:00 1 /bin/x\n")

    def push(self, *words, status=0, **env):
        finished = self.pprofc("push", "--to", f"pyroscope+{self.server.url}", *words, env=clean_environment(**env))
        self.assertEqual(finished.status, status, finished.err)
        return finished

    def test_accepted(self):
        """A profile, with everything that the server wants; the profile is the one that was sent."""
        self.assertIn("pyroscope: profile accepted", self.push(self.path).err)
        [(query, parts, _)] = self.ingest.requests
        self.assertEqual(query["name"], "svc")
        self.assertEqual(query["format"], "pprof")
        (self.folder / "got.pb.gz").write_bytes(parts["profile"])
        self.assertEqual(sorted(sample.values[0] for sample in self.read_profile(self.folder / "got.pb.gz").samples), [30, 60])

    def test_labels(self):
        """Label names become such as are taken, values cannot end the list."""
        self.push(self.path, OTEL_RESOURCE_ATTRIBUTES="deployment.environment=prod,1-x=a,tea m=b%2Cc%7D%3D,k8s-pod=ü", OTEL_SERVICE_NAME="shop")
        name = self.ingest.requests[0][0]["name"]
        self.assertEqual(name.partition("{")[0], "shop")
        self.assertEqual(Ingest.labels(name), {"deployment_environment": "prod", "_1_x": "a", "tea_m": "b_c__", "k8s_pod": "ü"})

    def test_credentials(self):
        """Basic, bearer, tenant."""
        self.push(self.path, PYROSCOPE_BASIC_AUTH_USER="user", PYROSCOPE_BASIC_AUTH_PASSWORD="secret", PYROSCOPE_TENANT_ID="tenant")
        headers = self.ingest.requests[0][2]
        self.assertEqual(headers["Authorization"], "Basic " + base64.b64encode(b"user:secret").decode())
        self.assertEqual(headers["X-Scope-OrgID"], "tenant")
        self.push(self.path, PYROSCOPE_AUTH_TOKEN="abc")
        self.assertEqual(self.ingest.requests[1][2]["Authorization"], "Bearer abc")

    def test_answers(self):
        """429 and 5xx are tried again; 413 is not; 422, which may pass, a few times, then it is dropped aloud."""
        for status in (429, 500, 503):
            self.ingest.answers = [(status, b"later")]
            self.push(self.path)
        self.ingest.n_seen = 0
        self.ingest.answers = [(413, b"too large")] * 2
        self.assertIn("answers 413: too large (raise the server's limit for requests, or send shorter windows); it is not sent again", self.push(self.path, status=1).err)
        self.assertEqual(self.ingest.n_seen, 1)
        self.ingest.answers = [(422, b'{"code":"unknown","message":"service is unavailable"}')]
        self.push(self.path)
        self.ingest.n_seen = 0
        self.ingest.answers = [(422, b'{"code":"unknown","message":"service is unavailable"}')] * 9
        finished = self.push(self.path, status=1)
        self.assertIn("answers 422: service is unavailable; it is not sent again", finished.err)
        self.assertEqual(self.ingest.n_seen, 4)

    def aged(self, days):
        """The profile, as if it were of that many days ago: a later field in protobuf replaces an earlier one."""
        self.pprofc("convert", "-f", self.path, self.folder / "now.pb.gz")
        whole = gzip.decompress((self.folder / "now.pb.gz").read_bytes())
        when = int(time.time() - days * 86400) * 10**9
        path = self.folder / "aged.pb.gz"
        path.write_bytes(gzip.compress(whole + b"\x48" + varint(when) + b"\x50" + varint(10**10)))
        return path

    def test_old(self):
        """A profile of any age is sent; where the server takes none so old, it is said at once: what, why, what to do."""
        old = self.aged(8)
        self.assertIn("pyroscope: profile accepted", self.push(old).err)
        words = ("invalid_argument: profile with labels {__name__=process_cpu} is outside of ingestion window "
                 "(profile timestamp: then, the ingestion window starts at now)")
        self.ingest.answers = [(422, f'{{"code":"unknown","message":"{words}"}}'.encode())] * 9
        self.ingest.n_seen = 0
        finished = self.push(old, status=1)
        self.assertEqual(self.ingest.n_seen, 1, finished.err)
        lines = finished.err.splitlines()
        self.assertEqual(len(lines), 3, finished.err)
        self.assertRegex(lines[0], r"profile not accepted: http://\S+/ingest answers 422: .* the ingestion window starts at now\); it is not sent again$")
        self.assertRegex(lines[1], r"the profile is of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, 8\.0 days ago$")
        self.assertRegex(lines[2], r"send profiles while they are young, or raise the server's limit of age")
        finished = self.push(self.aged(-3), status=1)
        self.assertIn("UTC, which is still to come", finished.err)
        self.assertIn("set the clock", finished.err)

    def test_port(self):
        """By its usual port an address is Pyroscope's."""
        finished = self.pprofc("push", self.path, "--to", "http://127.0.0.1:4040", "--timeout", "100ms", env=clean_environment())
        self.assertIn("profile: not sent to http://127.0.0.1:4040/ingest", finished.err)

    @unittest.skipUnless(CLIENT.exists(), "no pyroscope-go: scripts/peers client builds a program over it")
    def test_as_the_official_client(self):
        """Field by field, what ours sends is what Grafana's client sends: query, form, configuration of the types, headers."""
        subprocess.run([CLIENT, self.server.url], check=True, timeout=60, env=clean_environment())
        theirs = {"heap" if "sample_type_config" in parts else "cpu": (query, parts, headers)
                  for query, parts, headers in self.ingest.requests}
        self.assertEqual(set(theirs), {"cpu", "heap"})
        self.ingest.requests.clear()
        env = {"PYROSCOPE_BASIC_AUTH_USER": "user", "PYROSCOPE_BASIC_AUTH_PASSWORD": "secret", "PYROSCOPE_TENANT_ID": "tenant",
               "OTEL_RESOURCE_ATTRIBUTES": "region=eu"}
        self.push(self.path, **env)
        self.push(self.heap, "--service", "svc", **env)
        ours = dict(zip(("cpu", "heap"), self.ingest.requests))
        for kind, (query, parts, headers) in theirs.items():
            own_query, own_parts, own_headers = ours[kind]
            self.assertEqual(set(own_query) - {"format"}, set(query), kind)  # ours says what the form says there
            self.assertEqual(set(own_parts), set(parts), kind)
            for key in ("aggregationType", "units", "sampleRate"):
                self.assertEqual(own_query.get(key), query.get(key), f"{kind} {key}")
            for key in ("from", "until"):
                self.assertEqual(len(own_query[key]), len(query[key]), f"{kind}: {key} has other units")
            for whose in (query, own_query):
                self.assertEqual(whose["name"].partition("{")[0], "svc")
                self.assertEqual(Ingest.labels(whose["name"])["region"], "eu")
            for key in ("Authorization", "X-Scope-OrgID"):
                self.assertEqual(own_headers[key], {k.lower(): v for k, v in headers.items()}[key.lower()])
        self.assertEqual(json.loads(ours["heap"][1]["sample_type_config"]), json.loads(theirs["heap"][1]["sample_type_config"]))
        for _, parts, _ in (theirs["heap"], ours["heap"]):
            self.assertEqual([name for name, _ in self.types(parts["profile"])][:4], ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"])

    def types(self, bytes_):
        path = self.folder / "types.pb.gz"
        path.write_bytes(bytes_)
        return self.read_profile(path).sample_types


if __name__ == "__main__":
    unittest.main()
