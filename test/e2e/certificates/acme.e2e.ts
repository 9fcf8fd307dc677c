// A certificate from an ACME server, on a whole machine: Pebble issues it, a timer renews it, Docker takes it.
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { pebblePrograms } from '../../helpers/pebble.ts';
import { createNetwork, type Host, removeAll } from '../../lab/host.ts';
import { inFile, onWire } from '../helpers/certificates.ts';
import { refused, run, startServer } from '../helpers/machines.ts';

/** What `reset` leaves in place. */
const PLACE = '/usr/local/lib/pebble';

let server: Host;
beforeAll(async () => {
  server = await startServer({}, await createNetwork('acme', { internal: true }));
  await server.sh(`mkdir -p ${PLACE}`);
  const programs = pebblePrograms();
  for (const name of ['pebble', 'pebble-challtestsrv'])
    await server.copyIn(join(programs, name), `${PLACE}/${name}`);
  const pebble = {
    listenAddress: '127.0.0.1:14000',
    managementListenAddress: '127.0.0.1:15000',
    certificate: `${PLACE}/https.pem`,
    privateKey: `${PLACE}/https.key`,
    httpPort: 80,
    tlsPort: 443,
    keyAlgorithm: 'ecdsa',
    retryAfter: { authz: 1, order: 1 },
    profiles: { default: { description: 'short', validityPeriod: 518_400 } },
  };
  const start = `cd ${PLACE}
    setsid ./pebble-challtestsrv -dnsserver :8053 -http01 '' -https01 '' -tlsalpn01 '' -doh '' -defaultIPv4 127.0.0.1 -defaultIPv6 '' >dns.log 2>&1 </dev/null &
    PEBBLE_WFE_NONCEREJECT=20 PEBBLE_AUTHZREUSE=0 PEBBLE_VA_SLEEPTIME=$1 setsid ./pebble -strict -config config.json -dnsserver 127.0.0.1:8053 >log 2>&1 </dev/null &
    for i in $(seq 100); do curl -skf https://127.0.0.1:15000/roots/0 >root.pem && break; sleep 0.1; done
    cat https.pem root.pem >roots.pem`;
  await server.sh(`
    cd ${PLACE}
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout https.key -out https.pem -days 30 \\
      -subj /CN=pebble -addext subjectAltName=IP:127.0.0.1 2>/dev/null
    cat >config.json <<'END'
${JSON.stringify({ pebble })}
END
    cat >start.sh <<'END'
${start}
END`);
});
beforeEach(() => server.reset());
afterAll(removeAll);

const SET_UP = `--yes --host registry.corp.example --hosts-line --auth none --acme ops@corp.example --acme-server https://127.0.0.1:14000/dir --ca-cert ${PLACE}/roots.pem`;
const AT = 'registry.corp.example:5000';
const PORT_80 = "ss -Hltn 'sport = :80'";
/** @param seconds that it takes to look at a name */
const startPebble = (seconds = 0) => server.sh(`bash ${PLACE}/start.sh ${seconds}`);

it('it is ordered, served, taken by Docker, called back by its CA, and renewed by the timer', async () => {
  await startPebble();
  const { all } = await run(server, SET_UP);
  expect(all).toContain('Certificate of 127.0.0.1:14000 for registry.corp.example');
  expect((await server.sh(PORT_80)).stdout).toBe('');
  expect((await server.sh("stat -c '%a %n' /opt/registry/acme /opt/registry/acme/*")).stdout).toBe(
    '700 /opt/registry/acme\n600 /opt/registry/acme/account.json\n',
  );
  await server.sh(`mkdir -p /etc/docker/certs.d/${AT} && cp ${PLACE}/root.pem /etc/docker/certs.d/${AT}/ca.crt
    docker tag lab/hello:1 ${AT}/hello:1 && docker push -q ${AT}/hello:1`);
  expect((await run(server, SET_UP)).all).toContain('Nothing to do');

  const [served, account] = [await inFile(server), await server.sh('cat /opt/registry/acme/account.json')];
  await server.sh('systemctl start registry-setup-renew.service');
  expect(await inFile(server)).toBe(served);
  const past = { start: '2020-01-01T00:00:00Z', end: '2020-01-02T00:00:00Z' };
  const answer = JSON.stringify(JSON.stringify({ suggestedWindow: past }));
  await server.sh(`openssl x509 -in /opt/registry/certs/site.crt | node -e '
    const certificate = require("fs").readFileSync(0, "utf8");
    console.log(JSON.stringify({ certificate, ariResponse: ${answer} }))' |
    curl -skf --data @- https://127.0.0.1:15000/set-renewal-info/`);
  await server.sh('systemctl start registry-setup-renew.service');
  expect(await inFile(server)).not.toBe(served);
  expect(await onWire(server, AT)).toBe(await inFile(server));
  const of = (text: string) => JSON.parse(text).account;
  expect(of((await server.sh('cat /opt/registry/acme/account.json')).stdout)).toBe(of(account.stdout));
  await server.sh(`docker pull -q ${AT}/hello:1`);
  expect((await run(server, 'status')).all).toMatch(/Renewal {5}by this program at 127\.0\.0\.1:14000, from/);

  await server.sh('pkill -x pebble');
  expect(await refused(server, 1, 'rotate --yes')).toContain('127.0.0.1:14000 cannot be reached');
  expect(await onWire(server, AT)).toBe(await inFile(server));
  expect((await run(server, 'status')).all).toContain('failed just now: 127.0.0.1:14000 cannot be reached');
});

it('port 80 is taken: who holds it, and nothing is touched', async () => {
  await startPebble();
  const before = await server.changes();
  await server.sh(
    `setsid node -e 'require("http").createServer().listen(80)' >/dev/null 2>&1 </dev/null & sleep 1`,
  );
  const said = await refused(server, 2, SET_UP);
  await server.sh('pkill -x node');
  expect(said).toMatch(/Port 80, where the CA looks at the name, is taken by the program "node"/);
  expect(await server.changes()).toEqual(before);
});

it('killed while the CA looks at the name: the port is free, the next run goes through, and all of it can be undone', async () => {
  await startPebble(4);
  const before = await server.changes();
  await server.sh(
    `registry-setup ${SET_UP} >/dev/null 2>&1 & for i in $(seq 100); do ${PORT_80} | grep -q . && break; sleep 0.1; done; pkill -KILL -x node; wait`,
  );
  expect((await server.sh(PORT_80)).stdout).toBe('');
  expect((await server.sh('find /opt/registry -type f | sort')).stdout).toBe(
    '/opt/registry/.state/journal\n/opt/registry/.state/lock\n',
  );
  await run(server, SET_UP);
  expect(await onWire(server, AT)).toBe(await inFile(server));
  await run(server, 'uninstall --yes --purge');
  expect(await server.changes()).toEqual(before);
});
