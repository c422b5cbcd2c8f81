#!/usr/bin/env bash
# Installs the distribution packages that building and native mode need, where they are missing. Debian and Ubuntu only,
# as root or through sudo; elsewhere it names what is missing and ends with 2. Arguments are more of them, as program:package.
#
# The packages are wanted for their programs alone. So nothing they bring is started or enabled, no database cluster is
# created, and what was changed to make sure of that is put back.
set -euo pipefail

# A program, and the package that has it.
programs=(
  g++:g++ make:make pkg-config:pkg-config
  postgres:postgresql redis-server:redis-server prometheus:prometheus
  java:default-jre-headless mvn:maven
  prometheus-alertmanager:prometheus-alertmanager prometheus-node-exporter:prometheus-node-exporter
  prometheus-postgres-exporter:prometheus-postgres-exporter prometheus-redis-exporter:prometheus-redis-exporter
  prometheus-blackbox-exporter:prometheus-blackbox-exporter aiosmtpd:python3-aiosmtpd
)

policy=/usr/sbin/policy-rc.d
mark='# Written by infra/native/packages.sh of Glasshouse; it removes this file again.'
no_cluster=/etc/postgresql-common/createcluster.d/zz-glasshouse.conf
saved=

has() {
  # Debian keeps PostgreSQL's server programs off PATH, and some services' in a folder that only root has on PATH.
  case $1 in
    postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || { command -v postgres && command -v initdb; } >/dev/null ;;
    *) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ;;
  esac
}

missing_packages() {
  local pair
  for pair in "${programs[@]}"; do
    has "${pair%%:*}" || echo "${pair##*:}"
  done
}

# What starts by itself: links of systemd and of System V.
autostart() {
  find /etc/systemd/system -path '*.wants/*' -printf '%f\n' 2>/dev/null | sort -u
  find /etc/rc[2-5].d -name 'S??*' -printf 'sysv:%f\n' 2>/dev/null | sed 's/sysv:S../sysv:/' | sort -u
}

put_back() {
  if [[ -f $policy ]] && grep -qF "$mark" "$policy"; then rm -f "$policy"; fi
  if [[ -f $saved/policy-rc.d ]]; then mv "$saved/policy-rc.d" "$policy"; fi
  rm -f "$no_cluster"
  if [[ -n $saved ]]; then rm -rf "$saved"; fi
}

forbid_starting() {
  # Of an earlier run that was killed.
  if [[ -f $policy ]] && grep -qF "$mark" "$policy"; then rm -f "$policy"; fi
  if [[ -e $policy ]]; then cp -p "$policy" "$saved/policy-rc.d"; fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
  chmod 755 "$policy"
}

forbid_cluster() {
  mkdir -p "${no_cluster%/*}"
  printf '%s\ncreate_main_cluster = false\n' "$mark" >"$no_cluster"
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 \
    -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

install() {
  local before unit
  saved=$(mktemp -d)
  trap put_back EXIT
  trap 'exit 130' INT TERM HUP
  before=$(autostart)
  forbid_starting
  forbid_cluster
  DEBIAN_FRONTEND=noninteractive apt-get update
  apt_install "$@"
  # policy-rc.d keeps services from being started now; this, from being started at the next boot.
  while read -r unit; do
    case $unit in
      '') ;;
      sysv:*) update-rc.d "${unit#sysv:}" disable >/dev/null 2>&1 || true ;;
      *) deb-systemd-helper disable "$unit" >/dev/null 2>&1 || true ;;
    esac
  done < <(comm -13 <(sort <<<"$before") <(autostart | sort))
}

if [[ ${1-} == --install ]]; then
  shift
  install "$@"
  exit
fi

# More pairs as arguments: what one command needs beside the rest.
programs+=("$@")

if ! command -v cargo >/dev/null; then
  echo "A Rust toolchain is missing (no cargo on PATH): see https://rustup.rs" >&2
  exit 2
fi
mapfile -t missing < <(missing_packages)
if ((${#missing[@]} == 0)); then
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "Missing on this system, which is neither Debian nor Ubuntu: ${missing[*]} (Debian's names). Install them, then try again." >&2
  exit 2
fi
echo "Installing with apt: ${missing[*]}"
echo "(only for their programs: no service is started or enabled, no database cluster created)"
command=("$(dirname "$0")/patiently.sh" "$(realpath "$0")" --install "${missing[@]}")
if ((EUID == 0)); then
  "${command[@]}"
elif command -v sudo >/dev/null; then
  sudo "${command[@]}"
else
  echo "That needs root or sudo, and there is neither. As root: $(realpath "$0")" >&2
  exit 2
fi
mapfile -t missing < <(missing_packages)
if ((${#missing[@]} > 0)); then
  echo "Still missing: ${missing[*]}" >&2
  exit 2
fi
