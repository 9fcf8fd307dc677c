// What the plan of a gateway must know of this machine, and of the image of nginx.
import * as images from '../../engines/images/store.ts';
import { inspectNetwork } from '../../engines/networks.ts';
import { CliError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { routes } from '../../host/routes.ts';
import { userIds } from '../../resources/account.ts';
import { gatewayImage } from '../../settings/gateway.ts';
import type { Program, Settings } from '../../settings/settings.ts';
import { accountName, type GatewayFacts, type ImageFacts, imageFactsPath, networkName } from './gateway.ts';

/** The page in the image of docker-registry-ui. (its Dockerfile) */
const PAGE = '/usr/share/nginx/html/index.html';
/** Modules that templates/gateway.conf needs, as `nginx -V` names them. */
const MODULES = ['http_ssl_module', 'http_v2_module', 'http_auth_request_module'];
/** What a page may be, in bytes: it becomes a file of root. */
const MOST = 1_000_000;

/** Looks into an image. @throws CliError (exit 2) if there is no nginx in it that can be a gateway, or no page where one is wanted */
async function lookInto(
  host: Host,
  ref: string,
  id: string,
  ui: boolean,
  program: Program,
): Promise<ImageFacts> {
  const [said, page] = await Promise.all([
    images.programIn(host, id, program, 'nginx', ['-V']),
    ui ? images.programIn(host, id, program, 'cat', [PAGE]) : undefined,
  ]);
  const text = `${said.stdout}\n${said.stderr}`;
  const version = /nginx\/(\d+\.\d+\.\d+)/.exec(text)?.[1];
  if (version === undefined)
    throw new CliError(`${ref} has no nginx: "nginx -V" was tried in it.`, {
      why: said.stderr.trim().split('\n').at(-1),
      fix: 'Name another image:   --ui-image REF',
      exitCode: 2,
    });
  const lacking = MODULES.filter((name) => !text.includes(`--with-${name}`));
  if (lacking.length > 0)
    throw new CliError(`The nginx of ${ref} was built without ${lacking.join(', ')}.`, {
      fix: 'Name another image:   --ui-image REF',
      exitCode: 2,
    });
  if (page && (page.code !== 0 || page.stdout.length > MOST || !/<html/i.test(page.stdout)))
    throw new CliError(`${ref} has no web page: ${PAGE} was looked for.`, {
      fix: ['Name another image:     --ui-image REF', 'Or leave the page out:  --gateway in place of --ui'],
      exitCode: 2,
    });
  return { id, nginx: version, ...(page && { page: page.stdout }) };
}

/** Returns what is kept of the image, if it is still the same one; else looks into it. Undefined while the image is not here. */
async function imageFacts(host: Host, settings: Settings, program: Program): Promise<ImageFacts | undefined> {
  const ref = gatewayImage(settings);
  const id = await images.imageId(host, ref, program);
  if (id === undefined) return undefined;
  const ui = settings.ui === true;
  const kept = await keptFacts(host, settings.dir);
  if (kept?.id === id && (!ui || kept.page !== undefined)) return kept;
  return lookInto(host, ref, id, ui, program);
}

async function keptFacts(host: Host, dir: string): Promise<ImageFacts | undefined> {
  try {
    const kept = JSON.parse((await host.read(imageFactsPath(dir)))?.toString() ?? '') as Partial<ImageFacts>;
    return typeof kept.id === 'string' && typeof kept.nginx === 'string' ? (kept as ImageFacts) : undefined;
  } catch {
    return undefined;
  }
}

/** The last networks of 172.31.0.0/16, which engines and offices take from the front: room for a dozen containers in each. */
const CANDIDATES = Array.from(
  { length: 64 },
  (_, i) => `172.31.${255 - Math.floor(i / 4)}.${(i % 4) * 64}/28`,
);

/** Returns a network that no route of this machine leads to. @throws CliError if all of them are taken */
async function freeSubnet(host: Host): Promise<string> {
  const taken = await routes(host);
  const free = CANDIDATES.find((subnet) => !taken.some((route) => overlap(route, subnet)));
  if (free === undefined)
    throw new CliError(
      'There is no free network for the gateway: routes of this machine cover 172.31.240.0 to 172.31.255.255.',
    );
  return free;
}

const numberOf = (ip: string) => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** Tells whether two networks such as `10.0.0.0/8` have an address in common. */
function overlap(one: string, other: string): boolean {
  const [[a = '', m = '0'], [b = '', n = '0']] = [one.split('/'), other.split('/')];
  const size = 2 ** (32 - Math.min(Number(m), Number(n)));
  return Math.floor(numberOf(a) / size) === Math.floor(numberOf(b) / size);
}

/** Returns a number that no user and no group of this machine has; from those of services. (useradd(8), SYS_UID_MAX) */
async function freeId(host: Host): Promise<number> {
  const texts = await Promise.all(['/etc/passwd', '/etc/group'].map((path) => host.read(path)));
  const taken = new Set(
    texts.flatMap((text) => (text?.toString() ?? '').split('\n').map((line) => Number(line.split(':')[2]))),
  );
  let id = 899;
  while (taken.has(id)) id--;
  return id;
}

/**
 * Returns the facts for the plan of a gateway. Reads only.
 * @param host one whose engine may be asked
 * @throws CliError (exit 2) if the image is here and can be no gateway
 */
export async function gatewayFacts(settings: Settings, host: Host): Promise<GatewayFacts> {
  const program: Program = settings.engine === 'podman' ? 'podman' : 'docker';
  const own = host.machine.uid !== 0;
  const name = accountName(settings);
  const [there, image, ids] = await Promise.all([
    inspectNetwork(host, networkName(settings), program),
    imageFacts(host, settings, program),
    own ? undefined : userIds(host, name),
  ]);
  const free = own || ids ? 0 : await freeId(host);
  const { uid } = host.machine;
  return {
    subnet: there?.owner === settings.dir && there.subnet ? there.subnet : await freeSubnet(host),
    // Without root the files are this user's, and are read by the owner.
    user: own ? { uid, gid: uid } : (ids ?? { uid: free, gid: free }),
    ...(!own && { account: name }),
    image,
  };
}
