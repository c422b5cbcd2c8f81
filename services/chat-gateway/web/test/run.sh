#!/usr/bin/env bash
# Drives the web page in a real browser against a system of its own, and leaves
# pictures of it in the folder named by the first argument.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../../../.." && pwd)
glasshouse=${GLASSHOUSE:?names the glasshouse binary}
pictures=$(realpath -m "${1:-$project/.glasshouse/pictures}")

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  "$project/infra/native/packages.sh" --install nodejs npm
fi
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
if ! [[ -x $CHROMIUM ]]; then
  "$project/infra/native/patiently.sh" "$project/infra/native/packages.sh" --install chromium >/dev/null
fi
[[ -d $here/node_modules ]] || npm --prefix "$here" ci --no-audit --no-fund --loglevel=error >/dev/null

home=$(mktemp -d)
trap '"$glasshouse" --home "$home" down >/dev/null; rm -rf "$home"' EXIT
"$glasshouse" --home "$home" up --detach --no-tools --no-journey >/dev/null
gateway=$("$glasshouse" --home "$home" status --json |
  node -e 'const run = JSON.parse(require("fs").readFileSync(0)); console.log(run.components.find((c) => c.name === "chat-gateway").address)')
node "$here/page.mjs" "$gateway" "$pictures"
