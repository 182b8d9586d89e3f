#!/usr/bin/env python3
"""The agent's page of the GPUs, as a program, on the fake driver."""
import os
import pathlib
import re
import socket
import subprocess
import unittest

from stack import AGENT, PEERS, ROOT, Program, Stack, fetch, free_port, wait_for

FAKE = os.environ.get("FAKE_NVML", str(ROOT / "build/dev/test/fake_nvml/new/libnvidia-ml.so.1"))


class Gpu(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.config = self.stack.dir / "config"
        self.config.write_text("gpus 2\n0.field.82 50\n0.gpm.1 50\n")
        self.node, self.gpu = free_port(), free_port()
        self.program = Program(
            [AGENT, f"--web.listen-address=127.0.0.1:{self.node}", f"--gpu.listen-address=127.0.0.1:{self.gpu}",
             f"--nvml.library={FAKE}", "--collector.disable-defaults", "--collector.nvidia_gpu",
             "--collector.loadavg", "--gpu.collect-interval=0s", "--gpu.hostname-label=both"],
            self.stack.dir / "agent.log", {"FAKE_NVML_CONFIG": str(self.config), "NODE_NAME": "n1"})
        self.stack.programs.append(self.program)

    def page(self, port):
        return fetch(f"http://127.0.0.1:{port}/metrics")[2]

    def test_both_pages(self):
        text = wait_for("the GPUs", lambda: (t := self.page(self.gpu)).count("DCGM_FI_DEV_GPU_TEMP{") == 2 and t)
        self.assertIn('Hostname="n1",hostname="n1"', text)
        self.assertNotIn("node_", text)
        wait_for("GPUs on the node page", lambda: "DCGM_FI_DEV_GPU_TEMP{" in self.page(self.node))
        self.assertEqual(fetch(f"http://127.0.0.1:{self.gpu}/health")[0], 200)
        self.assertEqual(fetch(f"http://127.0.0.1:{self.gpu}/gpu/pause", data={"for": "1m"})[0], 403)
        promtool = PEERS / "promtool"
        if promtool.exists():
            lint = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
            # DCGM's own names are what these are about; anything else is ours.
            known = re.compile(r"snake_case|^DCGM_\w+ (counter metrics should|metric name should not)")
            self.assertEqual([x for x in lint.stderr.splitlines() if not known.search(x)], [])

    def test_in_the_place_of_dcgm_exporter(self):
        name = self.stack.dir / "dcgm-exporter"
        name.symlink_to(AGENT)
        for host, warns in (("127.0.0.1", False), ("", True)):
            port = free_port()
            program = Program([name, "-a", f"{host}:{port}"], self.stack.dir / f"dcgm{warns}.log",
                              {"FAKE_NVML_CONFIG": str(self.config), "LD_LIBRARY_PATH": str(pathlib.Path(FAKE).parent)})
            self.stack.programs.append(program)
            wait_for("its page", lambda: "DCGM_FI_DEV_GPU_TEMP{" in self.page(port))
            self.assertEqual("open to the network" in program.output(), warns, program.output())

    def test_on_a_socket_of_systemd(self):
        name = self.stack.dir / "dcgm-exporter"
        name.symlink_to(AGENT)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            fd, port = listening.fileno(), listening.getsockname()[1]
            command = f"export LISTEN_PID=$$ LISTEN_FDS=1; exec {name} --web-systemd-socket 3<&{fd}"
            self.stack.programs.append(Program(
                ["sh", "-c", command], self.stack.dir / "socket.log",
                {"FAKE_NVML_CONFIG": str(self.config), "LD_LIBRARY_PATH": str(pathlib.Path(FAKE).parent)}, pass_fds=[fd]))
        wait_for("its page", lambda: "DCGM_FI_DEV_GPU_TEMP{" in self.page(port))
        done = subprocess.run([name, "--web-systemd-socket"], capture_output=True, text=True, timeout=30)
        self.assertIn("systemd handed over no socket", done.stderr + done.stdout)

    def test_a_hung_driver_does_not_delay_the_node_page(self):
        wait_for("the GPUs", lambda: "DCGM_FI_DEV_GPU_TEMP{" in self.page(self.gpu))
        self.config.write_text("gpus 2\ndelay.nvmlDeviceGetTemperature 20000\n")
        self.page(self.node)
        wait_for("stuck seen", lambda: "slurmscope_agent_gpu_driver_stuck_seconds" in self.page(self.node))
        self.assertIn("node_load1 ", self.page(self.node))


if __name__ == "__main__":
    unittest.main()
