#!/usr/bin/env bash
# Starts, shows and removes the lab's hosts. By hand: npm run lab -- …   Tests come through host.ts, with --owner-pid.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
lab up FLAVOUR NAME [--image IMAGE]… [--containerd-store] [--no-systemd] [--network NETWORK]   a host which stays
lab sh NAME                          a shell in it
lab exec NAME COMMAND…               one command in it
lab reset NAME                       put it back to what it was after its start
lab changes NAME                     the files that differ from then
lab list                             what runs
lab down [NAME…]                     remove these hosts, or all that `up` made
lab sweep                            remove what killed test runs left
lab images [FLAVOUR…]                build the images (up does it when one is missing)
TEXT
}

label=$namespace

# An owner is a process: its namespace, id and start time, since ids come back.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }   # PID
pid_namespace() { readlink /proc/self/ns/pid | tr -dc 0-9; }
owner_of_pid() { echo "$(pid_namespace).$1.$(started_at "$1")"; }               # PID

owner_is_gone() { # OWNER; not ours to say for another namespace, and never for a kept host
  local space pid start
  IFS=. read -r space pid start <<<"$1"
  [[ $space = "$(pid_namespace)" && $(started_at "$pid") != "$start" ]]
}

# A run's things carry its number in their names, so that runs do not meet.
full_name() { echo "lab-${owner_pid:+$owner_pid-}$1"; }   # NAME

cgroup_tree() { if [[ -d /sys/fs/cgroup/unified ]]; then echo /sys/fs/cgroup/unified; else echo /sys/fs/cgroup; fi; }

parse() { # ARGUMENTS → args and the options
  args=() images=() owner=keep owner_pid='' network='' containerd_store='' internal='' no_systemd='' ipv6=''
  while [[ $# -gt 0 ]]; do
    case $1 in
      --image) images+=("$2"); shift ;;
      --network) network=$2; shift ;;
      --owner-pid) owner_pid=$2 owner=$(owner_of_pid "$2"); shift ;;
      --containerd-store) containerd_store=yes ;;
      --internal) internal=yes ;;
      --ipv6) ipv6=yes ;;
      --no-systemd) no_systemd=yes ;;
      -*) die "lab does not know $1." "lab help" ;;
      *) args+=("$1") ;;
    esac
    shift
  done
}

make_network() { # NAME → its full name
  local name sum subnet=''
  name=$(full_name "$1")
  # Older engines want to be told which addresses.
  sum=$(cksum <<<"$name" | cut -d' ' -f1)
  if [[ $ipv6 ]]; then subnet=$(printf 'fd7e:%x:%x::/64' $((sum >> 16)) $((sum & 65535))); fi
  engine network create --label "$label=$owner" ${internal:+--internal} ${ipv6:+--ipv6 --subnet "$subnet"} "$name" >/dev/null
  echo "$name"
}

# Not --privileged: that asks for CAP_SYS_RESOURCE, which a machine that is itself a container lacks.
# In an internal network the engine's name server says nothing for other names: 1 second is waited for it, and not 10.
create_host() { # FLAVOUR NAME NETWORK
  engine create --name "$(full_name "$2")" --hostname "$2" --network "$3" --network-alias "$2" --dns-opt timeout:1 --dns-opt attempts:1 \
    --label "$label=$owner" --label "$label.flavour=$1" \
    --tmpfs /run --tmpfs /tmp:exec --stop-signal SIGRTMIN+3 \
    --cap-add ALL --cap-drop SYS_RESOURCE --device-cgroup-rule 'a *:* rwm' \
    --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined \
    --cgroupns host -v "$(cgroup_tree):/sys/fs/cgroup:rw" -v "$archives:/lab:ro" \
    "$(host_image "$1")" ${no_systemd:+sleep infinity} >/dev/null
}

inside() { # CONTAINER FUNCTION ARGUMENTS…: a function of inside.sh, in the host
  local container=$1
  shift
  ENGINE_TIMEOUT=120 engine exec -i "$container" bash -s -- "$@" <"$lab_dir/inside.sh"
}

up() { # FLAVOUR NAME
  [[ $# -eq 2 ]] || die "up wants a flavour and a name." "lab up trixie server"
  local flavour=$1 name=$2 container
  container=$(full_name "$name")
  if [[ ! -d $archives ]] || ! engine image inspect "$(host_image "$flavour")" >/dev/null 2>&1; then
    "$lab_dir/images.sh" "$flavour" >&2
  fi
  if [[ -z $network ]]; then
    network=$namespace
    engine network inspect "$network" >/dev/null 2>&1 || engine network create --label "$label=keep" "$network" >/dev/null
  fi
  create_host "$flavour" "$name" "$network" || die "$container cannot be made." "if it is there already: lab down $name"
  hold_cgroup | engine cp - "$container:/etc/systemd/"
  if [[ $flavour = *-podman ]]; then rootless_devices | engine cp - "$container:/etc/"; fi
  if [[ $containerd_store ]]; then daemon_json '{"features":{"containerd-snapshotter":true}}' | engine cp - "$container:/etc/"; fi
  engine start "$container" >/dev/null
  if [[ ! $no_systemd ]] && ! inside "$container" boot "${images[@]}" >&2; then
    engine rm -fv "$container" >/dev/null
    die "$container did not come up." "its journal is above"
  fi
  address "$container"
}

# Put in before the first start: the engine then never runs with the other store.
daemon_json() { # CONTENT → tar, to stdout
  local dir
  dir=$(mktemp -d)
  mkdir "$dir/docker"
  echo "$1" >"$dir/docker/daemon.json"
  tar -C "$dir" -c docker
  rm -r "$dir"
}

# A process that stays in the host's outermost cgroup: while none is there, the inner runc may hand controllers on to the
# cgroups below, and from then on `docker exec` cannot put a process into it (cgroup 2 has no inner processes).
hold_cgroup() { # → tar, to stdout
  local dir unit=lab-hold-cgroup.service
  dir=$(mktemp -d)
  mkdir -p "$dir/system/sysinit.target.wants"
  ln -s "../$unit" "$dir/system/sysinit.target.wants/$unit"
  cat >"$dir/system/$unit" <<'UNIT'
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/sh -c 'echo 0 >"/sys/fs/cgroup$(sed -n "s#/init.scope##; s/^0:://p" /proc/1/cgroup)/cgroup.procs"; exec sleep infinity'
UNIT
  tar -C "$dir" -c system
  rm -r "$dir"
}

# What a machine has and a container has not: without root, the network of podman's containers goes through it.
rootless_devices() { # → tar, to stdout
  local dir
  dir=$(mktemp -d)
  mkdir "$dir/tmpfiles.d"
  printf 'd /dev/net 0755\nc /dev/net/tun 0666 root root - 10:200\nc /dev/fuse 0666 root root - 10:229\n' >"$dir/tmpfiles.d/lab.conf"
  tar -C "$dir" -c tmpfiles.d
  rm -r "$dir"
}

address() { # CONTAINER → its full name, its address, and the id of its first process
  engine inspect -f '{{slice .Name 1}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}} {{.State.Pid}}' "$1"
}

# Stopped and started, as after a power cut: /run and /tmp are new.
reboot_host() { # CONTAINER
  engine restart --time 10 "$1" >/dev/null
  inside "$1" boot >&2
  address "$1"
}

by_label() { # container|network → id and owner of each
  local list=(ps -a)
  [[ $1 = container ]] || list=(network ls)
  engine "${list[@]}" --no-trunc --filter "label=$label" --format "{{.ID}} {{.Label \"$label\"}}"
}

# With their volumes: else those fill the disk.
remove_containers() { [[ $# -eq 0 ]] || engine rm -fv "$@" >/dev/null; }
remove_networks() { [[ $# -eq 0 ]] || engine network rm "$@" >/dev/null; }

# Removes the containers and networks of those owners of whom the test is true.
remove_if() { # TEST [ARGUMENT]
  local kind id owner found
  for kind in container network; do
    found=()
    while read -r id owner; do if "$@" "$owner"; then found+=("$id"); fi; done < <(by_label "$kind")
    "remove_${kind}s" "${found[@]}"
  done
}

sweep() {
  # Another run may sweep the same at the same time: what is left then is for the next one.
  remove_if owner_is_gone || true
  # Host images that were replaced while a host ran from them.
  engine image prune -f --filter "label=$label.recipe" >/dev/null
}

container_of() { # NAME, short or full
  case $1 in lab-*) echo "$1" ;; *) full_name "$1" ;; esac
}

command=${1:-help}
shift || true
case $command in sh | exec) ;; *) parse "$@" && set -- "${args[@]}" ;; esac
case $command in help | --help | images) ;; *) need_engine ;; esac
case $command in
  up) up "$@" ;;
  sh) exec docker exec -it "$(container_of "$1")" bash -l ;;
  exec) exec docker exec -i "$(container_of "$1")" "${@:2}" ;;
  reset) inside "$(container_of "$1")" reset "${@:2}" ;;
  changes) inside "$(container_of "$1")" changes ;;
  reboot) reboot_host "$(container_of "$1")" ;;
  stop) engine stop --time 10 "$(container_of "$1")" >/dev/null ;;
  network) make_network "$1" ;;
  list) engine ps -a --filter "label=$label" --format "table {{.Names}}\t{{.Label \"$label.flavour\"}}\t{{.Status}}\t{{.Networks}}" ;;
  down) if [[ $# -eq 0 ]]; then remove_if test "$owner" =; else for name; do remove_containers "$(container_of "$name")"; done; fi ;;
  sweep) sweep ;;
  images) exec "$lab_dir/images.sh" "$@" ;;
  help | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac
