// Plausible answers for the page while developing; the real answers come from the head node program.

const NODES = ["gpu-01", "gpu-02", "cpu-01", "cpu-02"];

function noise(seed, t) {
  const x = Math.sin(seed * 127.1 + Math.floor(t / 90) * 311.7) * 43758.5453;
  return x - Math.floor(x);
}

function smooth(seed, t) {
  return 0.5 + 0.32 * Math.sin(t / (2600 + seed * 170) + seed) + 0.14 * Math.sin(t / 430 + seed * 3) + 0.06 * (noise(seed, t) - 0.5);
}

function gpuLabels(name) {
  return ["gpu-01", "gpu-02"].flatMap((node) =>
    [0, 1, 2, 3].map((gpu) => ({
      __name__: name, instance: `${node}:9400`, job: "dcgm_exporter", gpu: String(gpu), Hostname: node,
      UUID: `GPU-${node}-${gpu}`, modelName: "NVIDIA H100 80GB HBM3",
    })),
  );
}

const nodeLabels = (name) => NODES.map((node) => ({ __name__: name, instance: `${node}:9100`, job: "slurm_nodes" }));
const withoutName = (labels) => labels.map(({ instance }) => ({ instance }));

function family(expr) {
  if (/nothing_here/.test(expr)) return [[], () => 0];
  if (/FB_(USED|FREE)/.test(expr)) return [gpuLabels("DCGM_FI_DEV_FB_USED"), (i, t) => 81559 * smooth(i, t)];
  if (/TEMP/.test(expr)) return [gpuLabels("DCGM_FI_DEV_GPU_TEMP"), (i, t) => 38 + 40 * smooth(i, t)];
  if (/POWER/.test(expr)) return [gpuLabels("DCGM_FI_DEV_POWER_USAGE"), (i, t) => 90 + 600 * smooth(i, t)];
  if (/DCGM/.test(expr)) return [gpuLabels("DCGM_FI_DEV_GPU_UTIL"), (i, t) => Math.round(Math.min(100, 112 * smooth(i, t)))];
  if (/idle/.test(expr)) return [withoutName(nodeLabels("")), (i, t) => 100 * smooth(i, t)];
  if (/memory/i.test(expr)) return [nodeLabels("").map(({ instance, job }) => ({ instance, job })), (i, t) => 5.4e11 * smooth(i, t)];
  if (/^sum\(/.test(expr)) return [[{}], () => 4];
  if (/many/.test(expr)) return [Array.from({ length: 300 }, (_, i) => ({ __name__: "many", id: String(i) })), (i, t) => i + smooth(i, t)];
  if (/^[\d\s+*/.()-]+$/.test(expr)) return [[{}], () => 2];
  return [nodeLabels("up"), () => 1];
}

/** Range answer; one series has a hole, so that gaps are seen. */
export function queryRange(expr, start, end, step) {
  const [labels, value] = family(expr);
  return labels.map((metric, index) => {
    const values = [];
    for (let t = start; t <= end; t += step) {
      const hole = index === 2 && t > start + (end - start) * 0.45 && t < start + (end - start) * 0.52;
      if (!hole) values.push([t, String(Number(value(index, t).toPrecision(6)))]);
    }
    return { metric, values };
  });
}

export function queryInstant(expr, time) {
  const [labels, value] = family(expr);
  return labels.map((metric, index) => ({ metric, value: [time, String(Number(value(index, time).toPrecision(6)))] }));
}

export const METRICS = ["up", "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_GPU_TEMP", "node_cpu_seconds_total", "node_memory_MemTotal_bytes"];

export function targets() {
  const scraped = new Date(Date.now() - 4200).toISOString();
  const one = (pool, address, health, extra = {}) => ({
    discoveredLabels: { __address__: address, job: pool }, labels: { instance: address, job: pool }, scrapePool: pool,
    scrapeUrl: `http://${address}/metrics`, globalUrl: `http://${address}/metrics`, lastError: "", lastScrape: scraped,
    lastScrapeDuration: 0.0123, health, scrapeInterval: "15s", scrapeTimeout: "10s", ...extra,
  });
  return [
    one("prometheus", "localhost:9090", "up"),
    ...NODES.map((node, i) => one("slurm_nodes", `${node}:9100`, "up", { lastScrapeDuration: 0.006 + i / 400 })),
    one("dcgm_exporter", "gpu-01:9400", "up"),
    one("dcgm_exporter", "gpu-02:9400", "down", { lastError: 'Get "http://gpu-02:9400/metrics": connect: connection refused', lastScrapeDuration: 0.0007 }),
    one("dcgm_exporter", "gpu-03:9400", "unknown", { lastScrape: "0001-01-01T00:00:00Z", lastScrapeDuration: 0 }),
  ];
}

const panel = (title, type, x, y, w, h, expr, defaults = {}, more = {}) => ({
  title, type, gridPos: { x, y, w, h }, targets: [{ refId: "A", expr, ...(more.target ?? {}) }], fieldConfig: { defaults }, options: more.options ?? {}, description: more.description,
});

export function dashboards() {
  const time = { from: "now-6h", to: "now" };
  const stacked = { unit: "bytes", custom: { fillOpacity: 40, stacking: { mode: "normal" } } };
  const limits = { mode: "absolute", steps: [{ color: "green", value: null }, { color: "orange", value: 60 }, { color: "red", value: 80 }] };
  const all = [
    { uid: "gpu-monitoring", title: "GPU Monitoring", tags: ["gpu", "dcgm"], time, refresh: "5s", panels: [
      panel("GPU Utilization", "timeseries", 0, 0, 12, 8, "DCGM_FI_DEV_GPU_UTIL", { unit: "percent" }),
      panel("GPU Memory Usage", "timeseries", 12, 0, 12, 8, "DCGM_FI_DEV_FB_USED", { unit: "bytes" }),
    ] },
    { uid: "node-metrics", title: "Node Metrics", tags: ["node"], time, refresh: "5s", panels: [
      panel("CPU Usage", "timeseries", 0, 0, 12, 8, "100 - (avg by (instance) (irate(node_cpu_seconds_total{mode='idle'}[5m])) * 100)", { unit: "percent" }),
      panel("Memory Usage", "timeseries", 12, 0, 12, 8, "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes", { unit: "bytes" }),
    ] },
    { uid: "zoo", title: "Panel zoo", tags: ["test"], time, refresh: "", graphTooltip: 1,
      templating: { list: [
        { name: "node", type: "query", label: "Node", query: "label_values(up, instance)", multi: true, includeAll: true },
        { name: "window", type: "custom", label: "Window", query: "1m,5m,15m" },
      ] },
      panels: [
        panel("Nodes up", "stat", 0, 0, 4, 4, "sum(up)", { unit: "none" }),
        panel("Temperature", "gauge", 4, 0, 8, 5, "DCGM_FI_DEV_GPU_TEMP", { unit: "celsius", thresholds: limits, color: { mode: "thresholds" } }, { target: { legendFormat: "{{Hostname}}/{{gpu}}" } }),
        panel("Power", "bargauge", 12, 0, 6, 5, "DCGM_FI_DEV_POWER_USAGE", { unit: "watt", max: 700 }, { target: { legendFormat: "{{Hostname}}/{{gpu}}", instant: true } }),
        panel("Words", "text", 18, 0, 6, 5, "", {}, { options: { mode: "markdown", content: "## Runbook\n\nSee **the guide** and [docs](https://example.org).\n\n- drain the node\n- look at `dmesg`" } }),
        { type: "row", title: "Charts", gridPos: { x: 0, y: 5, w: 24, h: 1 }, collapsed: false, panels: [] },
        panel("Stacked memory", "timeseries", 0, 6, 12, 8, "node_memory_MemTotal_bytes", stacked, { options: { legend: { displayMode: "table", calcs: ["lastNotNull", "mean", "max"] } }, description: "Memory in use, one band for each node." }),
        panel("Bars", "timeseries", 12, 6, 12, 8, "DCGM_FI_DEV_GPU_TEMP", { unit: "celsius", custom: { drawStyle: "bars" } }, { target: { interval: "10m", legendFormat: "GPU {{gpu}} of {{Hostname}}" } }),
        panel("Very many series", "timeseries", 0, 14, 8, 7, "many"),
        panel("Nothing", "timeseries", 8, 14, 8, 7, 'nothing_here{node=~"$node"}'),
        panel("Wrong", "timeseries", 16, 14, 8, 7, "sum(("),
        panel("Targets", "table", 0, 21, 16, 7, "up", {}, { target: { instant: true } }),
        panel("Flow", "nodeGraph", 16, 21, 8, 7, "up"),
        { type: "row", title: "Closed row", gridPos: { x: 0, y: 28, w: 24, h: 1 }, collapsed: true, panels: [panel("Inside", "timeseries", 0, 29, 24, 6, "up")] },
      ] },
  ];
  return new Map(all.map((board) => [board.uid, board]));
}
