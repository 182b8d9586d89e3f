# Sourced by the scripts beside it: where things are, the load generator, and two days of history.
# The load generator and the harness are those of ../shared/bench; without them there is nothing to run.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
shared=$PWD/../shared/bench
[ -e "$shared/peer_bench.py" ] || { echo "skipped: no $shared"; exit 0; }
work=$PWD/build/bench-work
history=$work/history
mkdir -p "$history"
export PEERS_BIN=$PWD/build/peers/usr/bin
[ "$work/fake_exporters" -nt "$shared/fake_exporters.cpp" ] ||
  g++ -O2 -std=c++17 -o "$work/fake_exporters" "$shared/fake_exporters.cpp"
ours="slurmscope=$PWD/build/slurmscope serve --config.file={config} --storage.tsdb.path={data} --web.listen-address=127.0.0.1:{port} --web.enable-admin-api --ui.listen-address= --log.level=warn"
port=${BENCH_PORT:-19390}             # of the servers
base_port=${BENCH_BASE_PORT:-24000}   # of the targets

backfill() {  # SECONDS FORMAT: text of 1000 series at 15 s, om or prom
  "$work/fake_exporters" --targets 10 --series 100 --backfill "$1" --step 15 --format "$2"
}

# 11.52 M samples: blocks for those who read them and text for VictoriaMetrics. Both by the same program, one after the
# other, so that they agree. The blocks are ours, as promtool takes minutes for them.
make_history() {
  [ ! -e "$history/ready" ] || return 0
  backfill 172800 om > "$history/bf.om"
  backfill 172800 prom > "$history/bf.prom"
  rm -rf "$history/blocks"
  build/slurmscope tsdb create-blocks-from openmetrics "$history/bf.om" "$history/blocks" > /dev/null
  tail -n 2 "$history/bf.om" | awk 'NR == 1 { print $NF }' > "$history/end"
  rm "$history/bf.om"
  touch "$history/ready"
}

bench_range() {  # REPETITIONS RESULT.json: the two-day queries, all servers
  make_history
  local end
  end=$(cat "$history/end")
  python3 "$shared/peer_bench.py" range --servers prometheus victoria-metrics "$ours" --blocks "$history/blocks" \
    --import-file "$history/bf.prom" --start $((end - 172785)) --end "$end" --reps "$1" --port "$port" \
    --workdir "$work" --json "$2" > "${2%.json}.txt"
}

bench_ingest() {  # RESULT.json [peer_bench.py arguments]: scrapes, all servers
  local result=$1
  shift
  python3 "$shared/peer_bench.py" ingest --servers prometheus victoria-metrics "$ours" --generator "$work/fake_exporters" \
    --port "$port" --base-port "$base_port" --workdir "$work" --json "$result" "$@" > "${result%.json}.txt"
}
