#!/usr/bin/env bash
# The server beside its peers under the same scrape load, in one run: CPU per sample, memory, disk, query latencies, restart.
# The load generator and the harness are those of ../shared/bench; without them there is nothing to run.
#   bench/run.sh [peer_bench.py arguments]     default: 100 targets x 1000 series at 1 s for 60 s
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
harness=$PWD/../shared/bench
[ -e "$harness/peer_bench.py" ] || { echo "skipped: no $harness"; exit 0; }
work=$PWD/build/bench-work
mkdir -p "$work"
[ "$work/fake_exporters" -nt "$harness/fake_exporters.cpp" ] ||
  g++ -O2 -std=c++17 -o "$work/fake_exporters" "$harness/fake_exporters.cpp"
ours="slurmscope=$PWD/build/slurmscope serve --config.file={config} --storage.tsdb.path={data} --web.listen-address=127.0.0.1:{port} --ui.listen-address= --log.level=warn"
[ $# -gt 0 ] || set -- --targets 100 --series 1000 --interval 1 --duration 60
PEERS_BIN=$PWD/build/peers/usr/bin exec python3 "$harness/peer_bench.py" ingest \
  --servers prometheus "$ours" --generator "$work/fake_exporters" --workdir "$work" --json "$work/result.json" "$@"
