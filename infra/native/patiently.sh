#!/usr/bin/env bash
# Runs a command, and says every eight seconds that it is still running while it says nothing itself.
# On a terminal the command has a progress display of its own, and is left alone.
set -u

if [[ -t 1 && -t 2 ]]; then
  exec "$@"
fi

"$@" 2>&1 | while true; do
  line=
  if IFS= read -r -t 8 line; then
    printf '%s\n' "$line"
  elif (($? > 128)); then
    # Time is up; what has come of a line so far was taken from the pipe.
    printf '%s    … %d s\n' "$line" "$SECONDS"
  else
    printf '%s' "$line"
    break
  fi
done
exit "${PIPESTATUS[0]}"
