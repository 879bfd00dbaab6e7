#!/bin/sh
# Bootstrap: fetches what the platform (run) or its tests (test) need into .tools and .venv. Quick when all is there.
set -eu
cd "$(dirname "$0")/.."
what=${1:-run}
BUN=1.4.4
mkdir -p .tools

say() { printf '· %s\n' "$*"; }
fail() { printf '\n%s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

apt_install() {
  has apt-get && is_root || return 1
  say "installing $* with apt-get"
  (apt-get install -y --no-install-recommends "$@" || { apt-get update && apt-get install -y --no-install-recommends "$@"; }) \
    >.tools/apt.log 2>&1
}

# A Python that fits; uv fetches one when the machine has only others.
find_python() {
  for name in python3.11 python3.12 python3; do
    if has "$name" && "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
}

get_uv() {
  for found in .tools/uv/bin/uv .tools/uv-target/bin/uv; do
    if [ -x "$found" ] && "$found" --version >/dev/null 2>&1; then uv=$PWD/$found; return; fi
  done
  if has uv; then uv=$(command -v uv); return; fi
  has python3 || apt_install python3 || fail "Python 3.11 was not found. Install it (Debian: apt install python3 python3-venv; macOS: brew install python@3.11)."
  say "installing uv"
  rm -rf .tools/uv .tools/uv-target
  base=$(find_python); base=${base:-python3}
  if "$base" -m venv .tools/uv >.tools/uv.log 2>&1 || { rm -rf .tools/uv; apt_install python3-venv && "$base" -m venv .tools/uv >.tools/uv.log 2>&1; }; then
    .tools/uv/bin/pip install --quiet --disable-pip-version-check uv >>.tools/uv.log 2>&1 \
      || fail "uv could not be installed: the Python package index does not answer. .tools/uv.log says more."
    uv=$PWD/.tools/uv/bin/uv
  elif rm -rf .tools/uv && "$base" -m pip install --quiet --target .tools/uv-target uv >>.tools/uv.log 2>&1; then
    uv=$PWD/.tools/uv-target/bin/uv
  else
    rm -rf .tools/uv .tools/uv-target
    fail "Python cannot make environments here. Install python3-venv (Debian: apt install python3-venv) and try again."
  fi
}

hash_of() { cat "$@" | cksum | tr ' ' -; }

# The packages of the tests include those of the platform, and stay once they are there.
get_packages() {
  [ "$what" = test ] || [ -f .venv/stamp-test ] && list=requirements-dev.txt stamp=.venv/stamp-test || list=requirements.txt stamp=.venv/stamp-run
  wanted="$(hash_of "$list" pyproject.toml) $PWD"
  if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return; fi
  get_uv
  if ! .venv/bin/python -c '' 2>/dev/null; then
    say "making .venv"
    rm -rf .venv
    "$uv" venv --quiet --python "$(find_python | grep . || echo 3.11)" .venv \
      || fail "No Python 3.11 or 3.12 was found or could be fetched. Install one (Debian 12: apt install python3)."
  fi
  say "installing the Python packages of $list"
  VIRTUAL_ENV=$PWD/.venv "$uv" pip sync --quiet --require-hashes "$list" \
    || fail "The Python packages could not be installed. Is the network there? Then run the same command again."
  VIRTUAL_ENV=$PWD/.venv "$uv" pip install --quiet --no-deps --editable . \
    || fail "The project itself could not be installed into .venv. Is the network there? Then run the same command again."
  printf '%s' "$wanted" >"$stamp"
}

# Model providers that others wrote, for the tests: each needs packages that would not fit beside ours.
get_providers() {
  for name in litellm llama; do
    list=tests/providers/$name.txt wanted="$(hash_of "tests/providers/$name.txt") $PWD"
    if [ "$(cat ".tools/$name/stamp" 2>/dev/null)" = "$wanted" ]; then continue; fi
    get_uv
    say "installing $name for the tests"
    rm -rf ".tools/$name"
    "$uv" venv --quiet --python "$(find_python | grep . || echo 3.11)" ".tools/$name" \
      && VIRTUAL_ENV=$PWD/.tools/$name "$uv" pip sync --quiet --require-hashes "$list" \
      || fail "The packages of $list could not be installed. Is the network there? Then run the same command again."
    printf '%s' "$wanted" >".tools/$name/stamp"
  done
}

get_bun() {
  for found in "$(command -v bun 2>/dev/null || true)" .tools/node_modules/.bin/bun; do
    [ -n "$found" ] && [ "$("$found" --version 2>/dev/null)" = "$BUN" ] && return
  done
  has npm || apt_install npm || fail "npm was not found. Install Node.js with npm (Debian: apt install nodejs npm; macOS: brew install node)."
  say "installing bun $BUN"
  npm install --prefix .tools --no-save --no-audit --no-fund --loglevel=error "bun@$BUN" >.tools/bun.log 2>&1 \
    || fail "bun could not be installed: npm's registry does not answer. .tools/bun.log says more."
  [ "$(.tools/node_modules/.bin/bun --version 2>/dev/null)" = "$BUN" ] \
    || fail "bun was installed but does not run on this machine. .tools/bun.log says more."
}

find_chromium() {
  for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
    if has "$name"; then command -v "$name"; return; fi
  done
  for found in "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
    /Applications/Chromium.app/Contents/MacOS/Chromium .tools/browsers/chromium-*/chrome-linux*/chrome; do
    if [ -x "$found" ]; then printf '%s\n' "$found"; return; fi
  done
}

get_chromium() {
  [ -n "$(find_chromium)" ] || apt_install chromium-headless-shell || apt_install chromium || true
  if [ -z "$(find_chromium)" ]; then
    say "installing Chromium for the tests"
    PLAYWRIGHT_BROWSERS_PATH=$PWD/.tools/browsers .venv/bin/playwright install chromium >.tools/chromium.log 2>&1 || true
  fi
  found=$(find_chromium)
  [ -n "$found" ] || fail "The browser tests need Chromium. Install it (Debian: apt install chromium) and run make test again."
  printf '%s' "$found" >.tools/chromium.path
}

get_balancer() {
  PATH=$PATH:/usr/sbin
  has haproxy || apt_install haproxy || say "haproxy could not be installed: the tests of the balancer are left out"
}

case $what in
  run) get_packages; get_bun ;;
  test) get_packages; get_providers; get_bun; get_chromium; get_balancer ;;
  uv) get_uv; printf '%s\n' "$uv" ;;
  *) fail "usage: scripts/bootstrap.sh run|test|uv" ;;
esac
