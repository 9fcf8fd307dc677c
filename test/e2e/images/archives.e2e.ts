// --image-archive in the shapes that engines do not all read by themselves: packed with zstd, or an OCI layout. With Docker, podman and no engine.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createNetwork, type Flavour, type Host, removeAll, startHost } from '../../lab/host.ts';
import { ask, install, refused, run } from '../helpers/machines.ts';
import { full } from '../helpers/matrix.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 300_000 });

/** As `skopeo copy … oci-archive:` writes it: no manifest.json, packed layers. (OCI image-spec: image-layout.md) */
const LAYOUT = `
  const { execFileSync } = require('child_process'), fs = require('fs'), { createHash } = require('crypto'), zlib = require('zlib');
  execFileSync('sh', ['-c', 'mkdir -p /tmp/in /tmp/oci/blobs/sha256; tar -xf /lab/registry-3.tar -C /tmp/in']);
  const put = (bytes, mediaType) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    fs.writeFileSync('/tmp/oci/blobs/sha256/' + digest, bytes);
    return { mediaType, digest: 'sha256:' + digest, size: bytes.length };
  };
  const type = (name) => 'application/vnd.oci.image.' + name;
  const [{ Config, Layers }] = JSON.parse(fs.readFileSync('/tmp/in/manifest.json'));
  const layers = Layers.map((l) => put(zlib.gzipSync(fs.readFileSync('/tmp/in/' + l), { level: 1 }), type('layer.v1.tar+gzip')));
  const config = put(fs.readFileSync('/tmp/in/' + Config), type('config.v1+json'));
  const manifest = put(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type('manifest.v1+json'), config, layers })), type('manifest.v1+json'));
  manifest.annotations = { 'org.opencontainers.image.ref.name': '3' };
  fs.writeFileSync('/tmp/oci/index.json', JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  fs.writeFileSync('/tmp/oci/oci-layout', '{"imageLayoutVersion":"1.0.0"}');
  execFileSync('tar', ['-C', '/tmp/oci', '-cf', '/tmp/layout.tar', '.']);
  fs.rmSync('/tmp/in', { recursive: true });
  fs.rmSync('/tmp/oci', { recursive: true });`;

/** Archives that were made to do harm, by their name: written by the tar of the host. */
const EVIL = `
  const { execFileSync } = require("child_process"), fs = require("fs");
  const [name, to] = process.argv.slice(1);
  const dir = fs.mkdtempSync("/root/evil-"), at = (file) => dir + "/" + file;
  const pack = (to, ...files) => execFileSync("tar", ["-C", dir, "-rf", to, "--", ...files]);
  const list = (layer) => fs.writeFileSync(at("manifest.json"), JSON.stringify([{ Config: "c.json", RepoTags: ["registry:3"], Layers: [layer] }]));
  fs.rmSync(to, { force: true });
  fs.writeFileSync(at("c.json"), JSON.stringify({ architecture: "amd64", os: "linux" }));
  fs.mkdirSync(at("bin"));
  if (name === "link") fs.symlinkSync("/etc/shadow", at("bin/registry"));
  else fs.writeFileSync(at("bin/registry"), "#!/bin/sh\\n{ id; env; } >/tmp/pwned; setsid sleep 777 & exit 1\\n", { mode: 0o755 });
  pack(at("l.tar"), "bin/registry");
  list({ listed: "/etc/shadow", option: "--to-command=sh -c id>/tmp/pwned" }[name] ?? "l.tar");
  pack(to, "c.json", "l.tar", "manifest.json");
  if (name === "second") {
    fs.rmSync(at("manifest.json"));
    fs.symlinkSync("/etc/cron.d/evil", at("manifest.json"));
    pack(to, "manifest.json");
  }
  fs.rmSync(dir, { recursive: true });`;

const bare = (flavour: Flavour) => flavour.endsWith('-bare');

const flavours: Flavour[] = ['bookworm', 'trixie-podman', 'trixie-bare'];
if (full) flavours.push('trixie', 'bookworm-podman');
/** Where every shape is tried: by the program itself, which reads them for an engine, too. */
const everything = (flavour: Flavour) => full || bare(flavour);

describe.each(flavours)('%s', (flavour) => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost({ flavour, name: flavour, network: await createNetwork(flavour) });
    await install(host);
    await host.exec(['node', '-e', LAYOUT]);
  });
  afterAll(removeAll);

  const setUp = async (archive: string) => {
    await run(host, `--yes --tls insecure --auth none --image-archive ${archive}`, { seconds: 170 });
    expect(await ask(host, 'http://127.0.0.1:5000/v2/')).toBe('200 {}');
    await run(host, 'uninstall --yes --purge');
  };

  it('an OCI layout', () => setUp('/tmp/layout.tar'));
  if (!everything(flavour)) return;

  it('an OCI layout, packed', async () => {
    await host.sh('gzip -1 -c /tmp/layout.tar >/tmp/layout.tar.gz');
    await setUp('/tmp/layout.tar.gz');
  });

  it('.tar.zst; without zstd on the machine it says what is missing', async () => {
    const words = '--yes --tls insecure --auth none --image-archive /tmp/registry.tar.zst';
    await host.sh('apt-get update -q && apt-get install -y -q --no-install-recommends zstd', {
      seconds: 170,
    });
    await host.sh(
      'zstd -q -f /lab/registry-3.tar -o /tmp/registry.tar.zst; mv /usr/bin/zstd /usr/bin/zstd.away',
    );
    expect(await refused(host, 2, words)).toContain('packed with zstd, which is not on this machine');
    await host.sh('mv /usr/bin/zstd.away /usr/bin/zstd');
    await setUp('/tmp/registry.tar.zst');
  });

  if (bare(flavour)) {
    it.each([
      [
        '/etc/shadow in place of a layer',
        2,
        'listed',
        'Its list names a file that no image can have: /etc/shadow',
      ],
      ['an option of tar in place of a layer', 2, 'option', 'no image can have: --to-command'],
      ['a second list that is a link', 2, 'second', 'manifest.json is in it more than once'],
      ['a program that is a link to /etc/shadow', 1, 'link', 'bin/registry is a link there'],
    ] as const)('%s: refused, and nothing is touched', async (_, code, name, why) => {
      await host.sh(`node -e '${EVIL}' ${name} /tmp/evil.tar`);
      const before = (await host.sh('stat -c "%a %s" /etc/shadow')).stdout;
      const told = await refused(host, code, '--yes --tls insecure --image-archive /tmp/evil.tar');
      expect(told).toContain(why);
      expect(told).not.toContain('root:');
      expect((await host.sh('stat -c "%a %s" /etc/shadow')).stdout).toBe(before);
      expect(
        (await host.sh('ls -A /opt; ls -d /etc/cron.d/evil /tmp/pwned 2>/dev/null || true')).stdout,
      ).toBe('');
    });

    it('a program out of an image is asked for its version as nobody: without the password, and nothing of it stays', async () => {
      await host.sh(`node -e '${EVIL}' program /tmp/evil.tar; rm -f /tmp/pwned`);
      const words = '--yes --tls insecure --user admin --image-archive /tmp/evil.tar';
      await refused(host, 1, words, { env: { REGISTRY_SETUP_PASSWORD: 'topsecret' } });
      const { stdout } = await host.sh('cat /tmp/pwned; pgrep -ax sleep || true; rm -f /tmp/pwned');
      expect(stdout).toContain('uid=65534');
      expect(stdout).not.toMatch(/topsecret|HOME=|777/);
    });

    it('an image that does not hold a registry: it says so, and everything is put back', async () => {
      const words = '--yes --tls insecure --auth none --image-archive /lab/hello-1.tar';
      expect(await refused(host, 1, words)).toContain('has no program named registry');
      expect((await host.sh('ls -A /opt')).stdout).toBe('');
    });
  }
});
