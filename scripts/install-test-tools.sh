#!/bin/sh
# Installs the programs that the heavier tests drive: real clients and promtool (npm run test:clients), real S3 servers (npm run
# test:cloud), and what makes and mounts a file system of its own (npm run test:heavy). For Debian 12, as root. Says nothing and
# does nothing if all are there.
set -eu

packages='chromium curl nginx caddy openssl prometheus python3-tuspy strace e2fsprogs mount util-linux'
packages="$packages radosgw ceph-mon ceph-osd ceph-common swift-proxy swift-account swift-container swift-object memcached"

missing=''
for package in $packages; do
  state=$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null || true)
  case $state in
    ii*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "install-test-tools: run as root, or: apt-get install$missing" >&2
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# $missing is a list on purpose.
# shellcheck disable=SC2086
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "install-test-tools: could not install$missing" >&2
  exit 1
fi
