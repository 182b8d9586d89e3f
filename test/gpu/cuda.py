"""A load for a GPU of NVIDIA through the driver's own library: cuda.py KIND SECONDS, prints what it did as JSON.

Kinds: fma (arithmetic in registers), tensor (matrix units), copy (memory of the GPU), push (host to GPU over PCIe), launch (times
launches of an empty kernel).
"""
import array
import ctypes
import gc
import json
import sys
import time

from nvml import library

# Without loops that the compiler could see through: each thread's result depends on all of its steps, and is stored.
PTX = b"""
.version 7.0
.target sm_80
.address_size 64

.visible .entry nothing() { ret; }

.visible .entry fma(.param .u64 out, .param .u32 steps)
{
  .reg .pred p;
  .reg .u32 i, n, t, b, d;
  .reg .u64 a, o;
  .reg .f32 x<8>, k;
  ld.param.u32 n, [steps];
  ld.param.u64 o, [out];
  mov.u32 t, %tid.x;
  mov.u32 b, %ctaid.x;
  mov.u32 d, %ntid.x;
  mad.lo.u32 t, b, d, t;
  cvt.rn.f32.u32 k, t;
  mov.f32 x0, k; mov.f32 x1, k; mov.f32 x2, k; mov.f32 x3, k;
  mov.f32 x4, k; mov.f32 x5, k; mov.f32 x6, k; mov.f32 x7, k;
  mov.u32 i, 0;
again:
  fma.rn.f32 x0, x0, k, x0; fma.rn.f32 x1, x1, k, x1;
  fma.rn.f32 x2, x2, k, x2; fma.rn.f32 x3, x3, k, x3;
  fma.rn.f32 x4, x4, k, x4; fma.rn.f32 x5, x5, k, x5;
  fma.rn.f32 x6, x6, k, x6; fma.rn.f32 x7, x7, k, x7;
  add.u32 i, i, 1;
  setp.lt.u32 p, i, n;
  @p bra again;
  add.f32 x0, x0, x1; add.f32 x2, x2, x3; add.f32 x4, x4, x5; add.f32 x6, x6, x7;
  add.f32 x0, x0, x2; add.f32 x4, x4, x6; add.f32 x0, x0, x4;
  mul.wide.u32 a, t, 4;
  add.u64 o, o, a;
  st.global.f32 [o], x0;
  ret;
}

.visible .entry tensor(.param .u64 out, .param .u32 steps)
{
  .reg .pred p;
  .reg .u32 i, n, t, b, d;
  .reg .b32 h<6>;
  .reg .u64 a, o;
  .reg .f32 x<4>, y<4>;
  ld.param.u32 n, [steps];
  ld.param.u64 o, [out];
  mov.u32 t, %tid.x;
  mov.u32 b, %ctaid.x;
  mov.u32 d, %ntid.x;
  mad.lo.u32 t, b, d, t;
  mov.u32 h0, 1006648320; mov.u32 h1, t; mov.u32 h2, 1006648320;
  mov.u32 h3, 1006648320; mov.u32 h4, 1006648320; mov.u32 h5, 1006648320;
  mov.f32 x0, 0f00000000; mov.f32 x1, 0f00000000; mov.f32 x2, 0f00000000; mov.f32 x3, 0f00000000;
  mov.f32 y0, 0f00000000; mov.f32 y1, 0f00000000; mov.f32 y2, 0f00000000; mov.f32 y3, 0f00000000;
  mov.u32 i, 0;
again:
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {x0, x1, x2, x3}, {h0, h1, h2, h3}, {h4, h5}, {x0, x1, x2, x3};
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {y0, y1, y2, y3}, {h0, h1, h2, h3}, {h4, h5}, {y0, y1, y2, y3};
  add.u32 i, i, 1;
  setp.lt.u32 p, i, n;
  @p bra again;
  add.f32 x0, x0, y0; add.f32 x1, x1, y1; add.f32 x2, x2, y2; add.f32 x3, x3, y3;
  add.f32 x0, x0, x1; add.f32 x2, x2, x3; add.f32 x0, x0, x2;
  mul.wide.u32 a, t, 4;
  add.u64 o, o, a;
  st.global.f32 [o], x0;
  ret;
}

.visible .entry copy(.param .u64 to, .param .u64 from, .param .u64 vectors)
{
  .reg .pred p;
  .reg .u32 t, b, d, g, v<4>;
  .reg .u64 i, n, step, a, s, r, w;
  ld.param.u64 w, [to];
  ld.param.u64 r, [from];
  ld.param.u64 n, [vectors];
  mov.u32 t, %tid.x;
  mov.u32 b, %ctaid.x;
  mov.u32 d, %ntid.x;
  mov.u32 g, %nctaid.x;
  mad.lo.u32 t, b, d, t;
  cvt.u64.u32 i, t;
  mul.wide.u32 step, g, d;
again:
  setp.ge.u64 p, i, n;
  @p bra done;
  shl.b64 a, i, 4;
  add.u64 s, r, a;
  ld.global.v4.u32 {v0, v1, v2, v3}, [s];
  add.u64 s, w, a;
  st.global.v4.u32 [s], {v0, v1, v2, v3};
  add.u64 i, i, step;
  bra again;
done:
  ret;
}
"""

BLOCKS, THREADS = 1056, 256
BUFFER = 1 << 30


class Cuda:
    """A context on one GPU. Every call that fails ends the program with its name and number."""

    def __init__(self, gpu=0):
        self.lib = library("CUDA_LIBRARY", "libcuda.so.1")
        self("cuInit", 0)
        device, context, module = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_void_p()
        self("cuDeviceGet", ctypes.byref(device), gpu)
        self("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self("cuCtxSetCurrent", context)
        self("cuModuleLoadData", ctypes.byref(module), PTX)
        self.module = module

    def __call__(self, name, *args):
        result = getattr(self.lib, name)(*args)
        if result != 0:
            sys.exit(f"{name}: error {result}")

    def kernel(self, name):
        function = ctypes.c_void_p()
        self("cuModuleGetFunction", ctypes.byref(function), self.module, name.encode())
        return function

    def memory(self, size):
        address = ctypes.c_uint64()
        self("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address

    def host_memory(self, size):
        address = ctypes.c_void_p()
        self("cuMemAllocHost_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address

    def launcher(self, name, blocks, threads, *params):
        """A function that launches the kernel; the parameters are kept for it."""
        function = self.kernel(name)
        pointers = (ctypes.c_void_p * max(len(params), 1))(*[ctypes.addressof(p) for p in params])
        launch = self.lib.cuLaunchKernel

        def go(_keep=params):
            if launch(function, blocks, 1, 1, threads, 1, 1, 0, None, pointers, None) != 0:
                sys.exit(f"launch of {name} failed")
        return go


def work(cuda, kind):
    """(what does one step, bytes it moves)"""
    if kind in ("fma", "tensor"):
        steps = 200_000 if kind == "fma" else 50_000
        return cuda.launcher(kind, BLOCKS, THREADS, cuda.memory(BLOCKS * THREADS * 4), ctypes.c_uint32(steps)), 0
    if kind == "copy":
        to, source = cuda.memory(BUFFER), cuda.memory(BUFFER)
        return cuda.launcher("copy", BLOCKS, THREADS, to, source, ctypes.c_uint64(BUFFER // 16)), 2 * BUFFER
    size = BUFFER // 4
    to, source = cuda.memory(size), cuda.host_memory(size)
    return lambda: cuda("cuMemcpyHtoD_v2", to, source, ctypes.c_size_t(size)), size


def load(kind, seconds):
    cuda = Cuda()
    step, size = work(cuda, kind)
    step()
    cuda("cuCtxSynchronize")
    print(json.dumps({"started": True}), flush=True)
    begin, steps = time.monotonic(), 0
    while time.monotonic() - begin < seconds:
        step()
        cuda("cuCtxSynchronize")
        steps += 1
    took = time.monotonic() - begin
    return {"kind": kind, "seconds": took, "steps": steps, "bytes_per_second": steps * size / took}


def launches(seconds):
    """Times from before a launch to its end, in microseconds, sorted."""
    cuda = Cuda()
    go = cuda.launcher("nothing", 1, 32)
    wait = cuda.lib.cuCtxSynchronize
    for _ in range(1000):
        go()
        wait()
    print(json.dumps({"started": True}), flush=True)
    gc.disable()
    times, now = array.array("d"), time.perf_counter_ns
    end = now() + int(seconds * 1e9)
    before = now()
    while before < end:
        go()
        wait()
        after = now()
        times.append((after - before) / 1e3)
        before = now()
    ordered = sorted(times)
    at = lambda share: ordered[min(int(len(ordered) * share), len(ordered) - 1)]  # noqa: E731
    return {"kind": "launch", "count": len(ordered), "p50": at(0.5), "p99": at(0.99), "p99.9": at(0.999),
            "p99.99": at(0.9999), "max": ordered[-1], "over 100 us": sum(t > 100 for t in ordered)}


def main():
    kind, seconds = sys.argv[1], float(sys.argv[2])
    print(json.dumps(launches(seconds) if kind == "launch" else load(kind, seconds)), flush=True)


if __name__ == "__main__":
    main()
