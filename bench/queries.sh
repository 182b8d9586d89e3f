#!/usr/bin/env bash
# Query latencies and memory beside the peers in one run, with the data and queries of ../shared/bench: 100k series in the
# head (100 targets x 1000 series at 1 s), and two days of 1000 series in blocks. Ends with a table beside the aims.
#   bench/queries.sh [REPETITIONS]     needs build/slurmscope (./dev build) and build/peers (./dev peers); about 8 minutes
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shared=$PWD/../shared/bench
[ -e "$shared/peer_bench.py" ] || { echo "skipped: no $shared"; exit 0; }
repetitions=${1:-9}
work=$PWD/build/bench-work
history=$work/history
export PEERS_BIN=$PWD/build/peers/usr/bin
mkdir -p "$history"
[ "$work/fake_exporters" -nt "$shared/fake_exporters.cpp" ] ||
  g++ -O2 -std=c++17 -o "$work/fake_exporters" "$shared/fake_exporters.cpp"

# Both forms of the history by the same program, one after the other, so that they agree.
if [ ! -e "$history/end" ]; then
  for format in om prom; do
    "$work/fake_exporters" --targets 10 --series 100 --backfill 172800 --step 15 --format $format > "$history/bf.$format"
  done
  rm -rf "$history/blocks"
  "$PEERS_BIN/promtool" tsdb create-blocks-from openmetrics "$history/bf.om" "$history/blocks" > /dev/null
  tail -n 2 "$history/bf.om" | awk 'NR == 1 { print $NF }' > "$history/end"
  rm "$history/bf.om"
fi
end=$(cat "$history/end")
ours="slurmscope=$PWD/build/slurmscope serve --config.file={config} --storage.tsdb.path={data} --web.listen-address=127.0.0.1:{port} --ui.listen-address= --log.level=warn"

python3 "$shared/peer_bench.py" range --servers prometheus victoria-metrics "$ours" --blocks "$history/blocks" \
  --import-file "$history/bf.prom" --start $((end - 172785)) --end "$end" --reps "$repetitions" --port 19390 \
  --workdir "$work" --json "$work/range.json" > "$work/range.txt"
python3 "$shared/peer_bench.py" ingest --servers prometheus victoria-metrics "$ours" --generator "$work/fake_exporters" \
  --targets 100 --series 1000 --interval 1 --duration 45 --warmup 10 --reps "$repetitions" --restarts 0 \
  --port 19390 --base-port 24000 --workdir "$work" --json "$work/queries.json" > "$work/queries.txt"
exec python3 bench/aims.py "$work/queries.json" "$work/range.json"
