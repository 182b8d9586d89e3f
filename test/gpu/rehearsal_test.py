#!/usr/bin/env python3
"""Rehearses check.py from end to end on a fake driver, a fake CUDA and a fake nvidia-smi."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
AGENT = os.environ.get("SLURMSCOPE_AGENT", str(ROOT / "build/dev/slurmscope-agent"))
NVML = pathlib.Path(os.environ.get("FAKE_NVML", ROOT / "build/dev/test/fake_nvml/new/libnvidia-ml.so.1"))

IDLE = """gpus 1
0.links 18
0.util 0
0.power_mw 75000
0.field.3 0
0.field.4 0
0.field.5 0
0.field.6 0
0.field.38 0
0.field.45 0
0.field.52 0
0.field.59 0
0.field.74 0
0.field.75 0
0.field.82 40
0.field.83 @75000
0.field.138 0
0.field.139 0
0.field.142 0
0.field.143 0
0.field.144 0
0.field.145 0
0.gpm.1 0.1
0.gpm.2 0
0.gpm.3 0
0.gpm.5 0
0.gpm.10 0.1
0.gpm.11 0
0.gpm.12 0
0.gpm.13 0
0.gpm.20 0
0.gpm.21 @
"""
BUSY = {"fma": "0.util 100\n0.gpm.1 99\n0.gpm.2 98\n0.gpm.12 85\n0.power_mw 500000\n0.field.83 @500000\n"
               "0.procs 4711:500000000\n",
        "tensor": "0.gpm.5 60\n", "copy": "0.gpm.10 90\n"}
SMI = r"""#!/usr/bin/env python3
import sys
values = {"memory.total": "143771", "memory.used": "1000", "memory.reserved": "600", "temperature.gpu": "45",
          "temperature.memory": "40", "power.draw.average": "75.00", "enforced.power.limit": "700.00", "clocks.sm": "1980",
          "clocks.mem": "3201", "pcie.link.gen.max": "5", "pcie.link.width.current": "16",
          "ecc.errors.uncorrected.aggregate.total": "[N/A]", "remapped_rows.uncorrectable": "0"}
if sys.argv[1] == "-q":
    print("<nvidia_smi_log><driver_version>550.90.07</driver_version><cuda_version>12.4</cuda_version></nvidia_smi_log>")
elif sys.argv[1] == "dmon":
    print("# gpu pwr\n  0  75")
else:
    print(values[sys.argv[1].removeprefix("--query-gpu=")])
"""
# What a busy machine may make differ: these depend on how long things take.
TIMED = ("bytes over PCIe", "by energy", "memory grown by")


class Rehearsal(unittest.TestCase):
    def check(self, config, *flags, **env):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            place = pathlib.Path(folder)
            (place / "config").write_text(config)
            for kind, lines in BUSY.items():
                (place / f"config.{kind}").write_text(lines)
            (place / "nvidia-smi").write_text(SMI)
            (place / "nvidia-smi").chmod(0o755)
            done = subprocess.run(
                [sys.executable, HERE / "check.py", AGENT, "--unit=0.1", f"--out={place}/out.json", *flags],
                capture_output=True, text=True, timeout=280,
                env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "FAKE_NVML_CONFIG": f"{folder}/config",
                     "NVML_LIBRARY": str(NVML), "CUDA_LIBRARY": str(NVML.parent / "libcuda.so.1"), "NVML_CALLS": "50",
                     "PYTHONDONTWRITEBYTECODE": "1", **env})
            out = place / "out.json"
            return done, json.loads(out.read_text()) if out.exists() else {}

    def test_all_seven_checks(self):
        done, seen = self.check(IDLE)
        told = done.stdout + done.stderr
        self.assertEqual([f"{n} " for n in range(1, 8)], [key[:2] for key in seen if key[:1].isdigit()], told)
        differs = [line for line in re.findall("^DIFFERS (.*)", told, re.M) if not any(t in line for t in TIMED)]
        self.assertEqual(differs, [], told)
        self.assertNotIn("broke off", told)
        self.assertIn("as root" if os.getuid() == 0 else "as user", told)
        self.assertRegex(told, r"agent, 10 Hz +\{'kind': 'launch', 'count': [1-9]")
        self.assertEqual(done.returncode, 1 if "DIFFERS" in told else 0, told)

    def test_what_is_wrong_is_said(self):
        wrong = IDLE + "rc.nvmlGpmSampleGet 4\nrc.nvmlDeviceRegisterEvents 4\n0.temp 80\n"
        done, _ = self.check(wrong, "--unit=0.02", CUDA_LIBRARY="/none.so")
        told = done.stdout + done.stderr
        self.assertEqual(done.returncode, 1, told)
        for line in ("DIFFERS XID events can be asked for", "DIFFERS DCGM_FI_DEV_GPU_TEMP gpu 0: ours 80.0, nvidia-smi 45",
                     "DIFFERS profiling without DCGM", "DIFFERS load fma does not start"):
            self.assertIn(line, told)

    def test_without_a_gpu(self):
        done, _ = self.check(IDLE, NVML_LIBRARY="/none.so")
        self.assertEqual(done.returncode, 77, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
