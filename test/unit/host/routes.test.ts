import { expect, test } from 'vitest';
import { routes } from '../../../src/host/routes.ts';
import { fakeHost } from '../../helpers/fake-host.ts';

// As Linux 6.1 shows it (proc(5)): addresses in the order of the machine's bytes.
const TABLE = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010013AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
br-1\t00FF1FAC\t00000000\t0001\t0\t0\t0\tF0FFFFFF\t0\t0\t0
tun0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
`;

test('networks with a route, without the default one', async () => {
  const host = fakeHost();
  host.put('/proc/net/route', TABLE);
  expect(await routes(host)).toEqual(['172.17.0.0/16', '172.31.255.0/28', '10.0.0.0/8']);
});

test('a machine without IPv4', async () => {
  expect(await routes(fakeHost())).toEqual([]);
});
