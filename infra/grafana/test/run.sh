#!/usr/bin/env bash
# Every dashboard against the types of the Grafana that is pinned.
set -euo pipefail
cd "$(dirname "$0")"
command -v npm >/dev/null || ../../native/packages.sh --install nodejs npm
npm ci --no-audit --no-fund --loglevel=error >/dev/null
made=node_modules/.dashboards.ts
trap 'rm -f "$made"' EXIT
node types.mjs ../../../dashboards "$made"
npx --no-install tsc --noEmit --skipLibCheck --strict --module esnext --moduleResolution bundler --target es2022 "$made"
echo 'all of them are dashboards to Grafana'
