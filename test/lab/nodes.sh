#!/usr/bin/env bash
# The program on other versions of Node: fetches their binaries, once, and runs the unit tests with each of them.
#   nodes.sh list                 the versions
#   nodes.sh binary VERSION       the path of a binary
#   nodes.sh test [VERSION…] [-- WORDS FOR VITEST…]     the unit tests, with each of these or with all
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The oldest that is supported, and the newest of each line as of November 2026.
versions=(20.17.0 20.20.2 22.23.3 24.21.0 26.10.0)
# The nodejs of a distribution, in the image of a host: what is called a version here, and its flavour.
declare -A distributions=([debian-13]=trixie)

top=$(cd "$lab_dir/../.." && pwd)

usage() {
  sed -n '2,5s/^# *//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# The npm package of one kind of machine holds nothing but Node.
package() { # VERSION
  local machine
  case $(uname -m) in
    x86_64) machine=x64 ;;
    aarch64) machine=arm64 ;;
    *) die "There is no Node to be fetched for $(uname -m)." "run these tests on x86_64" ;;
  esac
  echo "node-linux-$machine@$1"
}

binary() { # VERSION → its path
  local path=$cache/node/$1/node dir
  if [[ ! -x $path ]]; then
    need npm npm
    mkdir -p "$cache/node"
    dir=$(mktemp -d "$cache/node/fetching.XXXXXX")
    say "fetching Node $1"
    (cd "$dir" && npm pack --silent "$(package "$1")" >/dev/null && tar -xzf ./*.tgz package/bin/node) ||
      { rm -rf "$dir"; die "Node $1 could not be fetched." "look at 'npm view $(package "$1")'"; }
    mkdir -p "$(dirname "$path")"
    mv "$dir/package/bin/node" "$path"   # in one step: others may be fetching it, too
    rm -rf "$dir"
  fi
  echo "$path"
}

unit_tests() { # VERSION WORD…
  local version=$1 vitest=(node_modules/vitest/vitest.mjs run --config test/vitest.config.ts --root .) path modules image
  shift
  if [[ -v distributions[$version] ]]; then
    image=$(host_image "${distributions[$version]}")
    engine image inspect "$image" >/dev/null 2>&1 || "$lab_dir/images.sh" "${distributions[$version]}"
    modules=$(realpath "$top/node_modules")
    # Read-only: what vitest would write there belongs to root afterwards.
    ENGINE_TIMEOUT=1200 engine run --rm --init --network none -v "$top:$top:ro" -v "$modules:$modules:ro" -w "$top" "$image" \
      node "${vitest[@]}" --configLoader runner --cache=false "$@"
  else
    path=$(binary "$version")
    (cd "$top" && PATH=$(dirname "$path"):$PATH node "${vitest[@]}" "$@")
  fi
}

run_tests() {
  local chosen=() words=() version failed=()
  while [[ $# -gt 0 && $1 != -- ]]; do chosen+=("$1") && shift; done
  [[ $# -eq 0 ]] || words=("${@:2}")
  [[ ${#chosen[@]} -gt 0 ]] || chosen=("${versions[@]}" "${!distributions[@]}")
  for version in "${chosen[@]}"; do
    say "== Node $version"
    unit_tests "$version" "${words[@]}" || failed+=("$version")
  done
  [[ ${#failed[@]} -eq 0 ]] || die "The unit tests fail on Node ${failed[*]}." "see above"
}

case ${1:-} in
  list) printf '%s\n' "${versions[@]}" "${!distributions[@]}" ;;
  binary) binary "${2:?VERSION}" ;;
  test) run_tests "${@:2}" ;;
  *) usage ;;
esac
