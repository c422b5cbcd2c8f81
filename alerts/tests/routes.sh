#!/usr/bin/env bash
# Asks amtool who is told of each alert in routes.tsv, and whether all receivers occur there.
set -euo pipefail
cd "$(dirname "$0")/../.."
config=infra/alertmanager/alertmanager.yml
table=alerts/tests/routes.tsv

amtool check-config "$config" >/dev/null
routes=0 wrong=0
while IFS=$'\t' read -r receiver labels; do
  if [[ $receiver == \#* ]]; then continue; fi
  routes=$((routes + 1))
  # Word by word: each is a label.
  # shellcheck disable=SC2086
  if ! told=$(amtool config routes test --config.file="$config" --verify.receivers="$receiver" $labels 2>/dev/null); then
    echo "$labels: told to ${told%%$'\n'*}, not to $receiver" >&2
    wrong=$((wrong + 1))
  fi
done <"$table"

while read -r receiver; do
  if ! grep -q "^$receiver"$'\t' "$table"; then
    echo "$receiver: in $config, but not in $table" >&2
    wrong=$((wrong + 1))
  fi
done < <(sed -n 's/^  - name: //p' "$config")

echo "  routes: $((routes)) tested, $wrong wrong"
((wrong == 0))
