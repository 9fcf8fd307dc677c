# shellcheck shell=bash disable=SC2034,SC2154
# Makes the images that run inside the hosts: archives under their plain names for `docker load` in a host,
# copies under a name of our own in this machine's engine. Its plain registry:3, which may be yours, is never moved.

container_images=(registry:3 registry:2 cesanta/docker_auth:1 joxit/docker-registry-ui:2 lab/hello:1)
programs=${REGISTRY_SETUP_LAB_PROGRAMS:-}

program() { # NAME → its packed file
  local found=("$programs/$1"-*.xz)
  [[ -f ${found[-1]} ]] || die "There is no $1-*.xz in $programs." \
    "put it there, or unset REGISTRY_SETUP_LAB_PROGRAMS to pull the images from Docker Hub"
  echo "${found[-1]}"
}

container_recipe() { # IMAGE → its hash
  {
    declare -f build_archive base_files registry_2_program registry_files registry_settings page_files
    [[ $1 != joxit/* ]] || cat "$lab_dir/page.html"
    case $programs:$1 in
      '':registry* | '':cesanta* | '':joxit*) ;;
      *:registry:3) stat -Lc '%n %s' "$(program registry)" ;;
      *:cesanta/docker_auth:1) stat -Lc '%n %s' "$(program docker_auth)" ;;
    esac
    echo "$1 ${programs:+built}"
  } | sha256sum | cut -c1-12
}

# The engine's copy is known by its id: a label would be a difference from the real image.
build_container_image() { # IMAGE
  local image=$1 ours=$namespace/${1##*/} hash file old
  hash=$(container_recipe "$image")
  file=$archives/$(archive "$image")
  if [[ $(readlink "$file") != *"-$hash.tar" || ! -f $file ]]; then
    say "building $image"
    if [[ -n $programs || $image = lab/* ]]; then build_archive "$image" "$tmp/$hash.tar"; else pull_archive "$image" "$tmp/$hash.tar"; fi
    rm -f "${file%.tar}"-????????????.tar "$file.id"
    mv "$tmp/$hash.tar" "${file%.tar}-$hash.tar"
    ln -sfn "$(basename "${file%.tar}")-$hash.tar" "$file"
  fi
  old=$(image_id "$ours" 2>/dev/null || true)
  if [[ -f $file.id && $old = "$(cat "$file.id")" ]]; then return; fi
  renamed_archive "$file" "$image" "$ours" | engine load --quiet >/dev/null
  image_id "$ours" >"$tmp/$hash.id"
  if [[ $old && $old != "$(cat "$tmp/$hash.id")" ]]; then engine rmi "$old" >/dev/null 2>&1 || true; fi
  mv "$tmp/$hash.id" "$file.id"
}

image_id() { engine image inspect -f '{{.Id}}' "$1"; }   # IMAGE

renamed_archive() { # FILE FROM TO → the archive, to stdout
  local dir=$tmp/renamed-${3//\//-}
  mkdir "$dir"
  tar -C "$dir" -xf "$1"
  rm -f "$dir/repositories"   # the names once more, for engines before 1.10
  for file in manifest.json index.json; do
    [[ ! -f $dir/$file ]] || sed -i -E "s#\"(docker.io/)?(library/)?$2\"#\"\\1$3\"#g" "$dir/$file"
  done
  tar -C "$dir" -c .
}

# From Docker Hub: what the engine has under this name is taken as it is; what had to be pulled loses the name again.
pull_archive() { # IMAGE FILE
  local had=yes
  engine image inspect "$1" >/dev/null 2>&1 || had=
  [[ $had ]] || ENGINE_TIMEOUT=600 engine pull --quiet "$1" >/dev/null ||
    die "$1 cannot be pulled." "look at 'docker pull $1', or set REGISTRY_SETUP_LAB_PROGRAMS to a folder with the programs"
  engine save -o "$2" "$1"
  [[ $had ]] || engine rmi "$1" >/dev/null
}

# An image archive is a layer, its settings, and a list of both: written by hand, no engine has to know the name.
build_archive() { # IMAGE FILE
  local dir=$tmp/build-${1//[\/:]/-} config layer
  mkdir -p "$dir/root" "$dir/out"
  base_files "$dir/root"
  case $1 in
    registry:3)
      unpack "$(program registry)" "$dir/root/bin/registry"
      registry_files "$dir/root" /etc/distribution/config.yml
      config=$(registry_settings /etc/distribution/config.yml OTEL_TRACES_EXPORTER=none) ;;
    registry:2)
      registry_2_program "$dir"
      registry_files "$dir/root" /etc/docker/registry/config.yml
      config=$(registry_settings /etc/docker/registry/config.yml) ;;
    cesanta/docker_auth:1)
      mkdir "$dir/root/docker_auth"
      unpack "$(program docker_auth)" "$dir/root/docker_auth/auth_server"
      config='"Entrypoint":["/docker_auth/auth_server"],"Cmd":["/config/auth_config.yml"],"ExposedPorts":{"5001/tcp":{}}' ;;
    joxit/docker-registry-ui:2)
      page_files "$dir"
      config='"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Entrypoint":["/docker-entrypoint.sh"],"Cmd":["nginx","-g","daemon off;"],"ExposedPorts":{"80/tcp":{}},"WorkingDir":"/usr/share/nginx/html"' ;;
    lab/hello:1) config='"Cmd":["echo","hello from the lab"]' ;;
  esac
  tar -C "$dir/root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$dir/out/layer.tar" .
  layer=$(sha256sum <"$dir/out/layer.tar" | cut -d' ' -f1)
  printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:00Z","config":{%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created_by":"registry-setup lab"}]}' \
    "$(dpkg --print-architecture)" "$config" "$layer" >"$dir/out/config.json"
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$1" >"$dir/out/manifest.json"
  tar -C "$dir/out" -cf "$2" manifest.json config.json layer.tar
}

unpack() { # PACKED PROGRAM
  xz -dc "$1" >"$2"
  chmod +x "$2"
}

base_files() { # ROOT
  local busybox
  busybox=$(command -v busybox)
  mkdir -p "$1"/{bin,etc/ssl/certs,tmp,root,var}
  chmod 1777 "$1/tmp"
  cp -L "$busybox" "$1/bin/busybox"
  (cd "$1/bin" && "$busybox" --list | grep -vx busybox | xargs -n1 ln -s busybox)
  cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"
  echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
  echo 'root:x:0:' >"$1/etc/group"
}

# Debian's package holds 2.8. It is unpacked and not installed: installed, it would take port 5000 at once.
registry_2_program() { # DIR with root/
  (cd "$1" && apt-get -o APT::Sandbox::User=root -qq download docker-registry && dpkg-deb -x docker-registry_*.deb package) ||
    die "Debian's package docker-registry cannot be had." "apt-get update"
  cp "$1/package/usr/bin/docker-registry" "$1/root/bin/registry"
  ldd "$1/root/bin/registry" | grep -o '/[^ ]*' | xargs -I{} cp -L --parents {} "$1/root"
}

# What stands in for docker-registry-ui: Debian's nginx, a page with the same variables in it, and an entry point that fills them in place.
page_files() { # DIR with root/
  (cd "$1" && apt-get -o APT::Sandbox::User=root -qq download nginx nginx-common && for deb in nginx*.deb; do dpkg-deb -x "$deb" package; done) ||
    die "Debian's package nginx cannot be had." "apt-get update"
  mkdir -p "$1"/root/{usr/sbin,etc/nginx/conf.d,usr/share/nginx/html,var/log/nginx,var/lib/nginx,docker-entrypoint.d}
  cp "$1/package/usr/sbin/nginx" "$1/root/usr/sbin/nginx"
  cp "$1/package/etc/nginx/mime.types" "$1/root/etc/nginx/mime.types"
  ldd "$1/root/usr/sbin/nginx" | grep -o '/[^ ]*' | xargs -I{} cp -L --parents {} "$1/root"
  ln -s /dev/stderr "$1/root/var/log/nginx/error.log"
  echo 'nginx:x:101:101:nginx:/nonexistent:/bin/false' >>"$1/root/etc/passwd"
  echo 'nginx:x:101:' >>"$1/root/etc/group"
  cp "$lab_dir/page.html" "$1/root/usr/share/nginx/html/index.html"
  cat >"$1/root/docker-entrypoint.d/90-docker-registry-ui.sh" <<'SH'
#!/bin/sh
for name in REGISTRY_TITLE PULL_URL SINGLE_REGISTRY DELETE_IMAGES ENABLE_VERSION_NOTIFICATION; do
  sed -i "s~\${$name}~$(printenv $name)~" /usr/share/nginx/html/index.html
done
SH
  cat >"$1/root/docker-entrypoint.sh" <<'SH'
#!/bin/sh
set -e
for file in /docker-entrypoint.d/*.sh; do "$file"; done
exec "$@"
SH
  chmod +x "$1/root/docker-entrypoint.sh" "$1/root/docker-entrypoint.d/90-docker-registry-ui.sh"
}

# As the official image has it: a *.yml alone is served, sub-commands and flags go to the program, anything else is run as it is.
registry_files() { # ROOT CONFIG
  mkdir -p "$1/var/lib/registry" "$(dirname "$1$2")"
  cat >"$1/entrypoint.sh" <<'SH'
#!/bin/sh
case "$1" in
  *.yml | *.yaml) exec registry serve "$@" ;;
  serve | garbage-collect | help | -*) exec registry "$@" ;;
  *) exec "$@" ;;
esac
SH
  chmod +x "$1/entrypoint.sh"
  # The real images carry a development configuration, so that to forget one's own shows.
  cat >"$1$2" <<'YAML'
version: 0.1
log: { level: debug, fields: { service: registry, environment: development } }
storage:
  delete: { enabled: true }
  cache: { blobdescriptor: inmemory }
  filesystem: { rootdirectory: /var/lib/registry }
  maintenance: { uploadpurging: { enabled: false } }
http:
  addr: :5000
  debug: { addr: ":5001", prometheus: { enabled: true, path: /metrics } }
  headers: { X-Content-Type-Options: [nosniff] }
health:
  storagedriver: { enabled: true, interval: 10s, threshold: 3 }
YAML
}

registry_settings() { # CONFIG [VARIABLE=VALUE]
  local env='"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"'
  printf '"Env":[%s],"Entrypoint":["/entrypoint.sh"],"Cmd":["%s"],"ExposedPorts":{"5000/tcp":{}},"Volumes":{"/var/lib/registry":{}}' \
    "$env${2:+,\"$2\"}" "$1"
}
