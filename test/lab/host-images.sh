# shellcheck shell=bash disable=SC2154
# Makes the root file systems of whole machines: systemd, the tools a server has, and the engine of the flavour.

default_flavours=(bookworm trixie forky)
all_flavours=("${default_flavours[@]}" bookworm-bare trixie-bare bookworm-podman trixie-podman)

host_packages() { # FLAVOUR
  # What podman without root wants: a systemd of the user's own, ranges of user ids, a network.
  local rootless=libpam-systemd,dbus-user-session,uidmap,fuse-overlayfs
  local base=systemd,systemd-sysv,dbus,ca-certificates,iproute2,procps,curl,openssl,apache2-utils,python3-minimal
  case $1 in
    # Node 18 of bookworm is too old: those hosts get this machine's node. Its docker.io holds the client too.
    bookworm) echo "$base,docker.io,iptables" ;;
    trixie | forky) echo "$base,docker.io,docker-cli,iptables,nodejs" ;;
    bookworm-bare) echo "$base" ;;
    trixie-bare) echo "$base,nodejs" ;;
    # Its crun raises a limit, which asks for CAP_SYS_RESOURCE.
    bookworm-podman) echo "$base,podman,netavark,aardvark-dns,iptables,runc,$rootless,slirp4netns" ;;
    trixie-podman) echo "$base,podman,netavark,aardvark-dns,nftables,crun,nodejs,$rootless,passt" ;;
    *) die "There is no host flavour '$1'." "one of: ${all_flavours[*]}" ;;
  esac
}

# The others of a suite are made on top of its system without an engine.
base_flavour() { # FLAVOUR → nothing for one that is made from nothing
  case $1 in
    *-bare | forky) ;;
    *) echo "${1%%-*}-bare" ;;
  esac
}

needs_our_node() { [[ $1 = bookworm* ]]; }   # FLAVOUR

# The addresses of this machine's own Debian sources: of the distribution, and of its security updates.
own_sources() { # '' or -security
  grep -qx 'ID=debian' /etc/os-release || return 0
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{sources,list} 2>/dev/null || true; } |
    awk -v wanted="$1" '
      { sub(/\[[^]]*\]/, "") }
      $1 == "URIs:" { address = $2 }
      $1 == "Suites:" && ($2 ~ /-security/) == (wanted != "") { print address; exit }
      $1 == "deb" && ($3 ~ /-security/) == (wanted != "") { print $2; exit }'
}

# Lines for sources.list: what a server of that suite has after its updates, so that the hosts run the Node that people run.
# Nothing where this machine is no Debian: then mmdebstrap chooses.
sources() { # SUITE
  local main security
  main=$(own_sources '') security=$(own_sources -security)
  [[ $main ]] || return 0
  echo "deb $main $1 main"
  # Testing gets its updates in itself.
  [[ $1 != forky ]] || return 0
  echo "deb $main $1-updates main"
  [[ -z $security ]] || echo "deb $security $1-security main"
}

# How this machine's apt gets to its mirror (proxies, TLS), for apt inside the hosts.
apt_access() {
  apt-config dump | grep -E '^Acquire::(http|https)::[^ ]+ "' || true
  for scheme in http https; do
    local variable=${scheme}_proxy
    [[ -z ${!variable:-} ]] || echo "Acquire::$scheme::Proxy \"${!variable}\";"
  done
}

# Functions as bash prints them: a changed comment builds nothing.
host_recipe() { # FLAVOUR → its hash
  local base
  base=$(base_flavour "$1")
  {
    if [[ $base ]]; then host_recipe "$base"; fi
    declare -f host_files customize_host build_host_image packed_host
    echo "$1 $(host_packages "$1") $(sources "${1%%-*}")"
    apt_access
    cat /usr/local/share/ca-certificates/*.crt 2>/dev/null || true
    if needs_our_node "$1"; then stat -Lc %s "$(command -v node)"; fi
  } | sha256sum | cut -c1-12
}

build_host_image() { # FLAVOUR
  local flavour=$1 image hash file old
  image=$(host_image "$flavour")
  hash=$(host_recipe "$flavour")
  old=$(engine image inspect -f '{{.Id}} {{index .Config.Labels "'"$namespace"'.recipe"}}' "$image" 2>/dev/null || true)
  [[ $old != *" $hash" ]] || return 0
  file=$(packed_host "$flavour")
  # Overlay on overlay does not work: what an engine stores lies on volumes.
  unpacked "$file" | ENGINE_TIMEOUT=300 engine import \
    -c 'CMD ["/sbin/init"]' -c 'ENV container=docker' -c "LABEL $namespace.recipe=$hash" \
    -c 'VOLUME ["/var/lib/docker","/var/lib/containerd","/var/lib/containers"]' - "$image" >/dev/null
  # A kept host may still run from the old one: then it stays until that host is gone and `lab sweep` finds it.
  [[ -z $old ]] || engine rmi "${old%% *}" >/dev/null 2>&1 || true
}

unpacked() { if [[ $1 = *.zst ]]; then zstd -qdc "$1"; else gzip -dc "$1"; fi; }   # FILE → tar, to stdout

# Two flavours may want the same one at the same time: the second waits.
packed_host() { # FLAVOUR → its file, made where it is missing
  local flavour=$1 hash file pack=(gzip -1) ending=gz
  if command -v zstd >/dev/null; then pack=(zstd -q -1 -T0) ending=zst; fi
  hash=$(host_recipe "$flavour")
  file=$cache/host-$flavour-$hash.tar.$ending
  exec 8>"$tmp/host-$flavour.lock"
  flock 8
  if [[ ! -f $file ]]; then
    say "building host $flavour (about a minute)"
    host_files "$flavour" "$tmp/host-$flavour" | "${pack[@]}" >"$tmp/host-$flavour.packed" || return 1
    rm -f "$cache/host-$flavour"-????????????.tar.*
    mv "$tmp/host-$flavour.packed" "$file"
  fi
  exec 8>&-
  echo "$file"
}

host_files() { # FLAVOUR WORK-FOLDER → tar, to stdout
  local flavour=$1 work=$2 base lines=() start=(--variant=minbase)
  base=$(base_flavour "$flavour")
  if [[ $base ]]; then
    base=$(packed_host "$base") || return 1
    start=(--variant=custom --skip=check/empty --setup-hook="bash '$lab_dir/host-images.sh' unpacked '$base' | tar -C \"\$1\" -x")
  fi
  mapfile -t lines < <(sources "${flavour%%-*}")
  mkdir -p "$work/ca"
  apt_access >"$work/apt.conf"
  cp /usr/local/share/ca-certificates/*.crt "$work/ca/" 2>/dev/null || true
  if needs_our_node "$flavour"; then cp -L "$(command -v node)" "$work/node"; fi
  mmdebstrap --quiet "${start[@]}" --include="$(host_packages "$flavour")" \
    --dpkgopt=force-unsafe-io --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::GzipIndexes "true"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="bash '$lab_dir/host-images.sh' customize '$work' \"\$1\"" \
    "${flavour%%-*}" - "${lines[@]}" ||
    die "The host $flavour cannot be built." "read mmdebstrap's words above; it wants the packages mmdebstrap and debian-archive-keyring, and root"
}

customize_host() { # WORK-FOLDER ROOT
  local work=$1 root=$2 unit
  cp "$work/apt.conf" "$root/etc/apt/apt.conf.d/90lab"
  if cp "$work"/ca/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null; then chroot "$root" update-ca-certificates >/dev/null 2>&1; fi
  if [[ -f $work/node ]]; then install -m 755 "$work/node" "$root/usr/local/bin/node"; fi
  # Modules cannot be loaded from a container, nor is there a kernel to look at; apt's own timers would hold its lock in the
  # middle of a test. Every unit less is a faster start.
  for unit in systemd-modules-load.service modprobe@.service apt-daily.timer apt-daily-upgrade.timer \
    e2scrub_reap.service e2scrub_all.timer fstrim.timer dpkg-db-backup.timer \
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
  # There is no pids controller in the lab's cgroup tree, and podman insists on one.
  if [[ -x $root/usr/bin/podman ]]; then
    mkdir -p "$root/etc/containers/containers.conf.d"
    printf '[containers]\npids_limit = 0\n' >"$root/etc/containers/containers.conf.d/lab.conf"
    [[ -x $root/usr/bin/crun ]] || printf '[engine]\nruntime = "runc"\n' >"$root/etc/containers/containers.conf.d/runc.conf"
  fi
}

# mmdebstrap runs its hooks in a shell of its own.
if [[ ${BASH_SOURCE[0]} = "$0" ]]; then
  set -euo pipefail
  case ${1:-} in
    customize) customize_host "$2" "$3" ;;
    unpacked) unpacked "$2" ;;
  esac
fi
