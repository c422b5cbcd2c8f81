#!/usr/bin/env bash
# Elasticsearch's templates against the types of its own client.
set -euo pipefail
cd "$(dirname "$0")"
command -v npm >/dev/null || ../../native/packages.sh --install nodejs npm
npm ci --no-audit --no-fund --loglevel=error >/dev/null
made=node_modules/.templates.ts
trap 'rm -f "$made"' EXIT
node types.mjs ../elasticsearch "$made"
npx --no-install tsc --noEmit --skipLibCheck --strict --module esnext --moduleResolution bundler --target es2022 "$made"
echo 'all of them are templates to Elasticsearch'
