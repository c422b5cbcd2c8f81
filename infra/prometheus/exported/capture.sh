#!/usr/bin/env bash
# Writes down which metrics the programs of others expose, as a Prometheus that scrapes them has seen it: a file for each
# job. Rules, dashboards and runbooks may name these, the services' own, and nothing else (crates/testkit/tests/one_truth).
# Against a running system (`make demo UP=--detach`, or compose): infra/prometheus/exported/capture.sh [http://127.0.0.1:9090]
set -euo pipefail
cd "$(dirname "$0")"
prometheus=${1:-http://127.0.0.1:9090}
jobs='alertmanager blackbox blackbox-exporter cadvisor grafana jaeger kafka loki node otel-collector postgres prometheus redis span-metrics'

names() { # of the series that match
  curl -fsSG "$prometheus/api/v1/label/__name__/values" --data-urlencode "match[]=$1" |
    python3 -c 'import json, sys; print(*sorted(json.load(sys.stdin)["data"]), sep="\n")'
}

keep() { # file, program, selector
  local found
  # What Prometheus itself adds to every target is no export.
  found=$(names "$3" | grep -vE '^(up|scrape_.*|)$' || true)
  if [[ -z $found ]]; then
    echo "$1: nobody is scraped; left as it is" >&2
    return
  fi
  {
    echo "# What $2 exposes, by capture.sh. A name that is only there once something has happened stays when it is missing."
    # Some counters appear with the first failure: what was seen once is kept.
    { echo "$found"; grep -v '^#' "$1.txt" 2>/dev/null || true; } | sort -u
  } >"$1.new"
  mv "$1.new" "$1.txt"
  echo "$1: $(grep -vc '^#' "$1.txt")"
}

for job in $jobs; do
  keep "$job" "the job $job" "{job=\"$job\"}"
done
keep process 'the operating system tells of the services, by metrics-process,' '{job="todo-api",__name__=~"process_.*"}'
