#!/usr/bin/env bash
# Installs from Debian what the build and the tests need; says nothing when nothing is missing.
set -euo pipefail

# command -> package
needs=(
  cmake:cmake
  c++:g++
  pkg-config:pkg-config
  node:nodejs
  npm:npm
  curl:curl
  espeak-ng:espeak-ng
  sox:sox
  sipp:sip-tester
  baresip:baresip
  chromium:chromium
)

missing=()
for need in "${needs[@]}"; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
command -v cargo >/dev/null || echo "cargo is missing: install Rust 1.95 or newer from https://rustup.rs" >&2
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
  echo "no apt-get here; install what corresponds to Debian's ${missing[*]}" >&2
  exit 1
fi

sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
echo "installing: ${missing[*]}"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
