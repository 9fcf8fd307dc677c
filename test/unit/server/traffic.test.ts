// Pulls and pushes in the access log of a registry: the lines are those that Docker 26, podman 5 and this program left in one.
import { expect, test } from 'vitest';
import { trafficOf } from '../../../src/server/traffic.ts';

const DOCKER =
  'docker/26.1.5+dfsg1 go/go1.24.4 kernel/6.18 os/linux arch/amd64 UpstreamClient(Docker-Client/26.1.5+dfsg1 \\\\(linux\\\\))';
const DIGEST = 'sha256:2de72e669d225260143866cefb516cf406aea43e48686b4711f555cc28ecbefb';

/** A line of the log at a second of 20:54. */
const line = (second: number, request: string, status: number, agent = DOCKER, from = '172.17.0.1') =>
  `${from} - - [27/Nov/2026:20:54:${String(second).padStart(2, '0')} +0000] "${request} HTTP/1.1" ${status} 527 "" "${agent}"`;

const since = new Date('2026-11-26T20:55:00Z');
const counts = (...lines: string[]) => {
  const { pulls, pushes } = trafficOf(lines, since);
  return { pulls, pushes };
};

test('a pull by docker asks for the tag, and reads an index and a manifest by digest: that is one pull', () => {
  const pull = [
    line(13, 'GET /v2/', 200),
    line(13, 'HEAD /v2/team/app/manifests/1', 200),
    line(13, `GET /v2/team/app/manifests/${DIGEST}`, 200),
    line(13, `GET /v2/team/app/manifests/${DIGEST.replace('2de', '3de')}`, 200),
    line(14, `GET /v2/team/app/blobs/${DIGEST}`, 200),
  ];
  expect(counts(...pull)).toEqual({ pulls: 1, pushes: 0 });
  // The same again, and by somebody else.
  expect(counts(...pull, ...pull, ...pull.map((one) => one.replace('172.17.0.1', '10.0.0.9')))).toEqual({
    pulls: 3,
    pushes: 0,
  });
});

test('podman reads the tag itself, and then the manifest of its platform', () => {
  const podman = 'containers/5.34 (github.com/containers/image)';
  expect(
    counts(
      line(20, 'GET /v2/team/app/manifests/1', 200, podman),
      line(20, `GET /v2/team/app/manifests/${DIGEST}`, 200, podman),
      line(21, 'GET /v2/team/app/manifests/2', 200, podman),
    ),
  ).toEqual({ pulls: 2, pushes: 0 });
});

test('a look whether there is something newer, and what is not there, are no pulls', () => {
  expect(
    counts(line(1, 'HEAD /v2/app/manifests/1', 200), line(2, 'GET /v2/app/manifests/none', 404)),
  ).toEqual({ pulls: 0, pushes: 0 });
});

test('an image for several platforms is one push, and one that was refused is none', () => {
  expect(
    counts(
      line(1, `PUT /v2/app/manifests/${DIGEST}`, 201),
      line(1, 'PUT /v2/app/manifests/1', 201),
      line(2, 'PUT /v2/app/manifests/2', 405),
      line(2, 'PUT /v2/app/blobs/uploads/01a21ec9?_state=x&digest=sha256%3A70', 201),
    ),
  ).toEqual({ pulls: 0, pushes: 1 });
});

test('what this program does for itself is not counted, what it pushes for a person is', () => {
  const agent = 'registry-setup/0.1.0';
  expect(
    counts(
      line(1, 'PUT /v2/registry-setup-check-f3e72d39b9b2/manifests/check', 201, agent),
      line(1, 'GET /v2/registry-setup-check-f3e72d39b9b2/manifests/check', 200, agent),
      line(2, 'GET /v2/hello/manifests/1', 200, agent),
      line(3, 'PUT /v2/hello/manifests/2', 201, agent),
    ),
  ).toEqual({ pulls: 0, pushes: 1 });
});

test('only the last day counts, and every other line is left out', () => {
  expect(
    counts(
      line(1, 'GET /v2/app/manifests/1', 200).replace('27/Nov', '25/Nov'),
      'time="2026-11-27T20:54:13Z" level=info msg="response completed" http.request.method=GET',
      '',
      line(2, 'GET /v2/app/manifests/1', 200),
    ),
  ).toEqual({ pulls: 1, pushes: 0 });
});
