#!/usr/bin/env bash
# For scale: what the tutorials do by hand, as one script. A certificate, a password, `docker run`, and an image pushed.
# by-hand.sh ADDRESS
set -euo pipefail
address=$1
base=/srv/by-hand
mkdir -p "$base"/{certs,auth,data} "/etc/docker/certs.d/$address:5000"
openssl req -x509 -newkey rsa:4096 -nodes -sha256 -days 365 -subj "/CN=$address" -addext "subjectAltName=IP:$address" \
  -keyout "$base/certs/site.key" -out "$base/certs/site.crt" 2>/dev/null
htpasswd -Bbn admin secret >"$base/auth/htpasswd"
cp "$base/certs/site.crt" "/etc/docker/certs.d/$address:5000/ca.crt"
docker run -d --restart always --name registry -p 5000:5000 \
  -v "$base/data:/var/lib/registry" -v "$base/auth:/auth" -v "$base/certs:/certs" \
  -e REGISTRY_HTTP_TLS_CERTIFICATE=/certs/site.crt -e REGISTRY_HTTP_TLS_KEY=/certs/site.key \
  -e REGISTRY_AUTH=htpasswd -e REGISTRY_AUTH_HTPASSWD_REALM=registry -e REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd \
  registry:3 >/dev/null
until curl -sko /dev/null "https://$address:5000/v2/"; do sleep 0.02; done
echo secret | docker login --username admin --password-stdin "$address:5000" >/dev/null 2>&1
docker tag lab/hello:1 "$address:5000/hello:1"
docker push -q "$address:5000/hello:1" >/dev/null
