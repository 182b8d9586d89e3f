#!/usr/bin/env bash
# Query latencies and memory beside the peers in one run, with the data and queries of ../shared/bench: 100k series in the
# head (100 targets x 1000 series at 1 s), and two days of 1000 series in blocks. Ends with a table beside the aims.
#   bench/queries.sh [REPETITIONS]     needs build/slurmscope (./dev build) and build/peers (./dev peers); about 5 minutes
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
repetitions=${1:-9}
bench_range "$repetitions" "$work/range.json"
bench_ingest "$work/queries.json" --targets 100 --series 1000 --interval 1 --duration 45 --warmup 10 \
  --reps "$repetitions" --restarts 0
exec python3 bench/aims.py queries "$work/queries.json" "$work/range.json"
