#!/usr/bin/env bash
# Installs matplotlib, as pinned beside this script, once for all checkouts, and
# prints where its python is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
pinned=$(sha256sum "$here/requirements.txt" | cut -c1-12)
place=${GLASSHOUSE_CACHE:-$HOME/.cache/glasshouse}/pictures-$pinned

if ! [[ -x $place/bin/python ]]; then
  # Debian's python3 comes without venv.
  python3 -c 'import ensurepip' 2>/dev/null || "$project/infra/native/packages.sh" --install python3-venv >&2
  # Whole or not at all.
  rm -rf "$place"
  trap 'rm -rf "$place"' ERR INT TERM
  python3 -m venv "$place" >&2
  "$place/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
fi
echo "$place/bin/python"
