#!/usr/bin/env bash
# What storage costs, beside the peers in one run: CPU of scraping, creation and memory of series, restart after kill -9,
# writing of blocks, their size, reading all of them. Ends with a table beside the aims.
#   bench/storage.sh [--small] [PART...]     needs build/slurmscope (./dev build) and build/peers (./dev peers)
# PART: scrape (7 min), million (8 min), create (2 min), decode (3 min); default: all. What was measured before stays in the
# table until its part is run anew. --small: a twentieth of the series and a shorter time, to see that it works.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
storage=$work/storage
scrape=(--targets 100 --series 1000 --interval 1 --duration 116 --warmup 10)
million=(--targets 1000 --series 1000 --interval 15 --duration 60 --warmup 35)
create_seconds=43200   # of history for both; promtool reads the text once for every two hours
repetitions=9
if [ "${1:-}" = --small ]; then
  shift
  storage=$work/storage-small
  scrape=(--targets 20 --series 250 --interval 1 --duration 20 --warmup 5)
  million=(--targets 50 --series 1000 --interval 5 --duration 20 --warmup 12)
  create_seconds=14400
  repetitions=2
fi
mkdir -p "$storage"
[ $# -gt 0 ] || set -- scrape million create decode

# NAME COMMAND...: wall and CPU seconds of a command, and what it wrote, as a line of JSON.
timed_create() {
  local name=$1 out=$work/created
  shift
  rm -rf "$out"
  python3 - "$name" "$out" "$@" << 'PY'
import json, os, resource, subprocess, sys, time
name, out, command = sys.argv[1], sys.argv[2], sys.argv[3:]
start = time.monotonic()
subprocess.run(command + [out], check=True, stdout=subprocess.DEVNULL)
wall = time.monotonic() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
size = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(out) for f in files)
print(json.dumps({"server": name, "wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "bytes": size}))
PY
}

for part in "$@"; do
  case "$part" in
    scrape) bench_ingest "$storage/scrape.json" "${scrape[@]}" --reps 0 --restarts 0 --snapshot ;;
    million) bench_ingest "$storage/million.json" "${million[@]}" --reps 0 --restarts 1 ;;
    decode) bench_range "$repetitions" "$storage/decode.json" ;;
    create)
      text=$work/create.om
      backfill "$create_seconds" om > "$text"
      {
        timed_create prometheus "$PEERS_BIN/promtool" tsdb create-blocks-from openmetrics "$text"
        timed_create slurmscope build/slurmscope tsdb create-blocks-from openmetrics "$text"
        if [ "$storage" = "$work/storage" ]; then  # ours with two days too, which would take promtool minutes
          backfill 172800 om > "$text"
          timed_create two-days build/slurmscope tsdb create-blocks-from openmetrics "$text"
        fi
        echo "{\"samples\": $((create_seconds / 15 * 1000))}"
      } > "$storage/create.json.new"
      mv "$storage/create.json.new" "$storage/create.json"
      rm -rf "$text" "$work/created"
      ;;
    *) echo "storage.sh: unknown part: $part" >&2; exit 2 ;;
  esac
done
exec python3 bench/aims.py storage "$storage"
