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


class GpusOfJobs(unittest.TestCase):
    """GPU 0 has two instances, GPUs 1 and 2 have each other's minor number. Jobs by a made cgroup tree and /proc."""

    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.root = self.stack.dir
        self.write("config", "gpus 3\n0.minor 0\n1.minor 2\n2.minor 1\n"
                   "0.mig.0 1 1g.18gb 16000 100\n0.mig.1 2 1g.18gb 16000 100\n")
        self.write("cgroup/cgroup.controllers", "")
        # Slurm's second number is the second instance by NVML's order, the third GPU 1.
        self.job("7", "41", "SLURM_JOB_GPUS=1\0CUDA_VISIBLE_DEVICES=MIG-00000000-1\0")
        self.job("8", "42", "SLURM_JOB_GPUS=2\0CUDA_VISIBLE_DEVICES=0\0")
        self.job("9", "43", "SLURM_STEP_GPUS=0\0")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def job(self, job, pid, environ):
        path = f"cgroup/system.slice/slurmstepd.scope/job_{job}"
        self.write(f"{path}/cpu.stat", "usage_usec 1\n")
        self.write(f"{path}/step_batch/user/task_0/cgroup.procs", f"{pid}\n")
        self.write(f"proc/{pid}/cmdline", "python")
        self.write(f"proc/{pid}/status", f"Uid:\t200{pid}\t200{pid}\n")
        self.write(f"proc/{pid}/environ", f"SLURM_JOB_ID={job}\0{environ}")

    def start(self, *flags):
        self.port, self.gpu = free_port(), free_port()
        self.stack.programs.append(Program(
            [AGENT, f"--web.listen-address=127.0.0.1:{self.port}", f"--gpu.listen-address=127.0.0.1:{self.gpu}",
             f"--nvml.library={FAKE}", "--collector.disable-defaults", "--collector.slurm_job",
             "--gpu.collect-interval=0s", f"--path.procfs={self.root}/proc",
             f"--collector.slurm_job.cgroup-root={self.root}/cgroup", *flags],
            self.stack.dir / "agent.log", {"FAKE_NVML_CONFIG": str(self.root / "config")}))

    def owned(self):
        """job -> (GPU, instance, minor number, UUID, user)"""
        page = fetch(f"http://127.0.0.1:{self.port}/metrics")[2]
        return {job: (gpu, instance, minor, uuid, user) for instance, job, minor, gpu, user, uuid in re.findall(
            r'^nvidia_gpu_jobId\{GPU_I_ID="(\d*)",jobid="(\d+)",minor_number="(\d+)",name="[^"]*",ordinal="(\d+)",'
            r'userid="(\d*)",uuid="([^"]*)"\} \2$', page, re.M)}

    def labels(self):
        page = fetch(f"http://127.0.0.1:{self.gpu}/metrics")[2]
        return set(re.findall(r'^DCGM_FI_DEV_GPU_TEMP\{gpu="(\d)".*?(?:GPU_I_ID="(\d+)".*)?hpc_job="(\d+)"', page, re.M))

    INSTANCE = ("0", "2", "0", "MIG-00000000-1", "20041")

    def test_minor_numbers(self):
        self.start()
        wait_for("jobs", lambda: self.owned() == {"7": self.INSTANCE, "8": ("1", "", "2", "GPU-00000001", "20042")})

    def test_the_order_of_the_driver(self):
        self.start("--collector.slurm_job.gpu-numbers=nvml", "--gpu.hpc-job")
        wait_for("jobs", lambda: self.owned() == {"7": self.INSTANCE, "8": ("1", "", "2", "GPU-00000001", "20042")})
        wait_for("labels", lambda: self.labels() == {("0", "2", "7"), ("1", "", "8")})

    def test_the_order_of_gres_conf(self):
        self.start("--collector.slurm_job.gpu-numbers=0,2,1")
        wait_for("jobs", lambda: self.owned() == {"7": self.INSTANCE, "8": ("2", "", "1", "GPU-00000002", "20042")})

    def test_the_mapping_directory_is_all_that_counts(self):
        self.write("map/0.1", "9\n")
        self.write("map/2", "8\nnot a number\n")
        self.start(f"--hpc-job-mapping-dir={self.root}/map")
        wait_for("jobs", lambda: self.owned() == {
            "9": ("0", "1", "0", "MIG-00000000-0", "20043"), "8": ("2", "", "1", "GPU-00000002", "20042")})
        page = fetch(f"http://127.0.0.1:{self.port}/metrics")[2]
        self.assertEqual(sorted(re.findall(r"^cgroup_gpu_info\{(.*)\}", page, re.M)),
                         ['jobid="8",minor_number="1"', 'jobid="9",uuid="MIG-00000000-0"',
                          'jobid="not a number",minor_number="1"'])


if __name__ == "__main__":
    unittest.main()
