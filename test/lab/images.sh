#!/usr/bin/env bash
# Makes what the lab runs on, once: images.sh [FLAVOUR…]   (without one: bookworm trixie forky; `all`; `containers` for none)
# Each thing carries the hash of its recipe: changed, it is built again; unchanged, a run takes less than a second.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source-path=SCRIPTDIR source=container-images.sh
source "$lab_dir/container-images.sh"
# shellcheck source-path=SCRIPTDIR source=host-images.sh
source "$lab_dir/host-images.sh"

flavours=("$@")
[[ $# -gt 0 ]] || flavours=("${default_flavours[@]}")
case ${1:-} in
  containers) flavours=() ;;
  all) flavours=("${all_flavours[@]}") ;;
esac

need_engine
need busybox busybox-static
need xz xz-utils
need node nodejs
if [[ $programs ]]; then
  program registry >/dev/null
  program docker_auth >/dev/null
fi
for flavour in "${flavours[@]}"; do
  host_packages "$flavour" >/dev/null
  need mmdebstrap mmdebstrap
  if needs_our_node "$flavour"; then need node nodejs; fi
done

mkdir -p "$archives"
exec 9>"$cache/lock"
flock --nonblock 9 || { say "waiting for another run of images.sh"; flock 9; }

# What a killed run left here is nobody's now: we hold the lock.
tmp=$cache/tmp
rm -rf "$tmp"
mkdir "$tmp"
trap 'rm -rf "$tmp"' EXIT

# This machine's node, which starts in a fifth of the time that Debian's takes: tests that do not ask which one it is run on it.
own_node=$(readlink -f "$(command -v node)")
if ! cmp -s "$own_node" "$archives/node"; then cp "$own_node" "$tmp/node" && mv "$tmp/node" "$archives/node"; fi

declare -A jobs
for image in "${container_images[@]}"; do build_container_image "$image" & jobs[$!]=$image; done
for flavour in "${flavours[@]}"; do build_host_image "$flavour" & jobs[$!]="host $flavour"; done
failed=()
for job in "${!jobs[@]}"; do wait "$job" || failed+=("${jobs[$job]}"); done
[[ ${#failed[@]} -eq 0 ]] || die "Not made: ${failed[*]}" "see above, and run images.sh again: what is made is kept"
