# shellcheck shell=bash
# Runs inside a host, through `docker exec -i HOST bash -s FUNCTION …`: makes a container a machine, and puts a machine back.
set -euo pipefail

# What was there first: packed, since each new file on an overlay takes a millisecond; unpacked into memory when it is needed.
kept=/var/lib/lab-initial
initial=/run/lab-initial
# What a program that sets up a registry may touch. Under /usr/local/lib a test may keep a program of its own.
watched=(/etc /root /opt /srv /usr/local/share/ca-certificates)
# Bind mounts of the outer engine, and what the system itself rewrites.
never='^/etc/(hostname|resolv\.conf|mtab|ld\.so\.cache|\.updated|\.pwd\.lock)$'

has() { command -v "$1" >/dev/null; }

wait_for() { # WHAT COMMAND…
  local what=$1
  shift
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS > 60)); then
      echo "✖ Waited 60 s for $what. The last of the journal:" >&2
      journalctl --no-pager -n 60 >&2
      exit 1
    fi
    sleep 0.1
  done
}

wait_for_engine() {
  if has dockerd; then wait_for "the Docker engine" docker info; fi
}

# The outer engine mounts /etc/hosts: nothing could be renamed onto it, as it can on a machine.
own_hosts_file() {
  mountpoint -q /etc/hosts || return 0
  cp /etc/hosts /run/hosts
  umount /etc/hosts
  [[ -s /etc/hosts ]] || cp /run/hosts /etc/hosts
}

load() { # IMAGE…
  local image file
  for image; do
    file=${image##*/}
    if has dockerd; then docker load -qi "/lab/${file/:/-}.tar"; else podman load -qi "/lab/${file/:/-}.tar"; fi
  done >/dev/null
}

images() { docker images --format '{{.Repository}}:{{.Tag}}' | sort; }

boot() { # IMAGE…
  # Returns when the start is over, well or not; asking again and again would take as much time as the start.
  wait_for "systemd's first words" test -S /run/systemd/private
  timeout 60 systemctl is-system-running --wait >/dev/null 2>&1 || true
  wait_for "systemd" systemctl is-active multi-user.target
  own_hosts_file
  wait_for_engine
  [[ -d $kept ]] && return
  load "$@"
  mkdir "$kept"
  tar -C / --format=posix -cf "$kept/files.tar" "${watched[@]#/}"
  printf '%s\n' "$@" >"$kept/loaded"
  if has dockerd; then images >"$kept/images"; fi
}

unpack() {
  [[ ! -d $initial ]] || return 0
  mkdir "$initial"
  tar -C "$initial" -xpf "$kept/files.tar"
}

# Paths of which any part differs: below /etc one level down, so that a mount in it is left alone.
changed_entries() {
  local path
  shopt -s nullglob dotglob
  { printf '%s\n' "${watched[@]:1}"; for path in /etc/* "$initial"/etc/*; do echo "${path#"$initial"}"; done | sort -u | grep -vE "$never"; } |
    while read -r path; do
      diff -rq --no-dereference "$initial$path" "$path" >/dev/null 2>&1 || echo "$path"
    done
}

changes() {
  unpack
  for path in $(changed_entries); do
    if [[ ! -e $initial$path ]]; then echo "new: $path"; elif [[ ! -e $path ]]; then echo "gone: $path"; else
      diff -rq --no-dereference "$initial$path" "$path" |
        sed -E "s#^Only in $initial(/[^:]*)?: (.*)#gone: \\1/\\2#; s#^Only in ([^:]*): (.*)#new: \\1/\\2#; s#^Files .* and (.*) differ\$#changed: \\1#" || true
    fi
  done
  if has dockerd; then
    docker ps -a --format 'container: {{.Names}}'
    images | comm -13 "$kept/images" - | sed 's/^/image: /'
  fi
}

remove_containers() {
  local tool
  for tool in dockerd:docker podman:podman; do
    has "${tool%:*}" || continue
    tool=${tool#*:}
    $tool ps -aq | xargs -r "$tool" rm -f -v
    $tool network prune -f
    $tool volume prune -f
  done >/dev/null
}

# Units that were not here at first, of any name: their timers must not fire into the next test.
remove_units() {
  local unit
  for unit in /etc/systemd/system/*.{service,timer,path,socket}; do
    [[ -e $initial$unit || ! -f $unit ]] || systemctl disable --now "$(basename "$unit")" 2>/dev/null || true
  done
}

restore_images() {
  local image
  has dockerd || return 0
  images | comm -13 "$kept/images" - | grep -v '<none>' | xargs -r docker rmi -f >/dev/null || true
  docker image prune -f >/dev/null
  while read -r image; do [[ -z $image ]] || docker image inspect "$image" >/dev/null 2>&1 || load "$image"; done <"$kept/loaded"
}

reset() { # PATH…: what else is to go
  local path restart=''
  unpack
  remove_containers
  remove_units
  for path in $(changed_entries); do
    # The engine reads its settings and the system's certificates when it starts.
    case $path in
      /etc/docker) cmp -s "$initial/etc/docker/daemon.json" /etc/docker/daemon.json ||
        [[ ! -e $initial/etc/docker/daemon.json && ! -e /etc/docker/daemon.json ]] || restart=yes ;;
      /etc/ssl) restart=yes ;;
    esac
    rm -rf "$path"
    [[ ! -e $initial$path ]] || cp -a "$initial$path" "$path"
  done
  find /tmp -mindepth 1 -maxdepth 1 ! -name 'systemd-private-*' -exec rm -rf {} +
  [[ $# -eq 0 ]] || rm -rf "$@"
  systemctl daemon-reload
  if [[ $restart ]] && has dockerd; then
    # It counts its starts, and refuses the fourth within a minute.
    systemctl reset-failed docker.service docker.socket
    systemctl restart docker
    wait_for_engine
  fi
  restore_images
}

"$@"
