"""deploy/: each file is what its reader takes, they agree with each other and with what the program does; and containers' conditions."""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from harness import BUILD, IS_LONG, PPROFC, ROOT, EndToEnd, clean_environment, not_sanitized, scorer
from test_orders import LOAD, SERVICE, Orders

sys.path.insert(0, str(ROOT / "bench" / "peers"))
import deploy_linters

try:
    import yaml
except ImportError:
    yaml = None

DEPLOY = ROOT / "deploy"


def linter(test, name):
    try:
        return deploy_linters.tool(name)
    except deploy_linters.Unavailable as reason:
        test.skipTest(str(reason))


@unittest.skipUnless(yaml, "no python3-yaml")
class Files(EndToEnd):
    def compose(self):
        return yaml.safe_load((DEPLOY / "compose.yaml").read_text())

    def test_compose_schema(self):
        """compose.yaml is valid by the compose specification; with a key misspelt it would not be."""
        python = linter(self, "compose-spec")
        check = "import sys, compose_spec; compose_spec.PyCompose.from_yaml(sys.stdin.read()).validate()"
        # Variables have their defaults before anybody looks, as compose itself does it.
        text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (DEPLOY / "compose.yaml").read_text())
        for given, status in ((text, 0), (text.replace("shm_size:", "shm_sise:"), 1)):
            done = subprocess.run([python, "-c", check], input=given, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, status, done.stderr)

    def test_compose(self):
        """It has the services, ports, settings and volumes that it promises; each file that it mounts is here; each image has a version."""
        compose = self.compose()
        services = compose["services"]
        app = services["app"]
        self.assertIn("3000:3000", app["ports"])
        self.assertIn("127.0.0.1:8080:8080", app["ports"])
        self.assertEqual((app["environment"]["ENABLE_PROFILING"], app["volumes"]), ("true", ["./profiles:/app/profiles"]))
        self.assertEqual(app["environment"]["PPROFC_TOKEN_FILE"], "/run/secrets/pprofc_token")
        self.assertIn("4040:4040", services["pyroscope"]["ports"])
        self.assertIn("3001:3000", services["grafana"]["ports"])
        self.assertEqual(services["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"], "Admin")
        self.assertIn("grafana_data:/var/lib/grafana", services["grafana"]["volumes"])
        for name, service in services.items():
            self.assertTrue("build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name)
            self.assertLessEqual(set(service.get("depends_on", [])), set(services), name)
            self.assertLessEqual(set(service.get("secrets", [])), set(compose["secrets"]), name)
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("./") and source != "./profiles":
                    self.assertTrue((DEPLOY / source).exists(), volume)
                elif not source.startswith("./"):
                    self.assertIn(source, compose["volumes"])
            if "build" in service:
                self.assertTrue((DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists())

    def test_settings_are_known(self):
        """Each PPROFC_ variable that a file of deploy/ sets is one that something reads, with a value that it takes."""
        found = {}
        for path in DEPLOY.rglob("*"):
            if path.suffix in {".yaml", ".conf"} and path.is_file():
                for name, value in re.findall(r'\b(PPROFC_\w+|ENABLE_PROFILING)(?:=|: *|\s+value: *)"?([^\s"]+)', path.read_text()):
                    found.setdefault((name, value.replace("%%", "%")), path.name)
        self.assertGreater(len(found), 6)
        for (name, value), path in sorted(found.items()):
            if name in ("PPROFC_TOKEN_FILE", "PPROFC_OUTPUT"):
                continue
            finished = self.pprofc("run", "-o", self.folder / "x.ppc", "-f", "--", "true", env=clean_environment(**{name: value}))
            self.assertNotIn(name, finished.err, f"{path}: {name}={value}: {finished.err}")

    def test_grafana(self):
        """The dashboard's metrics are ours, its data sources are provisioned, and it lies where the provider looks."""
        sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/datasources.yaml").read_text())["datasources"]
        providers = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/dashboards.yaml").read_text())["providers"]
        mounts = dict(volume.split(":")[1::-1] for volume in self.compose()["services"]["grafana"]["volumes"])
        self.assertEqual(mounts[providers[0]["options"]["path"]], "./grafana/dashboards")
        self.assertEqual(mounts["/etc/grafana/provisioning"], "./grafana/provisioning")
        hosts = {re.search(r"//([\w-]+):", source["url"]).group(1) for source in sources}
        self.assertLessEqual(hosts, set(self.compose()["services"]))
        dashboard = json.loads((DEPLOY / "grafana/dashboards/profiles.json").read_text())
        tables = "".join(path.read_text() for path in sorted((ROOT / "src/serve").glob("*metrics*.c")))
        families = {name: kind for name, kind in re.findall(r'\{"(profiling_\w+)", "(counter|gauge)"', tables)}
        families |= {name: "gauge" for name in re.findall(r'\[PP_METRIC_HEAP_\w+\] = \{"(profiling_\w+)"', tables)}  # these are gauges all
        names = {name + "_total" if kind == "counter" else name for name, kind in families.items()}
        used = set()
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                self.assertIn(target["datasource"]["uid"], {source["uid"] for source in sources})
                used |= set(re.findall(r"\bprofiling_\w+", target.get("expr", "")))
        self.assertLessEqual(used, names)
        self.assertLessEqual({"profiling_samples_total", "profiling_function_cpu_time_ratio", "profiling_own_cpu_seconds_total"}, used)
        self.assertEqual(len({panel["id"] for panel in dashboard["panels"]}), len(dashboard["panels"]))

    def test_collector(self):
        """The Collector itself takes its configuration; it sends to services that the compose file has."""
        text = (DEPLOY / "otel-collector.yaml").read_text()
        for host in re.findall(r"endpoint: http://([\w-]+):", text):
            self.assertIn(host, self.compose()["services"])
        cache = Path(os.environ.get("PPROFC_CACHE") or Path.home() / ".cache" / "pprof-c-ci")
        collectors = sorted(path for path in cache.glob("otelcol-*") if path.is_file() and os.access(path, os.X_OK))
        if not collectors:
            self.skipTest(f"no Collector in {cache}")
        said = self.run_command(collectors[-1], "validate", "--config", DEPLOY / "otel-collector.yaml", "--feature-gates=service.profilesSupport")
        self.assertEqual(said.status, 0, said.err)

    def test_alloy(self):
        """Alloy's own parser takes its configuration; the token's file is the secret that compose mounts."""
        text = (DEPLOY / "config.alloy").read_text()
        for path in re.findall(r'bearer_token_file = "(.*)"', text):
            self.assertEqual(path, "/run/secrets/pprofc_token")
        for host in re.findall(r'"__address__" = "([\w-]+):', text) + re.findall(r'http://([\w-]+):', text):
            self.assertIn(host, self.compose()["services"])
        said = self.run_command(linter(self, "alloy"), DEPLOY / "config.alloy")
        self.assertEqual(said.status, 0, said.err)

    def test_kubernetes(self):
        """Each document is valid by Kubernetes' schemas; both containers share a sized /dev/shm, one image and one user."""
        documents = list(yaml.safe_load_all((DEPLOY / "kubernetes/orders.yaml").read_text()))
        template = next(one for one in documents if one["kind"] == "Deployment")["spec"]["template"]
        pod = template["spec"]
        self.assertEqual(template["metadata"]["annotations"]["profiles.grafana.com/cpu.scrape"], "true")
        shm = next(volume for volume in pod["volumes"] if volume["name"] == "shm")["emptyDir"]
        self.assertEqual(shm, {"medium": "Memory", "sizeLimit": "64Mi"})
        self.assertEqual(len({container["image"] for container in pod["containers"]}), 1)
        for container in pod["containers"]:
            self.assertIn({"name": "shm", "mountPath": "/dev/shm"}, container["volumeMounts"])
        self.assertIn(f"/dev/shm/pprofc.{pod['securityContext']['runAsUser']}.1", pod["containers"][1]["args"][0])
        said = self.run_command(linter(self, "kubernetes-validate"), "--strict", DEPLOY / "kubernetes/orders.yaml")
        self.assertEqual(said.status, 0, said.out + said.err)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze")
    def test_systemd(self):
        """systemd takes the drop-in beside a service, without a word; the per cent signs come out as they should."""
        units = self.folder / "units"
        shutil.copytree(DEPLOY / "systemd", units)
        (units / "orders.service").write_text("[Unit]\nDescription=orders\n[Service]\nExecStart=/bin/true\nDynamicUser=yes\nProtectSystem=strict\n")
        said = self.run_command("systemd-analyze", "verify", "--man=no", units / "orders.service",
                                env=clean_environment(SYSTEMD_UNIT_PATH=f"{units}:"))
        words = [line for line in (said.out + said.err).splitlines() if "orders" in line or "pprofc" in line]
        self.assertEqual((said.status, words), (0, []), said.err)
        text = (units / "orders.service.d/pprofc.conf").read_text()
        self.assertNotRegex(re.sub(r"(?m)^#.*$", "", text).replace("%%", "").replace("%N", ""), "%")

    def test_dockerfile(self):
        """hadolint has nothing to say; the image's user is none but its own; what it copies is here."""
        text = (DEPLOY / "Dockerfile").read_text()
        self.assertRegex(text, r"(?m)^USER 10001:10001$")
        self.assertIn("ca-certificates", text)
        said = self.run_command(linter(self, "hadolint"), "--no-color", DEPLOY / "Dockerfile")
        self.assertEqual((said.status, said.out), (0, ""), said.err)

    @unittest.skipUnless(IS_LONG and os.geteuid() == 0, "minutes, and root: --long")
    def test_image(self):
        """Each step of the Dockerfile done in a bare Debian: the service of the image runs as its user, and its profile has names and lines."""
        said = self.run_command(ROOT / "scripts/deploy-check", timeout_s=2400)
        self.assertEqual(said.status, 0, said.out + said.err)

    def test_debug_parts(self):
        """part-debug leaves a program its symbols and build id, and puts the rest where debuggers look by that."""
        image = self.folder / "image"
        (image / "usr/bin").mkdir(parents=True)
        shutil.copy(self.program("two_to_one"), image / "usr/bin")
        said = self.run_command(DEPLOY / "part-debug", image)
        self.assertEqual(said.status, 0, said.err)
        program, debug = image / "usr/bin/two_to_one", next((image / "usr/lib/debug/.build-id").rglob("*.debug"))

        def look(*words):
            return subprocess.run(["readelf", *map(str, words)], capture_output=True, text=True, check=True).stdout

        self.assertIn("heavy", look("-sW", program))
        self.assertNotIn(".debug_info", look("-SW", program))
        self.assertIn(".debug_info", look("-SW", debug))
        build_id = re.search(r"Build ID: (\w+)", look("-n", program)).group(1)
        self.assertEqual(debug, image / f"usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug")


# What Docker's default profile refuses of what a profiler may want.
DOCKER_REFUSES = ",".join(f"{name}=EPERM" for name in ("perf_event_open", "unshare", "setns", "mount", "umount2", "bpf", "userfaultfd",
                                                       "add_key", "keyctl", "kcmp", "pivot_root"))


class Container(Orders):
    """A container's conditions, made by hand: seccomp, PID 1, a small /dev/shm, a sidecar."""

    @not_sanitized("the runtime asks for what is refused")
    def test_default_seccomp(self):
        """Under what Docker's default profile refuses: one line says that CPU timers are used, and the shares are right."""
        path = self.folder / "x.pb.gz"
        finished = self.run_command(self.program("without_calls"), DOCKER_REFUSES, PPROFC, "run", "-F", "100", "-o", path, "--",
                                    self.program("two_to_one"), "3")
        self.assertEqual(finished.status, 0, finished.err)
        self.assertEqual(len([line for line in finished.own_lines if re.search(r"perf events refused .*seccomp", line)]), 1, finished.err)
        self.assertAlmostEqual(self.share(self.stacks(path), "heavy"), 2 / 3, delta=0.12)
        self.assert_sum(path, scorer.read_truth(finished.out)["cpu_ns"] / 1e9, within=0.05)

    @unittest.skipUnless(shutil.which("unshare") and os.geteuid() == 0, "no unshare, or not root")
    def test_pid_1_and_sidecar(self):
        """The service is PID 1 under a host name of its own, with 64 MiB of /dev/shm; a sidecar in another process namespace that shares them
        serves its profiles, with names, by the recording's name alone; the file it leaves has host and pid in its name."""
        inside = ("unshare", "--pid", "--fork", "--mount-proc", "--uts")
        script = (f"mount -t tmpfs -o size=64m,mode=1777 none /dev/shm\n"
                  f"{' '.join(inside)} sh -c 'hostname web-1; exec {SERVICE} --port 0 --profile off --payment-ms 0' & service=$!\n"
                  f"until [ -e /dev/shm/pprofc.0.1 ]; do sleep 0.1; done\n"
                  f"{' '.join(inside)} {PPROFC} serve --listen 127.0.0.1:0 /dev/shm/pprofc.0.1 & sidecar=$!\n"
                  f"read -r ended\n"
                  f"kill $(pgrep -P $sidecar) $(pgrep -P $service); wait\n"
                  f"df --output=used /dev/shm >&2\n")
        environment = clean_environment(PPROFC="cpu", PPROFC_FREQUENCY=100, PPROFC_OUTPUT=self.folder / "%h_%p.pb.gz", PPROFC_COMMAND=PPROFC)
        pod = self.start("unshare", "--mount", "sh", "-c", script, env=environment, stdin=subprocess.PIPE)
        port = self.port_said(pod, 0, r"at http://127\.0\.0\.1:(\d+)/api/orders")
        profiles = self.port_said(pod, 1, r"at http://127\.0\.0\.1:(\d+)/debug/pprof/")
        load = self.start(LOAD, "--seconds", "30", "--clients", "4", f"http://127.0.0.1:{port}/api/orders")
        status, taken = self.ask(profiles, "/debug/pprof/profile?seconds=1.5&frequency=1000")
        self.assertEqual(status, 200, taken)
        (self.folder / "cpu.pb.gz").write_bytes(taken)
        self.assertGreater(self.share(self.stacks(self.folder / "cpu.pb.gz"), "price_of"), 0.4)
        load.terminate()
        load.wait(30)
        pod.stdin.close()
        pod.wait(60)
        self.assertTrue((self.folder / "web-1_1.pb.gz").exists(), [*self.folder.iterdir(), self.text(pod, 1)])


if __name__ == "__main__":
    unittest.main()
