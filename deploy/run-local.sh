#!/usr/bin/env bash
# Runs the release programs on this machine, on loopback only, with their data below build/run. Ctrl-C stops both.
# NODE_PORT, API_PORT and UI_PORT choose other ports.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
run=$PWD/build/run
node_port=${NODE_PORT:-9100} api_port=${API_PORT:-9090} ui_port=${UI_PORT:-3000}
mkdir -p "$run"

cat > "$run/prometheus.yml" <<YAML
global:
  scrape_interval: 5s
  evaluation_interval: 5s
scrape_configs:
  - job_name: 'prometheus'
    static_configs:
      - targets: ['localhost:$api_port']
  - job_name: 'node_exporter'
    static_configs:
      - targets: ['localhost:$node_port']
YAML

pids=()
stop() {
  trap - EXIT INT TERM
  [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait
}
trap stop EXIT
trap 'exit 0' INT TERM

build/slurmscope-agent --web.listen-address="127.0.0.1:$node_port" --log.level=warn &
pids+=($!)
build/slurmscope serve --config.file="$run/prometheus.yml" --storage.tsdb.path="$run/data" \
  --web.listen-address="127.0.0.1:$api_port" --ui.listen-address="127.0.0.1:$ui_port" \
  --ui.state-path="$run/ui" --ui.dashboards-path=deploy/dashboards --log.level=warn &
pids+=($!)

for _ in $(seq 100); do
  kill -0 "${pids[@]}" 2>/dev/null || { echo "run: a program has stopped, see above" >&2; exit 1; }
  if (exec 3<>"/dev/tcp/127.0.0.1/$ui_port") 2>/dev/null && [ -e "$run/ui/slurmscope.db" ]; then break; fi
  sleep 0.1
done
sleep 0.3
cat <<TXT

  Web UI      http://localhost:$ui_port
  API         http://localhost:$api_port
  Agent       http://localhost:$node_port/metrics
  User        admin
  Password    $(if [ -n "${GRAFANA_ADMIN_PASSWORD:-}" ]; then echo '(from GRAFANA_ADMIN_PASSWORD)'; else cat "$run/ui/admin-password"; fi)

  The first samples are there after five seconds. Ctrl-C stops both programs.

TXT
wait -n "${pids[@]}" || true
echo "run: a program has stopped, see above" >&2
exit 1
