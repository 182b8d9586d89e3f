#!/usr/bin/env python3
"""The agent beside node_exporter, promtool and stock Prometheus, with sources that hang and files that are no good."""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import dbus_peer
import node_fixtures
from stack import AGENT, PEERS, ROOT, Prometheus, Stack, fetch, free_port, main, need_peers, wait_for

FAKE_NVML = os.environ.get("FAKE_NVML", str(ROOT / "build/dev/test/fake_nvml/new/libnvidia-ml.so.1"))
NODE_EXPORTER = PEERS / "prometheus-node-exporter"
HERE = pathlib.Path(__file__).resolve().parent


def lint(page):
    """What promtool says of the names on a page. It must be able to read it."""
    done = subprocess.run([PEERS / "promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 3), done.stderr  # 3: nothing but remarks about names
    return set(done.stderr.splitlines())


def collectors_of(binary):
    done = subprocess.run([binary, "--help"], capture_output=True, text=True, timeout=60)
    return re.findall(r"--(?:\[no-\])?collector\.(\w+)(?=\s)", done.stdout + done.stderr)


class AgentTest(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__)

    def exporter(self, binary, *flags, **popen):
        port = free_port()
        program = self.stack.start([binary, f"--web.listen-address=127.0.0.1:{port}", *flags], f"exporter-{port}", **popen)
        program.url = f"http://127.0.0.1:{port}/metrics"
        wait_for("exporter", lambda: fetch(program.url)[0] == 200 or self.stack._dead(program))
        return program

    def page(self, program):
        status, _, text = fetch(program.url)
        self.assertEqual(status, 200, text)
        return text


class LimitTest(AgentTest):
    def test_more_scrapes_at_a_time_than_allowed(self):
        os.mkfifo(self.stack.dir / "results.json")
        url = f"http://127.0.0.1:{free_port()}"
        self.stack.start([AGENT, f"--web.listen-address={url[7:]}", "--web.max-requests=2", "--collector.qdisc",
                          f"--collector.qdisc.fixtures={self.stack.dir}"], "agent")
        wait_for("agent", lambda: fetch(url + "/-/healthy")[0] == 200)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:  # the first scrape meets the pipe
            answers = sorted(pool.map(lambda _: fetch(url + "/metrics")[0], range(20)))
        self.assertEqual(set(answers), {200, 503})
        self.assertEqual(fetch(url + "/metrics")[0], 200)


class CommandLineTest(AgentTest):
    def test_forms_of_flags(self):
        agent = self.exporter(AGENT, "--collector.disable-defaults", "--collector.loadavg", "--no-collector.loadavg", "--collector.loadavg",
                              "--collector.uname=true", "--collector.textfile.directory", self.stack.dir, "--collector.textfile",
                              "--collector.textfile.directory=/nonexistent", "--log.level", "warn", "--log.level=error")
        page = self.page(agent)
        collectors = re.findall(r'node_scrape_collector_success{collector="(\w+)"}', page)
        self.assertEqual([name for name in collectors if name != "slurm_job"], ["loadavg", "textfile", "uname"])
        self.assertEqual(agent.output(), "")

    def test_arguments_in_a_file(self):
        arguments = self.stack.dir / "arguments"
        arguments.write_text("# as node_exporter has them\n--collector.disable-defaults\n\n--collector.loadavg\n--collector.textfile.directory=/a b\n")
        page = self.page(self.exporter(AGENT, f"@{arguments}", "--collector.uname"))
        collectors = re.findall(r'node_scrape_collector_success{collector="(\w+)"}', page)
        self.assertEqual([name for name in collectors if name != "slurm_job"], ["loadavg", "uname"])

    def test_bad_flags_are_explained(self):
        for flags, why in {("--collector.loadavg=3",): "--collector.loadavg takes no value",
                           ("--no-collector.loadavg=true",): "--no-collector.loadavg takes no value",
                           ("--no-log.level",): 'unknown flag "--no-log.level"',
                           ("--log.level",): "expected a value for --log.level",
                           ("--web.max-requests=many",): "--web.max-requests: not a whole number",
                           ("loadavg",): "unexpected loadavg",
                           ("@/nonexistent/arguments",): "/nonexistent/arguments",
                           ("-z",): 'unknown flag "-z"',
                           ("--collector.meminf",): "did you mean --collector.meminfo?"}.items():
            done = subprocess.run([AGENT, *flags], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 1, flags)
            self.assertIn(why, done.stderr)


class LintTest(AgentTest):
    """promtool dislikes names that node_exporter has (node_memory_Active_anon_bytes, node_network_mtu_bytes). We must have the
    same ones, so what it says of node_exporter's pages it may say of ours, and nothing else."""

    def node_exporters_remarks(self):
        both = [f"--collector.{name}" for name in set(collectors_of(NODE_EXPORTER)) - {"ntp", "runit", "supervisord"}]
        remarks = lint(self.page(self.exporter(NODE_EXPORTER, *both)))
        if node_fixtures.available():
            with tempfile.TemporaryDirectory() as work:
                remarks |= lint(node_fixtures.unpacked(work)[2])
        return remarks

    def test_this_machine(self):
        others = self.node_exporters_remarks()
        every = [f"--collector.{name}" for name in collectors_of(AGENT) if name not in ("nvidia_gpu", "amd_gpu", "slurm_job")]
        self.assertGreater(len(every), 70)
        self.assertEqual(lint(self.page(self.exporter(AGENT, *every))) - others, set())
        self.assertEqual(lint(self.page(self.exporter(AGENT, "--no-collector.slurm_job"))) - others, set())

    def test_fixtures(self):
        if not node_fixtures.available():
            self.skipTest("no ../shared/conformance")
        with tempfile.TemporaryDirectory() as work:
            tree, flags, expected = node_fixtures.unpacked(work)
            page = self.page(self.exporter(AGENT, *flags, cwd=tree))
        self.assertGreater(page.count("\n# TYPE "), 1000)
        self.assertEqual(lint(page) - lint(expected), set())


class ScrapeTest(AgentTest):
    def both_pages(self):
        config = self.stack.dir / "fake-nvml"
        config.write_text("gpus 2\n0.field.82 50\n0.gpm.1 50\n")
        gpu = free_port()
        node = self.exporter(AGENT, f"--gpu.listen-address=127.0.0.1:{gpu}", f"--nvml.library={FAKE_NVML}", "--collector.processes",
                             "--gpu.collect-interval=0s", env={"FAKE_NVML_CONFIG": str(config)})
        wait_for("GPUs", lambda: "DCGM_FI_DEV_GPU_TEMP{" in fetch(f"http://127.0.0.1:{gpu}/metrics")[2])
        return int(node.url.split(":")[2].split("/")[0]), gpu

    def scrape_by_stock(self, *flags):
        """Stock Prometheus takes both pages, three times each, and has nothing to say about it."""
        node, gpu = self.both_pages()
        port = free_port()
        stock = self.stack.peer("prometheus", f"--config.file={self.stack.config({'node': [node], 'gpu': [gpu]})}",
                                f"--storage.tsdb.path={self.stack.dir / 'stock'}", f"--web.listen-address=127.0.0.1:{port}",
                                "--log.level=debug", *flags)
        api = Prometheus(port)
        wait_for("stock prometheus", api.ready, 60)
        wait_for("scrapes", lambda: len(api.query("count_over_time(up[1m]) >= 3")) == 2, 60)
        self.assertEqual({r["metric"]["job"]: r["value"][1] for r in api.query("min_over_time(up[1m])")}, {"node": "1", "gpu": "1"})
        for metric in ("node_load1", "node_cpu_seconds_total", "DCGM_FI_DEV_GPU_TEMP", "slurmscope_agent_gpu_driver_up"):
            self.assertTrue(api.query(metric), metric)
        self.assertEqual(api.query("scrape_samples_scraped != scrape_samples_post_metric_relabeling"), [])
        types = {name: entries[0]["type"] for name, entries in api.data("metadata").items()}
        self.assertIn("counter", (types.get("node_context_switches_total"), types.get("node_context_switches")))
        stock.stop()
        # Of scraping it speaks at level debug, too, when something is wrong.
        complaints = [line for line in stock.output().splitlines() if "SIGTERM" not in line
                      if re.search(r"level=(warn|error)", line) or ("scrape" in line and "err=" in line)]
        self.assertEqual(complaints, [])

    def test_stock_prometheus_by_openmetrics(self):
        self.scrape_by_stock()

    def test_stock_prometheus_that_would_rather_have_protobuf(self):
        self.scrape_by_stock("--enable-feature=native-histograms")


class FlagsTest(AgentTest):
    def test_counters_of_netclass_instead_of_netdev(self):
        agent = self.exporter(AGENT, "--collector.disable-defaults", "--collector.netclass", "--collector.netclass.netlink",
                              "--collector.netclass_rtnl.with-stats")
        page = self.page(agent)
        for name in ("receive_bytes", "transmit_window_errors", "multicast"):
            self.assertRegex(page, rf'\nnode_network_{name}_total{{device="lo"}} \d')
        agent = self.exporter(AGENT, "--collector.netclass_rtnl.with-stats", "--no-collector.netdev")
        self.assertNotIn("node_network_receive_bytes_total", self.page(agent))


class HungSourceTest(AgentTest):
    def agent_with_hung_mount(self, *flags):
        alone = ["unshare", "-m", "-p", "-f", "--mount-proc"]
        able = shutil.which("unshare") and os.path.exists("/dev/fuse") and subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL)
        if not able or able.returncode != 0:
            self.skipTest("no root, unshare or FUSE")
        self.mount = self.stack.dir / "mount"
        self.mount.mkdir()
        port = free_port()
        program = self.stack.start(
            [*alone, sys.executable, HERE / "hung_mount.py", self.mount, AGENT, f"--web.listen-address=127.0.0.1:{port}",
             f"--collector.textfile.directory={self.mount}/below", *flags], "agent", stdin=subprocess.PIPE)
        self.addCleanup(program.process.stdin.close)
        program.url = f"http://127.0.0.1:{port}/metrics"
        wait_for("agent", lambda: fetch(program.url)[0] == 200 or self.stack._dead(program))
        return program

    def test_a_hung_file_system_costs_what_it_concerns_and_comes_back(self):
        agent = self.agent_with_hung_mount()
        for _ in range(3):
            page = self.page(agent)
            # The file system of which nothing can be said, and a collector whose directory is on it.
            self.assertRegex(page, rf'node_filesystem_device_error{{device="hung",.*mountpoint="{self.mount}"}} 1\n')
            self.assertIn(f'slurmscope_agent_collector_stuck{{collector="filesystem",path="{self.mount}"}} 1\n', page)
            self.assertIn(f'slurmscope_agent_collector_stuck{{collector="textfile",path="{self.mount}/below"}} 1\n', page)
            failed = re.findall(r'node_scrape_collector_success{collector="(textfile|filesystem|cpu|meminfo)"} 0\n', page)
            self.assertEqual(failed, ["textfile"])
            self.assertIn("\nnode_load1 ", page)
            self.assertRegex(page, r'\nnode_filesystem_size_bytes{.*mountpoint="/proc/|\nnode_filesystem_size_bytes{.*mountpoint="/"}')
        self.assertIn("mount does not answer", agent.output())
        agent.process.stdin.write(b"answer\n")
        agent.process.stdin.flush()
        page = wait_for("all is well", lambda: (p := self.page(agent)) and "collector_stuck{" not in p and p)
        self.assertRegex(page, rf'node_filesystem_size_bytes{{device="hung",.*mountpoint="{self.mount}"}} 4.096e\+06\n')
        self.assertIn('node_scrape_collector_success{collector="textfile"} 1\n', page)
        self.assertIn("mount answers again", agent.output())

    def test_a_hung_file_of_a_job_is_named(self):
        job = self.stack.dir / "cgroup/slurmstepd.scope/job_7"
        job.mkdir(parents=True)
        (self.stack.dir / "cgroup/cgroup.controllers").touch()
        (job / "cpu.stat").write_text("usage_usec 5000000\n")
        (job / "memory.stat").symlink_to(self.stack.dir / "mount/file")
        agent = self.agent_with_hung_mount(f"--collector.slurm_job.cgroup-root={self.stack.dir}/cgroup", "--no-collector.filesystem")
        page = self.page(agent)
        self.assertIn(f'slurmscope_agent_collector_stuck{{collector="slurm_job",path="{job}/memory.stat"}} 1\n', page)
        self.assertIn("\nnode_load1 ", page)
        agent.process.stdin.write(b"answer\n")
        agent.process.stdin.flush()
        wait_for("the job", lambda: 'cgroup_cpu_total_seconds{jobid="7",step="",task=""} 5\n' in self.page(agent))

    def test_an_agent_with_a_hung_source_stops_when_told(self):
        fifo = self.stack.dir / "results.json"
        os.mkfifo(fifo)
        agent = self.exporter(AGENT, "--collector.qdisc", f"--collector.qdisc.fixtures={fifo.parent}")
        self.assertIn(f'slurmscope_agent_collector_stuck{{collector="qdisc",path="{fifo}"}} 1\n', self.page(agent))
        self.assertEqual(agent.stop(), 0)


def systemd_and_logind(path, member, arguments):
    """What the two say of a small machine."""
    units = [("slurmd.service", "active"), ("munge.service", "failed"), ("ssh.socket", "active"), ("dev-sda.device", "active")]
    properties = {"Version": ("s", "252"), "Virtualization": ("s", ""), "SystemState": ("s", "degraded"),
                  "Type": ("s", "notify"), "NAccepted": ("u", 9), "NConnections": ("u", 2),
                  "Remote": ("b", path.endswith("2")), "Class": ("s", "user")}
    if member == "ListUnits":
        return "a(ssssssouso)", [(name, "", "loaded", state, "", "", f"/unit/{i}", 0, "", "/") for i, (name, state) in enumerate(units)]
    if member == "ListSeats":
        return "a(so)", [("seat0", "/seat/0")]
    if member == "ListSessions":
        return "a(susso)", [("c1", 1000, "ada", "seat0", "/session/1"), ("c2", 1000, "ada", "", "/session/2")]
    if member == "Get" and path.startswith("/session") and arguments[1] == "Type":
        return "v", ("s", "tty")
    return ("v", properties[arguments[1]]) if arguments[1:] and arguments[1] in properties else None


class KernelAndBusTest(AgentTest):
    """Collectors that ask others than files, against the real thing as far as this machine has it."""

    def test_systemd_and_logind_over_a_bus(self):
        if not dbus_peer.available():
            self.skipTest("no dbus-daemon")
        bus = dbus_peer.Bus(self.stack.dir, self.stack.start, ["org.freedesktop.systemd1", "org.freedesktop.login1"], systemd_and_logind)
        wait_for("bus", bus.path.exists)
        bus.serve()
        agent = self.exporter(AGENT, "--collector.disable-defaults", "--collector.systemd", "--collector.logind",
                              env={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
        page = wait_for("systemd", lambda: (p := self.page(agent)) and "node_systemd_units{" in p and p)
        for line in ('node_scrape_collector_success{collector="systemd"} 1', 'node_scrape_collector_success{collector="logind"} 1',
                     'node_systemd_unit_state{name="slurmd.service",state="active",type="notify"} 1',
                     'node_systemd_unit_state{name="munge.service",state="failed",type="notify"} 1',
                     'node_systemd_socket_accepted_connections_total{name="ssh.socket"} 9',
                     'node_systemd_system_running 0', 'node_systemd_version{version="252"} 252',
                     'node_logind_sessions{class="user",remote="false",seat="seat0",type="tty"} 1',
                     'node_logind_sessions{class="user",remote="true",seat="",type="tty"} 1'):
            self.assertIn("\n" + line + "\n", page)
        self.assertNotIn("dev-sda", page)
        bus.daemon.stop()
        wait_for("its end is seen", lambda: 'node_scrape_collector_success{collector="systemd"} 0\n' in self.page(agent))

    def test_perf_counts(self):
        agent = self.exporter(AGENT, "--collector.disable-defaults", "--collector.perf", "--collector.loadavg")
        page = self.page(agent)
        if 'node_scrape_collector_success{collector="perf"} 1' not in page:
            self.assertIn("perf_event_open", agent.output())
            self.skipTest("perf_event_open is not permitted or knows no event here")
        switches = re.findall(r'^node_perf_context_switches_total{cpu="(\d+)"} (\S+)', page, re.M)
        self.assertEqual(len(switches), os.cpu_count())
        total = sum(float(n) for _, n in switches)

        def more():
            return sum(float(n) for n in re.findall(r"^node_perf_context_switches_total{.*} (\S+)", self.page(agent), re.M)) > total
        wait_for("counting goes on", more)


class BadInputTest(AgentTest):
    def test_bad_files_are_named_and_cost_their_collector_only(self):
        proc = self.stack.dir / "proc"
        (proc / "net").mkdir(parents=True)
        (proc / "loadavg").write_text("1 2 3 1/2 3\n")
        (proc / "stat").write_bytes(b"\0" * 100_000)
        (proc / "vmstat").mkdir()  # cannot be read, not even by root
        (proc / "diskstats").write_bytes(b"9" * (3 << 20))
        (proc / "schedstat").write_bytes(b"version 15\ncpu0 1 2 3")
        (proc / "softirqs").write_bytes(b"\xff\xfe\n" * 1000)
        wanted = {"cpu": "stat", "vmstat": "vmstat", "diskstats": "diskstats", "schedstat": "schedstat", "softirqs": "softirqs",
                  "meminfo": "meminfo"}
        agent = self.exporter(AGENT, f"--path.procfs={proc}", "--collector.disable-defaults", "--collector.loadavg",
                              *[f"--collector.{name}" for name in wanted])
        page = self.page(agent)
        self.assertIn("\nnode_load1 1\n", page)
        for name, file in wanted.items():
            self.assertIn(f'node_scrape_collector_success{{collector="{name}"}} 0\n', page)
            line = next((x for x in agent.output().splitlines() if f"name={name} " in x), f"nothing about {name}")
            self.assertIn(str(proc / file), line)
        lint(page)

    def test_bad_text_files_are_named(self):
        text = self.stack.dir / "text"
        text.mkdir()
        good = "# HELP good Well.\n# TYPE good gauge\ngood 1\n"
        (text / "good.prom").write_text(good)
        os.mkfifo(text / "pipe.prom")
        (text / "directory.prom").mkdir()
        (text / "nowhere.prom").symlink_to("nothing")
        (text / "twice.prom").write_text('twice{a="1",b="2"} 1\ntwice{b="2",a="1"} 2\nbeside 3\n')
        (text / "again.prom").write_text(good.replace("good 1", "good 2"))
        (text / "ours.prom").write_text("node_load1 99\nnode_textfile_scrape_error 7\n")
        (text / "time.prom").write_text("stamped 1 1700000000000\n")
        (text / "late.prom").write_text("stamped 1 soon\n")
        (text / "cut.prom").write_text('cut{a="\n')
        (text / "nul.prom").write_bytes(b"\0" * 5000)
        agent = self.exporter(AGENT, f"--collector.textfile.directory={text}")
        page = self.page(agent)
        self.assertIn("\nnode_textfile_scrape_error 1\n", page)
        self.assertIn("\nbeside 3\n", page)
        self.assertEqual(re.findall(r"^(?:good|twice|stamped|cut)\b.*", page, re.M), ["good 2", 'twice{a="1",b="2"} 1'])
        for file in ("twice", "good", "ours", "time", "late", "cut", "nul", "pipe", "directory", "nowhere"):
            self.assertIn(str(text / f"{file}.prom"), agent.output())
        self.assertEqual(len(re.findall(r"^node_load1 (?!99)", page, re.M)), 1)
        self.assertNotIn("\nnode_load1 99", page)
        self.assertIn("two collectors have a series in common", agent.output())
        lint(page)
        for file in ("twice", "good", "ours", "time", "late", "cut", "nul", "pipe", "nowhere"):
            (text / f"{file}.prom").unlink()
        (text / "directory.prom").rmdir()
        self.assertIn("\nnode_textfile_scrape_error 0\n", self.page(agent))

    def test_unknown_collectors(self):
        agent = self.exporter(AGENT)
        self.assertEqual(fetch(agent.url + "?collect[]=nosuch")[::2],
                         (400, "Couldn't create filtered metrics handler: missing collector: nosuch"))
        self.assertEqual(fetch(agent.url + "?collect[]=loadavg")[0], 200)
        done = subprocess.run([AGENT, "--collector.meminf"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("did you mean --collector.meminfo?", done.stderr)

    def test_a_line_of_the_counters_file_that_does_not_parse(self):
        counters = self.stack.dir / "counters.csv"
        counters.write_text("# Format\nDCGM_FI_DEV_GPU_TEMP, gauge, Temperature.\nDCGM_FI_DEV_NOSUCH, gauge, ?\nDCGM_FI_DEV_SM_CLOCK\n\0\n")
        config = self.stack.dir / "fake-nvml"
        config.write_text("gpus 1\n")
        port = free_port()
        self.exporter(AGENT, f"--gpu.listen-address=127.0.0.1:{port}", f"--nvml.library={FAKE_NVML}", f"-f={counters}",
                      "--gpu.collect-interval=0s", env={"FAKE_NVML_CONFIG": str(config)})
        url = f"http://127.0.0.1:{port}/metrics"
        page = wait_for("GPUs", lambda: "DCGM_FI_DEV_GPU_TEMP{" in (p := fetch(url)[2]) and p)
        self.assertRegex(page, r"\nslurmscope_agent_gpu_counters_file_problems [1-9]")
        log = self.stack.programs[-1].output()
        for line in (3, 4, 5):
            self.assertRegex(log, rf'file={counters} err="line {line}: ')


if __name__ == "__main__":
    need_peers("prometheus", "promtool", "prometheus-node-exporter")
    main()
