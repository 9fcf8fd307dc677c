# shellcheck shell=bash disable=SC2034
# What images.sh and lab.sh share: names, the cache folder, errors, the check of the engine.

lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
namespace=registry-setup-lab
cache=${REGISTRY_SETUP_LAB_CACHE:-$HOME/.cache/registry-setup-lab}
# The image archives alone are shown to the hosts (read-only, at /lab).
archives=$cache/images

say() { printf '%s\n' "$*" >&2; }

# die WHAT WAY-OUT
die() {
  printf '✖ %s\n  → %s\n' "$1" "$2" >&2
  exit 1
}

need() { # PROGRAM PACKAGE
  command -v "$1" >/dev/null || die "The lab needs $1, and it is not here." "apt-get install $2"
}

# A 20.10 engine does, once in some hundreds, not answer a client whose command has ended: nothing here waits without a limit.
engine() { timeout --kill-after=5 "${ENGINE_TIMEOUT:-60}" docker "$@"; }

need_engine() {
  need docker docker.io
  ENGINE_TIMEOUT=10 engine version --format '{{.Server.Version}}' >/dev/null 2>&1 ||
    die "The Docker engine of this machine does not answer." \
      "systemctl start docker (without systemd, as root: setsid dockerd >/tmp/dockerd.log 2>&1 &)"
}

host_image() { echo "$namespace/host-$1"; }   # FLAVOUR

archive() { # IMAGE: registry:3 → registry-3.tar, cesanta/docker_auth:1 → docker_auth-1.tar
  local file=${1##*/}
  echo "${file/:/-}.tar"
}
