#!/usr/bin/env bash
# venv.sh NAME REQUIREMENTS: installs pinned Python packages into a place of their own, once for all checkouts, and prints
# where that is.
set -euo pipefail
pinned=$(sha256sum "$2" | cut -c1-12)
place=${GLASSHOUSE_CACHE:-$HOME/.cache/glasshouse}/$1-$pinned

if ! [[ -f $place/complete ]]; then
  # Debian's python3 comes without venv.
  python3 -c 'import ensurepip' 2>/dev/null || "$(dirname "$0")/packages.sh" --install python3-venv >&2
  rm -rf "$place"
  python3 -m venv "$place" >&2
  "$place/bin/pip" install --quiet --disable-pip-version-check --requirement "$2" >&2
  touch "$place/complete"
fi
echo "$place"
