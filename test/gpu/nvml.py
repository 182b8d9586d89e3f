"""NVIDIA's library called without the agent: nvml.py WHAT [AGENT], prints what it saw as JSON. Changes nothing on the GPU.

What: calls (how long each takes, 1000 times; what it answers), fields (which field ids the GPU has), cycles (1000 times open and
closed: what stays behind), open (how long the first calls take). Run it as root and as nobody: results differ where a right is needed.
"""
import ctypes
import json
import os
import pathlib
import re
import sys
import time

COUNT = int(os.environ.get("NVML_CALLS", "1000"))
BATCH = [82, 83, 142, 143, 144, 145, 3, 4, 5, 6, 38, 45, 52, 59, 74, 75, 76, 186, 138, 139]
XID_EVENTS = ctypes.c_uint64(8)
u32, u64, pointer = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p


class FieldValue(ctypes.Structure):
    _fields_ = [("field", u32), ("scope", u32), ("timestamp", ctypes.c_int64), ("latency", ctypes.c_int64), ("type", u32),
                ("result", ctypes.c_int32), ("value", u64)]


class GpmMetric(ctypes.Structure):
    _fields_ = [("id", u32), ("result", ctypes.c_int32), ("value", ctypes.c_double), ("names", pointer * 3)]


class GpmMetrics(ctypes.Structure):
    _fields_ = [("version", u32), ("count", u32), ("first", pointer), ("second", pointer), ("metrics", GpmMetric * 333)]


class Memory(ctypes.Structure):
    _fields_ = [("version", u32), ("total", u64), ("reserved", u64), ("free", u64), ("used", u64)]


def library(variable, name):
    """The library named by the variable, or where the loader or a container has it."""
    places = [os.environ[variable]] if variable in os.environ else [name, f"/usr/local/nvidia/lib64/{name}"]
    for place in places:
        try:
            return ctypes.CDLL(place)
        except OSError as error:
            why = error
    sys.exit(str(why))


class Nvml:
    def __init__(self):
        self.lib = library("NVML_LIBRARY", "libnvidia-ml.so.1")
        self.init()
        self.device = pointer()
        self.must("nvmlDeviceGetHandleByIndex_v2", 0, ctypes.byref(self.device))

    def init(self):
        self.must("nvmlInit_v2")

    def must(self, name, *args):
        result = getattr(self.lib, name)(*args)
        if result != 0:
            sys.exit(f"{name}: result {result}")

    def has(self, name):
        return hasattr(self.lib, name)


def all_calls(nvml):
    """(name, call) of what the agent calls for a page, each with memory of its own."""
    lib, d, number, both, mask = nvml.lib, nvml.device, u32(), (u32 * 2)(), u64()
    values = (FieldValue * len(BATCH))(*[FieldValue(field, 0xFFFFFFFF if field in (138, 139) else 0) for field in BATCH])
    memory = Memory(version=0x2000028)
    processes = ctypes.create_string_buffer(24 * 64)
    ref = ctypes.byref
    calls = [
        (f"nvmlDeviceGetFieldValues of {len(BATCH)}", lambda: lib.nvmlDeviceGetFieldValues(d, len(BATCH), values)),
        ("nvmlDeviceGetMemoryInfo_v2", lambda: lib.nvmlDeviceGetMemoryInfo_v2(d, ref(memory))),
        ("nvmlDeviceGetUtilizationRates", lambda: lib.nvmlDeviceGetUtilizationRates(d, both)),
        ("nvmlDeviceGetEncoderUtilization", lambda: lib.nvmlDeviceGetEncoderUtilization(d, ref(number), both)),
        ("nvmlDeviceGetDecoderUtilization", lambda: lib.nvmlDeviceGetDecoderUtilization(d, ref(number), both)),
        ("nvmlDeviceGetTemperature", lambda: lib.nvmlDeviceGetTemperature(d, 0, ref(number))),
        ("nvmlDeviceGetPowerUsage", lambda: lib.nvmlDeviceGetPowerUsage(d, ref(number))),
        ("nvmlDeviceGetEnforcedPowerLimit", lambda: lib.nvmlDeviceGetEnforcedPowerLimit(d, ref(number))),
        ("nvmlDeviceGetClockInfo", lambda: lib.nvmlDeviceGetClockInfo(d, 1, ref(number))),
        ("nvmlDeviceGetPcieReplayCounter", lambda: lib.nvmlDeviceGetPcieReplayCounter(d, ref(number))),
        ("nvmlDeviceGetCurrentClocksEventReasons", lambda: lib.nvmlDeviceGetCurrentClocksEventReasons(d, ref(mask))),
        ("nvmlDeviceGetComputeRunningProcesses_v3",
         lambda: lib.nvmlDeviceGetComputeRunningProcesses_v3(d, ref(u32(64)), processes)),
        ("nvmlDeviceGetMigMode", lambda: lib.nvmlDeviceGetMigMode(d, both, ref(number))),
        ("nvmlDeviceGetTemperatureThreshold", lambda: lib.nvmlDeviceGetTemperatureThreshold(d, 1, ref(number))),
        ("nvmlDeviceGetNvLinkErrorCounter", lambda: lib.nvmlDeviceGetNvLinkErrorCounter(d, 0, 0, ref(mask))),
        ("nvmlDeviceGetNvLinkState", lambda: lib.nvmlDeviceGetNvLinkState(d, 0, ref(number))),
    ]
    return calls + gpm_calls(nvml)


def gpm_calls(nvml):
    lib, d = nvml.lib, nvml.device
    if not nvml.has("nvmlGpmSampleAlloc"):
        return []
    support = (u32 * 2)(1, 0)
    get = GpmMetrics(version=1, count=16)
    for place, metric in enumerate([1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 20, 21, 60, 61]):
        get.metrics[place].id = metric
    first, second = pointer(), pointer()
    nvml.must("nvmlGpmSampleAlloc", ctypes.byref(first))
    nvml.must("nvmlGpmSampleAlloc", ctypes.byref(second))
    lib.nvmlGpmSampleGet(d, first)
    time.sleep(0.2)
    lib.nvmlGpmSampleGet(d, second)
    get.first, get.second = first, second
    third = pointer()
    nvml.must("nvmlGpmSampleAlloc", ctypes.byref(third))
    return [("nvmlGpmQueryDeviceSupport", lambda: lib.nvmlGpmQueryDeviceSupport(d, support)),
            ("nvmlGpmSampleGet", lambda: lib.nvmlGpmSampleGet(d, third)),
            ("nvmlGpmMetricsGet of 16", lambda: lib.nvmlGpmMetricsGet(ctypes.byref(get)))]


def calls():
    nvml, out = Nvml(), {}
    for name, call in all_calls(nvml):
        if not nvml.has(name.split()[0]):
            out[name] = {"missing": True}
            continue
        result, times = call(), []
        for _ in range(COUNT if result == 0 else 1):
            begin = time.perf_counter_ns()
            call()
            times.append((time.perf_counter_ns() - begin) / 1e3)
        times.sort()
        out[name] = {"result": result, "p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100], "max": times[-1]}
    events = pointer()
    nvml.must("nvmlEventSetCreate", ctypes.byref(events))
    out["XID events"] = {"result": nvml.lib.nvmlDeviceRegisterEvents(nvml.device, XID_EVENTS, events)}
    nvml.lib.nvmlEventSetFree(events)
    return out


def fields():
    """Results of field ids by themselves: a batch may be refused as a whole."""
    nvml, out = Nvml(), {}
    for field in range(1, 300):
        value = (FieldValue * 1)(FieldValue(field, 0))
        result = nvml.lib.nvmlDeviceGetFieldValues(nvml.device, 1, value)
        result = result or value[0].result
        out.setdefault(str(result), []).append(field)
    return out


def own(key):
    text = pathlib.Path("/proc/self/status").read_text()
    found = re.search(rf"^{key}:\s*(\d+)", text, re.M)
    return int(found.group(1)) if found else 0


def cycles():
    nvml = Nvml()
    nvml.must("nvmlShutdown")
    seen = []
    for i in range(COUNT + 1):
        nvml.init()
        nvml.must("nvmlShutdown")
        if i % max(COUNT // 10, 1) == 0:
            seen.append({"cycles": i, "rss_kb": own("VmRSS"), "threads": own("Threads"), "fds": len(os.listdir("/proc/self/fd"))})
    return seen


def first_calls():
    begin = time.perf_counter()
    nvml = Nvml()
    opened = time.perf_counter()
    nvml.lib.nvmlDeviceGetPowerUsage(nvml.device, ctypes.byref(u32()))
    return {"open_ms": (opened - begin) * 1e3, "first_call_ms": (time.perf_counter() - opened) * 1e3,
            "rss_kb": own("VmRSS"), "threads": own("Threads")}


def bound_by(agent):
    """Functions of the library whose names stand in the agent."""
    return sorted({name.decode() for name in re.findall(rb"\bnvml[A-Z]\w+", pathlib.Path(agent).read_bytes())})


def symbols(agent):
    nvml = Nvml()
    names = bound_by(agent)
    return {"bound": len(names), "missing": [name for name in names if not nvml.has(name)]}


def main():
    what = sys.argv[1]
    done = symbols(sys.argv[2]) if what == "symbols" else \
        {"calls": calls, "fields": fields, "cycles": cycles, "open": first_calls}[what]()
    print(json.dumps(done))


if __name__ == "__main__":
    main()
