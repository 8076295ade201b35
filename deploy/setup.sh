#!/usr/bin/env bash
# Installs from Debian what the build and the tests need; says nothing when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
# Servers lie where a plain user does not look.
PATH=$PATH:/usr/sbin:/sbin

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
  ffmpeg:ffmpeg
  sipp:sip-tester
  baresip:baresip
  linphonec:linphone-cli
  kamailio:kamailio
  sipsak:sipsak
  ffmpeg:ffmpeg
  openssl:openssl
  ip:iproute2
  iptables:iptables
  chromium:chromium
)

missing=()
# Speech by people, for what must not take speech for something else.
[ -d /usr/share/asterisk/sounds ] || missing+=(asterisk-core-sounds-en-gsm)
for need in "${needs[@]}"; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
command -v cargo >/dev/null || echo "cargo is missing: install Rust 1.95 or newer from https://rustup.rs" >&2
python3 -c "import ensurepip, venv" 2>/dev/null || missing+=(python3-venv)

# Peers that live in Python, in a folder of their own; made anew when their list changes.
peers() {
  local folder=tests/peers
  cmp -s "$folder/requirements.txt" "$folder/.venv/made-of" && return
  echo "installing: Python peers in $folder/.venv"
  rm -rf "$folder/.venv"
  python3 -m venv "$folder/.venv"
  "$folder/.venv/bin/pip" install --quiet --disable-pip-version-check -r "$folder/requirements.txt"
  cp "$folder/requirements.txt" "$folder/.venv/made-of"
}

# Peers that live in a browser, and what drives it.
browser() {
  local folder=tests/browser
  [ -e "$folder/node_modules/.package-lock.json" ] && [ ! "$folder/package-lock.json" -nt "$folder/node_modules/.package-lock.json" ] && return
  echo "installing: what tests need of browsers in $folder/node_modules"
  (cd "$folder" && npm ci --silent --no-fund --no-audit)
}

if [ ${#missing[@]} -eq 0 ]; then
  peers
  browser
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "no apt-get here; install what corresponds to Debian's ${missing[*]}" >&2
  exit 1
fi

sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo"
echo "installing: ${missing[*]}"
$sudo apt-get update -qq
# Run level 1: a package may bring a server, and none shall start here.
$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
peers
browser
