#!/usr/bin/env python3
"""The agent on a node of a real Slurm cluster: what it says of jobs against Slurm's accounting and the kernel's files.

Needs ../shared/testbed (SLURM_TESTBED names another one), Slurm's packages, root and namespaces; says skipped without.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from stack import AGENT, ROOT, wait_for

TESTBED = pathlib.Path(os.environ.get("SLURM_TESTBED", ROOT.parent / "shared/testbed/slurm-testbed"))
FAKE = os.environ.get("FAKE_NVML", str(ROOT / "build/dev/test/fake_nvml/new/libnvidia-ml.so.1"))


def missing():
    if not TESTBED.exists():
        return f"no {TESTBED}"
    if os.geteuid() != 0:
        return "not root"
    for program in ("slurmctld", "slurmd", "mariadbd", "munged", "curl"):
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            return f"no {program}"
    if subprocess.run(["unshare", "--mount", "--net", "--pid", "--cgroup", "--fork", "true"],
                      capture_output=True).returncode != 0:
        return "no namespaces"
    return ""


class Cluster:
    """Two nodes with four GPUs each; the agent runs on node1, among its processes."""

    def __init__(self, cgroup):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="slurmscope-cluster-"))
        self.dir.chmod(0o755)
        # A second of CPU time, however long that takes.
        self.burn = self.dir / "burn"
        self.burn.write_text("#!/usr/bin/python3\nimport time\nwhile time.process_time() < 1: pass\n")
        self.burn.chmod(0o755)
        self.up = subprocess.run([TESTBED, "up", "--nodes", "2", "--gpus", "4", "--dir", self.dir / "c", "--cgroup",
                                  cgroup], capture_output=True, text=True, timeout=180)

    def stop(self):
        subprocess.run([TESTBED, "down", "--dir", self.dir / "c"], capture_output=True, timeout=120)
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, host, command, user=None, check=True):
        who = ["--user", user] if user else []
        done = subprocess.run([TESTBED, "exec", "--dir", self.dir / "c", *who, host, "--", "bash", "-c", command],
                              capture_output=True, text=True, timeout=60)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def start_agent(self):
        (self.dir / "nvml").write_text("gpus 4\n" + "".join(f"{i}.minor {i}\n" for i in range(4)))
        # Of the node's own processes, so that it ends with the node.
        self.run("node1", f"FAKE_NVML_CONFIG={self.dir}/nvml setsid {AGENT} --web.listen-address=127.0.0.1:9100 "
                 f"--gpu.listen-address=127.0.0.1:9400 --job.listen-address=127.0.0.1:9306 --gpu.hpc-job --nvml.library={FAKE} "
                 f"--collector.disable-defaults --collector.slurm_job --gpu.collect-interval=0s "
                 f">{self.dir}/agent.log 2>&1 </dev/null &")
        wait_for("the agent", lambda: "cgroup" in self.page(9100) or "slurmscope" in self.page(9100))

    def page(self, port):
        return self.run("node1", f"curl -s http://127.0.0.1:{port}/metrics", check=False)

    def submit(self, flags, script, user="alice", before="true"):
        path = self.dir / "script.sh"
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
        return self.run("head", f"cd; {before}; sbatch --parsable -w node1 {flags} {path}", user).strip()

    def state(self, job):
        # "CANCELLED by 0" is one of them.
        return [line.split()[0] for line in self.run("head", f"sacct -nPX -j {job} -o state").splitlines() if line]

    def wait_ended(self, job, how_many=1):
        ended = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY"}
        wait_for(f"end of job {job}", lambda: len(s := self.state(job)) >= how_many and set(s) <= ended, 60, 0.3)

    def running(self, job):
        wait_for(f"start of job {job}", lambda: self.state(job) == ["RUNNING"], 60, 0.2)


def samples(page):
    """name -> {(jobid, step, task): value} of the families with these labels."""
    found = {}
    for name, labels, value in re.findall(r"^(\w+)\{(.*)\} (\S+)$", page, re.M):
        label = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if {"jobid", "step", "task"} <= label.keys():
            found.setdefault(name, {})[label["jobid"], label["step"], label["task"]] = float(value)
    return found


def cpu_seconds(text):
    """Of sacct: [[days-]hours:]minutes:seconds[.fraction]"""
    days, _, rest = text.rpartition("-")
    total = 0.0
    for part in rest.split(":"):
        total = total * 60 + float(part)
    return total + 86400 * int(days or 0)


class Jobs:
    CGROUP = ""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls.CGROUP)
        if cls.cluster.up.returncode != 0:
            cls.cluster.stop()
            raise unittest.SkipTest("no cluster: " + cls.cluster.up.stderr[-300:])
        try:
            cls.cluster.start_agent()
        except BaseException:
            cls.cluster.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def cpu(self, job, step="", task=""):
        return samples(self.cluster.page(9100)).get("cgroup_cpu_total_seconds", {}).get((job, step, task))

    def test_a_job_of_a_second_is_seen_after_its_end(self):
        job = self.cluster.submit("-n1", self.cluster.burn)
        self.cluster.wait_ended(job)
        whole, batch = self.cpu(job), self.cpu(job, "batch")
        self.assertIsNotNone(whole)
        self.assertGreater(whole, 0.99)
        self.assertLess(whole, 2)
        self.assertGreater(batch, 0.99)
        self.assertIn((job, "", ""), samples(self.cluster.page(9306))["cgroup_end_time_seconds"])

    def test_every_job_of_an_array_and_every_short_step(self):
        array = self.cluster.submit("-n1 --array=1-5", "sleep 0.3")
        steps = self.cluster.submit("-n2", "\n".join(["srun -n2 sh -c 'sleep 0.2'"] * 3 + [f"srun -n1 {self.cluster.burn}"]))
        self.cluster.wait_ended(array, 5)
        self.cluster.wait_ended(steps)
        ids = set(self.cluster.run("head", f"sacct -nPX -j {array} -o jobidraw").split())
        self.assertEqual(len(ids), 5)
        seen = samples(self.cluster.page(9100))["cgroup_cpu_total_seconds"]
        self.assertLessEqual(ids, {job for job, _, _ in seen})
        self.assertLessEqual({"", "batch", "0", "1", "2", "3"}, {s for j, s, _ in seen if j == steps})
        if self.CGROUP == "v1":
            self.assertEqual({t for j, s, t in seen if (j, s) == (steps, "1")}, {"", "0", "1"})
        self.assertGreater(seen[steps, "3", ""], 0.99)

    def test_accounting_says_the_same(self):
        job = self.cluster.submit("-n2", f"srun -n2 {self.cluster.burn}; {self.cluster.burn}")
        self.cluster.wait_ended(job)
        ours = self.cpu(job)
        lines = self.cluster.run("head", f"sacct -nP -j {job} -o totalcpu").split()
        slurm = cpu_seconds(lines[0])
        self.assertGreater(ours, 2.99)
        self.assertLess(abs(ours - slurm), 0.3, (ours, lines))

    def test_a_running_job_and_the_kernels_files(self):
        job = self.cluster.submit("-n1 --mem=200M --gres=gpu:2", "srun -n1 sleep 100")
        try:
            self.cluster.running(job)
            page = wait_for("step 0", lambda: (job, "0", "") in samples(p := self.cluster.page(9100)).get(
                "cgroup_cpu_total_seconds", {}) and "nvidia_gpu_jobId" in p and p)
            now = samples(page)
            self.assertIn(f'cgroup_uid{{jobid="{job}"}} 20001\n', page)
            wait_for("the name", lambda: f'cgroup_info{{jobid="{job}",uid="20001",username="alice"}} 1\n' in
                     self.cluster.page(9100))
            gpus = re.search(r"IDX:([\d,-]+)", self.cluster.run("head", f"scontrol -d show job {job}")).group(1)
            first, _, last = gpus.partition("-")
            minors = [str(i) for i in range(int(first), int(last or first) + 1)]
            owned = re.findall(rf'^nvidia_gpu_jobId\{{GPU_I_ID="",jobid="{job}",minor_number="(\d)".*\}} {job}$', page,
                               re.M)
            self.assertEqual(sorted(owned), minors)
            wait_for("hpc_job", lambda: sorted(re.findall(
                rf'^DCGM_FI_DEV_GPU_TEMP\{{gpu="(\d)".*hpc_job="{job}"\}}', self.cluster.page(9400), re.M)) == minors)
            if self.CGROUP == "v1":
                path = f"/sys/fs/cgroup/memory/slurm_node1/uid_20001/job_{job}"
                limit, peak = self.cluster.run(
                    "node1", f"cat {path}/memory.limit_in_bytes {path}/memory.max_usage_in_bytes").split()
                self.assertEqual(now["cgroup_memory_total_bytes"][job, "", ""], float(limit))
                self.assertLessEqual(now["cgroup_memory_peak_bytes"][job, "", ""], float(peak))
                self.assertGreater(now["cgroup_memory_used_bytes"][job, "", ""], 0)
            self.assertEqual(now["cgroup_exporter_collect_error"][job, "", ""], 0)
        finally:
            self.cluster.run("head", f"scancel {job}")
        self.cluster.wait_ended(job)
        wait_for("its GPUs are free", lambda: "nvidia_gpu_jobId{" not in self.cluster.page(9100))

    def test_gpus_of_the_job_it_was_submitted_in_are_not_its_own(self):
        job = self.cluster.submit("-n1", "srun -n1 sleep 100", before="export SLURM_STEP_GPUS=3 SLURM_JOB_GPUS=3")
        try:
            wait_for("step 0", lambda: self.cpu(job, "0") is not None)
            time.sleep(1)
            page = self.cluster.page(9306)
            self.assertIn(f'cgroup_uid{{jobid="{job}"}}', page)
            self.assertNotIn(f'cgroup_gpu_info{{jobid="{job}"', page)
        finally:
            self.cluster.run("head", f"scancel {job}")

    def test_a_process_killed_for_memory(self):
        if self.CGROUP != "v1":
            self.skipTest("this machine's v2 has no memory controller")
        job = self.cluster.submit("-n1 --mem=60M", "srun -n1 python3 -c 'x = bytearray(400 << 20)'; true")
        self.cluster.wait_ended(job)
        now = samples(self.cluster.page(9306))["cgroup_memory_oom_kills_total"]
        self.assertEqual([now[job, step, ""] for step in ("", "0", "batch")], [1, 1, 0])


REASON = missing()


@unittest.skipIf(REASON, REASON)
class CgroupV1(Jobs, unittest.TestCase):
    CGROUP = "v1"


@unittest.skipIf(REASON, REASON)
class CgroupV2(Jobs, unittest.TestCase):
    CGROUP = "v2"


if __name__ == "__main__":
    if REASON:
        print("skipped:", REASON)
        sys.exit(77)
    unittest.main()
