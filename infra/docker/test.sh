#!/usr/bin/env bash
# The stack in containers from nothing to green, and away again: builds the images, starts everything under a name of its
# own (a stack that somebody uses is left alone, but for its ports), prints how long what took, and fails where it took
# longer than is promised.
#
#   GLASSHOUSE   the launcher's program, for `glasshouse check`
#   KEEP=1       leave it running
set -euo pipefail
cd "$(dirname "$0")/../.."
green_within=60 filled_within=90 image_within=60
export COMPOSE_PROJECT_NAME=glasshouse-test COMPOSE_ANSI=never COMPOSE_PROGRESS=quiet
prometheus=http://127.0.0.1:${PROMETHEUS_PORT:-9090}

say() { printf '  %-58s %s\n' "$1" "$2"; }
end() { [[ -n ${KEEP-} ]] || docker compose --profile '*' down --volumes --remove-orphans --timeout 12 >/dev/null 2>&1; }
fail() {
  printf 'FAILED  %s\n' "$1" >&2
  docker compose --profile '*' ps --all >&2 || true
  exit 1
}

# answer QUERY: the one number that Prometheus answers, or nothing.
answer() {
  curl -fsS --max-time 3 -G "$prometheus/api/v1/query" --data-urlencode "query=$1" 2>/dev/null |
    sed -n 's/.*"value":\[[^,]*,"\([^"]*\)"\].*/\1/p'
}

# Every target scraped with success, every address answered, the journey arrived.
green() {
  local health
  health=$(curl -fsS --max-time 3 "$prometheus/api/v1/targets?state=active" 2>/dev/null | grep -o '"health":"[a-z]*"') || return
  [[ $(sort -u <<<"$health") == '"health":"up"' && $(answer 'min(probe_success)') == 1 && $(answer journey_success) == 1 ]] || return
  targets=$(wc -l <<<"$health")
}

for profile in '' full load elk; do docker compose ${profile:+--profile "$profile"} config --quiet; done
say 'compose file and its profiles' 'hold'

began=$SECONDS
docker compose --profile load build >/tmp/glasshouse-test-build.$$ 2>&1 || { tail -n 30 /tmp/glasshouse-test-build.$$ >&2; fail 'docker compose build'; }
rm -f /tmp/glasshouse-test-build.$$
say 'docker compose build' "$((SECONDS - began)) s"
for name in todo-api chat-gateway event-worker glasshouse; do
  size=$(($(docker image inspect -f '{{.Size}}' "glasshouse/$name:0.1.0") / 1000000))
  say "image of $name, at most $image_within MB" "$size MB"
  ((size <= image_within)) || fail "the image of $name is too large"
done

trap end EXIT
end
began=$SECONDS
docker compose up --detach --wait --wait-timeout 180 || fail 'docker compose up --wait'
say 'docker compose up --wait' "$((SECONDS - began)) s"
docker compose --profile load up --detach load
until green; do
  ((SECONDS - began < green_within + 60)) || fail "not green $((SECONDS - began)) s after up"
  sleep 0.5
done
took=$((SECONDS - began))
say "from up to green (at most $green_within s): $targets targets, probes, journey" "$took s"
((took <= green_within)) || fail 'green, but late'

if [[ -n ${GLASSHOUSE-} ]]; then
  # Named, as something else may run natively from this checkout.
  export CHAT_GATEWAY_URL=http://127.0.0.1:${CHAT_PORT:-8002} KAFKA_BROKERS=127.0.0.1:${KAFKA_PORT:-19092} \
    PROMETHEUS_URL=$prometheus LOKI_URL=http://127.0.0.1:${LOKI_PORT:-3100} JAEGER_URL=http://127.0.0.1:${JAEGER_PORT:-16686} \
    ALERTMANAGER_URL=http://127.0.0.1:${ALERTMANAGER_PORT:-9093} MAIL_CATCHER_URL=http://127.0.0.1:${MAIL_PORT:-8025}
  "$GLASSHOUSE" check dashboards --within $((filled_within + 60)) || fail 'panels without data'
  took=$((SECONDS - began))
  say "from up to data in every panel (at most $filled_within s)" "$took s"
  ((took <= filled_within)) || fail 'data in every panel, but late'
  "$GLASSHOUSE" check || fail 'glasshouse check'
fi

echo '  memory in use, of its limit:'
docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' $(docker compose ps --quiet) | sed 's/^glasshouse-test-//; s/-1 / /' |
  sort | awk '{ printf "    %-20s %10s of %s\n", $1, $2, $4 }'
restarts=$(docker inspect -f '{{.RestartCount}} {{.Name}}' $(docker compose ps --all --quiet) | grep -v '^0 ' || true)
[[ -z $restarts ]] || fail "restarted meanwhile: $restarts"
