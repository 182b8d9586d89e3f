#!/usr/bin/env bash
# run-node.sh DIR COMMAND...: runs it in DIR with the Node that ./dev brought; skipped where there is none.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools=$root/build/tools/node_modules/.bin
[ ! -d "$tools" ] || export PATH=$tools:$PATH
cd "$1"
shift
if ! command -v node >/dev/null || [ ! -d node_modules ]; then
  echo "skipped: no Node packages in $PWD (./dev setup)"
  exit 77
fi
exec "$@"
