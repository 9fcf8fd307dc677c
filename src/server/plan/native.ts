// Plans the registry as a program of this machine: its package, its user, and what keeps it running.
import { dirname, join } from 'node:path';
import type { NativeInfo } from '../../engines/native.ts';
import { scriptFiles, scriptPath } from '../../host/service-manager.ts';
import { execLine, unitWord } from '../../host/systemd.ts';
import type { Resource } from '../../resources/resource.ts';
import type { Settings } from '../../settings/settings.ts';
import { digestOf, templateText } from '../../templates.ts';
import { quoted } from '../../terminal/shell.ts';

/** What the plan must know of the program. */
export type Native = Pick<NativeInfo, 'binary' | 'package' | 'fromImage' | 'serviceManager'> & {
  /** The user that it runs as; undefined: the user who sets it up, who is not root. */
  user?: string | undefined;
  /** The SHA-256 of a program out of an image, if it has been replaced: the service starts again with another one. */
  digest?: string | undefined;
  /** The program that takes its place. */
  staged?: { path: string; sha256: string } | undefined;
};

/** Returns a user of its own for each registry on a machine: none reads the keys of another. */
const userName = ({ name }: Settings) =>
  name === 'registry' ? 'registry-setup' : `registry-${digestOf(name).slice(0, 8)}`;

/** Returns what the plan must know of the program. @param uid the user who sets it up */
export const nativeOf = (settings: Settings, info: NativeInfo, uid: number): Native => ({
  binary: info.binary,
  ...(info.package && { package: info.package }),
  ...(info.fromImage && { fromImage: info.fromImage }),
  serviceManager: info.serviceManager,
  user: uid === 0 ? userName(settings) : undefined,
});

/** Returns what must be there before the files, which belong to the group of the user. */
export const nativeBefore = ({ name }: Settings, { package: pack, user }: Native): Resource[] => [
  // The set-up's service may have the name of the package's own. It replaces that one: a permanent mask would mask both.
  ...(pack
    ? [{ kind: 'package', ...pack, ...(pack.service === name ? { runtime: true as const } : {}) } as const]
    : []),
  ...(user ? [{ kind: 'account', name: user } as const] : []),
];

/** Returns the path of the file with the digest of a program, as sha256sum(1) reads it. */
export const digestPath = (binary: string): string => `${binary}.sha256`;

/** Returns the program out of an image: it lies below the set-up's directory, and is removed with it. */
export const nativeProgram = (
  { image }: Settings,
  { binary, fromImage, digest, staged }: Native,
  archive: string | undefined,
): Resource[] =>
  fromImage
    ? [
        { kind: 'dir', path: dirname(binary), mode: 0o755 },
        { kind: 'binary', path: binary, ref: image, archive, ...(staged && { staged }) },
        ...(digest
          ? [
              {
                kind: 'file',
                path: digestPath(binary),
                content: `${digest}  registry\n`,
                mode: 0o644,
              } as const,
            ]
          : []),
      ]
    : [];

/** The paths that the registry itself reads. */
const READS = ['config', 'config/config.yml', 'certs/site.key', 'auth', 'auth/htpasswd'];

/** Lets the registry's user read its files. Nobody else may read them, and only root may write them. */
export function readable(resources: Resource[], dir: string, { user }: Native): Resource[] {
  if (!user) return resources;
  const paths = new Set(READS.map((path) => join(dir, path)));
  return resources.map((resource) =>
    (resource.kind === 'dir' || resource.kind === 'file') && paths.has(resource.path)
      ? { ...resource, mode: resource.mode | ((resource.mode >> 3) & 0o050), group: user }
      : resource,
  );
}

/** Puts values into lines `Key=…`; undefined removes the line. */
export function withLines(text: string, values: Record<string, string | undefined>): string {
  return Object.entries(values).reduce(
    (now, [key, value]) =>
      value === undefined
        ? now.replace(new RegExp(`^${key}=.*\n`, 'm'), '')
        : now.replace(new RegExp(`^${key}=.*$`, 'm'), () => `${key}=${value}`),
    text,
  );
}

/** The capability to use ports below 1024, which else only root may use. */
const LOW = 'CAP_NET_BIND_SERVICE';

function unitText(settings: Settings, { binary, serviceManager, user }: Native, digest: string): string {
  const { dir, storage, port } = settings;
  const home = [dir, storage].some((path) => /^\/(home|root|run\/user)(\/|$)/.test(path));
  const low = user && port < 1024 ? LOW : '';
  const text = withLines(templateText('registry.service'), {
    User: user,
    ExecStart: execLine(binary, ['serve', join(dir, 'config/config.yml')]),
    ReadWritePaths: unitWord(storage),
    ProtectHome: home ? 'no' : 'yes',
    CapabilityBoundingSet: low,
    AmbientCapabilities: low,
    ...(serviceManager === 'own systemd' && { WantedBy: 'default.target', ...NOT_OWN }),
  });
  return `${text.trimEnd()}\n# It was started with ${digest}\n`;
}

/** Lines of the unit that the user's own systemd cannot apply without root: the service would fail. */
const NOT_OWN: Record<string, undefined> = Object.fromEntries(
  ['CapabilityBoundingSet', 'AmbientCapabilities', 'PrivateDevices', 'ProtectClock', 'ProtectHostname']
    .concat(['ProtectKernelLogs', 'ProtectKernelModules'])
    .map((key) => [key, undefined]),
);

function scriptText(settings: Settings, { binary, user = '' }: Native): string {
  const { pid, log } = scriptFiles(scriptPath(settings));
  const values = { user, pid: quoted(pid), log: quoted(log) };
  const line = [binary, 'serve', join(settings.dir, 'config/config.yml')].map(quoted).join(' ');
  return withLines(templateText('registry.sh'), values).replace(/^set -- .*$/m, () => `set -- ${line}`);
}

/**
 * Returns what runs the registry, to be made after its files.
 * @param inputs everything that the registry reads at its start
 */
export function nativeService(settings: Settings, native: Native, inputs: string[]): Resource[] {
  const { name, storage, bind, port } = settings;
  const door = { bind, port };
  const read = [...inputs, ...(native.digest ? [native.digest] : [])];
  const owner: Resource[] = native.user ? [{ kind: 'owner', path: storage, user: native.user }] : [];
  if (native.serviceManager !== 'script') {
    const own = native.serviceManager === 'own systemd' ? { own: true as const } : {};
    const digest = digestOf(unitText(settings, native, ''), ...read);
    return [...owner, { kind: 'unit', name, text: unitText(settings, native, digest), ...own, door }];
  }
  const script = scriptPath(settings);
  const content = scriptText(settings, native);
  return [
    ...owner,
    { kind: 'dir', path: dirname(script), mode: 0o755 },
    { kind: 'file', path: script, content, mode: 0o755 },
    { kind: 'process', name, script, digest: digestOf(content, ...read), door },
  ];
}
