// Somebody else's proxy in front, with the configuration that `export` writes: the programs of Debian check it and serve with it, and a
// docker on another machine pushes and pulls layers through them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Host, removeAll } from '../../lab/host.ts';
import { install, refused, run, startTeam } from '../helpers/machines.ts';

const URL_OF_IT = 'https://hub.example.com';
const PASSWORD = 'correct horse';
let server: Host;
let dev: Host;

beforeAll(async () => {
  ({ server, dev } = await startTeam({ images: ['registry:3', 'cesanta/docker_auth:1'] }));
  await install(dev);
  await server.sh(
    `apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light caddy apache2 haproxy >/dev/null 2>&1
    systemctl disable -q --now nginx caddy apache2 haproxy 2>/dev/null
    rm -f /etc/nginx/sites-enabled/default
    a2dissite -q 000-default && a2enmod -q ssl proxy proxy_http headers >/dev/null
    cd /root
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 9 -subj '/CN=Corp CA' \
      -addext keyUsage=critical,keyCertSign 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout hub.key -out hub.csr -subj /CN=hub 2>/dev/null
    printf 'subjectAltName=DNS:hub.example.com\\n' >names
    openssl x509 -req -in hub.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 9 -extfile names -out hub.crt 2>/dev/null
    cat hub.crt ca.crt >/etc/ssl/certs/hub.example.com.pem
    install -m 0644 hub.key /etc/ssl/private/hub.example.com.key && chmod 0755 /etc/ssl/private
    mkdir -p /etc/haproxy/certs && cat hub.crt ca.crt hub.key >/etc/haproxy/certs/hub.example.com.pem
    cp ca.crt /usr/local/share/ca-certificates/corp.crt && update-ca-certificates >/dev/null 2>&1
    echo '127.0.0.1 hub.example.com' >>/etc/hosts`,
    { seconds: 400 },
  );
  await dev.write('/root/ca.crt', await server.read('/root/ca.crt'));
}, 600_000);
afterAll(removeAll);

const given = { input: PASSWORD };
const status = async () => {
  const { code, stdout } = await server.sh('registry-setup status --json', { check: false });
  const { findings } = JSON.parse(stdout) as { findings: { name: string; ok: boolean; cause?: string }[] };
  return { code, outside: findings.find(({ name }) => name === 'outside') };
};

it('a set-up does not wait for a proxy that is configured afterwards', async () => {
  const { all } = await run(
    server,
    `--yes --external-url ${URL_OF_IT} --auth token --user admin --reader bob --password-stdin`,
    given,
  );
  expect(all).toContain(`Left for later: ${URL_OF_IT} does not lead here yet, nothing listens there`);
  expect(all).toContain(`--client --host ${URL_OF_IT} --user admin`);
  expect(all).not.toContain('Passwords travel in clear');
  expect(await status()).toMatchObject({ code: 1, outside: { ok: false } });
}, 120_000);

/** Where each configuration goes, and how the program itself judges it. */
const programs: [string, string, string][] = [
  [
    'nginx',
    'registry-setup export nginx /etc/nginx/conf.d/registry.conf',
    'nginx -t 2>&1 && systemctl start nginx',
  ],
  [
    'caddy',
    // The lab has no public name for Caddy's own certificate.
    "registry-setup export caddy | sed 's|#   tls |tls |' >/etc/caddy/Caddyfile",
    'caddy validate --config /etc/caddy/Caddyfile 2>&1 && systemctl start caddy',
  ],
  [
    'apache',
    'registry-setup export apache /etc/apache2/sites-available/registry.conf && a2ensite -q registry',
    'apachectl configtest 2>&1 && systemctl start apache2',
  ],
  [
    'haproxy',
    'registry-setup export haproxy >>/etc/haproxy/haproxy.cfg',
    'haproxy -c -f /etc/haproxy/haproxy.cfg 2>&1 && systemctl start haproxy',
  ],
];

it.each(programs)(
  '%s',
  async (name, write, start) => {
    try {
      const judged = await server.sh(`${write}\n${start}`);
      expect(judged.stdout).not.toContain('[WARNING]');
      expect(await status()).toMatchObject({ code: 0, outside: { ok: true } });
      const ip = `--address ${server.ip}`;
      await run(
        dev,
        `--client --yes --host ${URL_OF_IT} --ca /root/ca.crt --user admin --password-stdin ${ip}`,
        given,
      );
      const image = `hub.example.com/big/${name}:1`;
      await dev.sh(
        `mkdir -p /var/tmp/big && head -c 110000000 /dev/urandom >/var/tmp/big/layer
      tar -C /var/tmp/big -c layer | docker import - ${image} >/dev/null
      docker push -q ${image} && docker rmi ${image} >/dev/null && docker pull -q ${image} && docker rmi ${image} >/dev/null`,
        { seconds: 180 },
      );
      // In pieces of unknown length as well, as a stream.
      const { stdout: answers } = await server.sh(
        `token=$(curl -fsS -u 'admin:${PASSWORD}' '${URL_OF_IT}/auth?service=hub.example.com&scope=repository:big/up:pull,push' |
        sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
      at=$(curl -fsS -X POST -H "Authorization: Bearer $token" -o /dev/null -D - ${URL_OF_IT}/v2/big/up/blobs/uploads/ |
        tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
      echo "$at"
      head -c 110000000 /dev/zero | curl -fsS -H "Authorization: Bearer $token" -H 'Content-Type: application/octet-stream' \\
        -H 'Transfer-Encoding: chunked' -X PATCH -T - -o /dev/null -w '%{http_code}' "$at"`,
        { seconds: 120 },
      );
      expect(answers).toMatch(/^https:\/\/hub\.example\.com\/v2\/big\/up\/blobs\/uploads\/\S+\n202$/);
    } finally {
      await server.sh('systemctl stop nginx caddy apache2 haproxy');
    }
  },
  300_000,
);

it('the same again is idle; the doctor of a client finds nothing', async () => {
  await server.sh('systemctl start nginx');
  expect((await run(server, '--yes')).all).toContain('Nothing to do: the registry at hub.example.com');
  expect((await run(dev, 'doctor')).all).toContain('Nothing is wrong');
}, 120_000);

it('a proxy that breaks pushes, and one that leads to another registry, fail the run, which is undone', async () => {
  const conf = '/etc/nginx/conf.d/registry.conf';
  const fails = async (edit: string) => {
    await server.sh(`cp ${conf} /root/kept && sed -i '${edit}' ${conf} && nginx -s reload && sleep 1`);
    const said = await refused(server, 1, '--yes --no-delete --password-stdin', given);
    await server.sh(`cp /root/kept ${conf} && nginx -s reload`);
    expect(await server.read('/opt/registry/settings.yml')).toContain('delete: true');
    return said;
  };
  expect(await fails('/client_max_body_size/d')).toContain('the proxy refuses large layers (413)');
  const other =
    'add_header WWW-Authenticate "Bearer realm=\\\\"https://old.corp/auth\\\\"" always; return 401;';
  expect(await fails(`s|proxy_pass http://registry-setup;|${other.replaceAll('"', '"')}|`)).toContain(
    `${URL_OF_IT} is not this registry: it sends logins to https://old.corp/auth`,
  );
}, 240_000);

it('a token server that exists already lets its own users in, by the name that it gives its key', async () => {
  await server.sh(
    `mkdir -p /root/acme && cd /root/acme
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 9 -subj '/CN=Acme' 2>/dev/null && chmod 644 key.pem
    hash=$(htpasswd -nbB alice '${PASSWORD}' | cut -d: -f2)
    cat >conf.yml <<END
server: {addr: ":6001"}
token: {issuer: "Acme tokens", expiration: 900, certificate: /config/cert.pem, key: /config/key.pem}
users: {"alice": {password: "$hash"}}
acl: [{match: {account: alice}, actions: ["*"]}]
END
    docker run -d --name acme -p 127.0.0.1:6001:6001 -v /root/acme:/config:ro cesanta/docker_auth:1 --logtostderr /config/conf.yml
    sed -i 's|server 127.0.0.1:5001;|server 127.0.0.1:6001;|' /etc/nginx/conf.d/registry.conf && nginx -s reload`,
  );
  const flags = `--token-realm ${URL_OF_IT}/auth --token-cert /root/acme/cert.pem --token-issuer 'Acme tokens'`;
  const { all } = await run(server, `--yes ${flags}`);
  expect(all).toContain(`Sends logins to ${URL_OF_IT}/auth; no more was tried`);
  expect(all).toContain(`Reached at ${URL_OF_IT}`);
  expect((await server.sh('docker ps --format {{.Names}}')).stdout).not.toContain('registry-auth');
  await dev.sh(`docker logout hub.example.com`);
  await run(dev, `--client --yes --host ${URL_OF_IT} --ca /root/ca.crt --user alice --password-stdin`, given);
  await dev.sh(
    'docker tag lab/hello:1 hub.example.com/acme/hello:1 && docker push -q hub.example.com/acme/hello:1',
  );
  expect((await status()).code).toBe(0);
  expect((await run(server, '--yes')).all).toContain('Nothing to do');
}, 240_000);

it('a login that the proxy itself asks for, in front of a registry without one', async () => {
  await run(server, '--yes --auth none');
  await server.sh(
    `registry-setup export nginx /etc/nginx/conf.d/registry.conf
    htpasswd -cbB /etc/nginx/people joe '${PASSWORD}' 2>/dev/null
    sed -i 's|location /v2/ {|&\\n    auth_basic "Restricted"; auth_basic_user_file /etc/nginx/people;|' /etc/nginx/conf.d/registry.conf
    nginx -s reload`,
  );
  expect(await status()).toMatchObject({ outside: { ok: true } });
  await dev.sh('docker logout hub.example.com');
  const join = `--client --yes --host ${URL_OF_IT} --ca /root/ca.crt --user joe --password-stdin`;
  expect(await refused(dev, 2, join, { input: 'wrong' })).toContain('refuses joe with this password');
  expect((await run(dev, join, given)).all).toContain('login needed (of something in front of it)');
  await dev.sh(
    'docker tag lab/hello:1 hub.example.com/joe/hello:1 && docker push -q hub.example.com/joe/hello:1',
  );
}, 240_000);
