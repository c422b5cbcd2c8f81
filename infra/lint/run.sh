#!/usr/bin/env bash
# The Dockerfile by hadolint and checkov, everything that containers are given by checkov's search for secrets, Logstash's
# pipeline by a parser of its language. All as pinned beside this script, installed once for all checkouts.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
pinned=$(sha256sum "$here/requirements.txt" | cut -c1-12)
place=${GLASSHOUSE_CACHE:-$HOME/.cache/glasshouse}/lint-$pinned

if ! [[ -x $place/bin/checkov && -x $place/bin/hadolint ]]; then
  # Debian's python3 comes without venv.
  python3 -c 'import ensurepip' 2>/dev/null || "$project/infra/native/packages.sh" --install python3-venv >&2
  # Whole or not at all.
  rm -rf "$place"
  trap 'rm -rf "$place"' ERR INT TERM
  python3 -m venv "$place" >&2
  "$place/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
fi
cd "$project"
"$place/bin/hadolint" --config "$here/hadolint.yaml" infra/docker/Dockerfile
echo 'hadolint: nothing found'
"$place/bin/checkov" --config-file "$here/checkov.yaml"
"$place/bin/python" -c '
import sys
from logstash_pipeline_parser import Pipeline
print("the pipeline parses:", ", ".join(section[0] for section in Pipeline(open(sys.argv[1]).read()).parse()))
' infra/elk/logstash.conf
