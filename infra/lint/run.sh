#!/usr/bin/env bash
# The Dockerfile by hadolint and checkov, everything that containers are given by checkov's search for secrets, Logstash's
# pipeline by a parser of its language. All as pinned beside this script, installed once for all checkouts.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
place=$("$project/infra/native/venv.sh" lint "$here/requirements.txt")
cd "$project"
"$place/bin/hadolint" --config "$here/hadolint.yaml" infra/docker/Dockerfile
echo 'hadolint: nothing found'
"$place/bin/checkov" --config-file "$here/checkov.yaml"
"$place/bin/python" -c '
import sys
from logstash_pipeline_parser import Pipeline
print("the pipeline parses:", ", ".join(section[0] for section in Pipeline(open(sys.argv[1]).read()).parse()))
' infra/elk/logstash.conf
