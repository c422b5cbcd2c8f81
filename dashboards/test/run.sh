#!/usr/bin/env bash
# Every dashboard against the types of the Grafana that is pinned.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --silent --no-audit --no-fund
made=node_modules/.dashboards.ts
trap 'rm -f "$made"' EXIT
node types.mjs .. "$made"
npx --no-install tsc --noEmit --skipLibCheck --strict --module esnext --moduleResolution bundler --target es2022 "$made"
echo 'all of them are dashboards to Grafana'
