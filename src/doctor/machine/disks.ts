// Checks the disks: of the images, of the set-up, of the engine. A full one fails in many words; one without inodes says that it is full.
import type { Host } from '../../host/host.ts';
import { bytes } from '../../terminal/output.ts';
import { shellLine } from '../../terminal/shell.ts';
import type { Check, CheckInput, Trouble } from '../check.ts';
import { dockerds, here, trouble } from '../found.ts';
import { type Mount, mountOf, mountsOf } from './mounts.ts';

/** Bytes. Nothing that is worth a push fits any more. */
const FULL = 50_000_000;
/** Bytes. Full after a few images. */
const LITTLE = 1_000_000_000;
/** The share of inodes that is as good as none. */
const FEW = 0.005;

/** A directory, and what it is for. */
interface Place {
  path: string;
  what: string;
}

async function placesOf(input: CheckInput): Promise<Place[]> {
  const { settings } = input.server ?? {};
  const roots = (await dockerds(input)).flatMap(({ info }) =>
    info?.root ? [{ path: info.root, what: 'Docker keeps its images and containers there' }] : [],
  );
  return [
    ...(settings ? [{ path: settings.storage, what: 'the registry keeps its images there' }] : []),
    ...(settings ? [{ path: settings.dir, what: 'the registry keeps its settings there' }] : []),
    ...roots,
  ];
}

function mendOf({ path }: Place, input: CheckInput): string[] {
  const { server } = input;
  if (path === server?.settings.storage)
    return [
      `What takes the room:    ${here(input, 'image list')}`,
      `Remove old ones:        ${here(input, 'image prune --keep-last 5')}`,
      `Then give it back:      ${here(input, 'image gc')}`,
    ];
  if (path === server?.settings.dir)
    return [`What takes the room:   ${shellLine('du', ['-xh', '--max-depth=1', path])}`];
  return ['What takes the room:   docker system df', 'Remove what nothing uses:   docker system prune'];
}

async function full(input: CheckInput, place: Place): Promise<Trouble[]> {
  const { free, files } = await input.context.host.space(place.path);
  const mend = mendOf(place, input);
  const found: Trouble[] = [];
  if (free < LITTLE)
    found.push(
      trouble(
        free < FULL ? 'disk-full' : 'disk-nearly-full',
        `The disk of ${place.path} has ${free === 0 ? 'no room' : `only ${bytes(free)}`} left: ${place.what}.`,
        { severity: free < FULL ? 'broken' : 'risk', mend },
      ),
    );
  if (files && files.free < files.total * FEW)
    found.push(
      trouble(
        'no-inodes',
        `The disk of ${place.path} has room for ${files.free} more files, and says then that it is full: ${place.what}.`,
        {
          mend: [
            `Where many small files are:   ${shellLine('du', ['--inodes', '-x', '--max-depth=2', place.path])} | sort -n | tail`,
            ...mend.slice(1),
          ],
        },
      ),
    );
  return found;
}

/** File systems that are a disk. */
const DISKS = /^(ext[234]|xfs|btrfs|zfs|f2fs|bcachefs)$/;
/** Bytes of the disk of Docker below which another one is looked for. */
const SMALL = 10_000_000_000;
/** How much more the other one must have. */
const MUCH = 5;

/** Reports the data of Docker on a small disk beside a large one, as the one that a cloud mounts at /data. */
async function small(input: CheckInput, mounts: Mount[], host: Host): Promise<Trouble[]> {
  const roots = (await dockerds(input)).flatMap(({ info }) => info?.root || []);
  const found = await Promise.all(
    roots.map(async (root): Promise<Trouble[]> => {
      const { free } = await host.space(root);
      const own = mountOf(mounts, root);
      if (free >= SMALL || !own) return [];
      const others = mounts.filter(
        ({ type, device, readOnly, at, source }) =>
          DISKS.test(type) &&
          device !== own.device &&
          source !== own.source &&
          !readOnly &&
          !/^\/(boot|etc|proc|sys)(\/|$)/.test(at),
      );
      const rooms = await Promise.all(
        others.map(async ({ at }) => ({ at, free: (await host.space(at)).free })),
      );
      const [best] = rooms.sort((a, b) => b.free - a.free);
      if (!best || best.free < free * MUCH || best.free < SMALL) return [];
      return [
        trouble(
          'small-data-root',
          `Docker keeps everything in ${root} with ${bytes(free)} left; ${best.at} has ${bytes(best.free)}.`,
          {
            severity: 'risk',
            mend: [
              'Move it, which stops all containers meanwhile:',
              `  systemctl stop docker.socket docker && cp -a ${root} ${best.at}/docker`,
              `  then "data-root": "${best.at}/docker" in /etc/docker/daemon.json, and systemctl start docker`,
            ],
          },
        ),
      ];
    }),
  );
  return found.flat();
}

async function look(input: CheckInput): Promise<Trouble[]> {
  const { host } = input.context;
  const [mounts, places] = await Promise.all([mountsOf(host), placesOf(input)]);
  // Places on one disk are one trouble.
  const disks = new Map(
    places.toReversed().map((place) => [mountOf(mounts, place.path)?.device ?? place.path, place]),
  );
  const all = await Promise.all(
    [...disks.values()].toReversed().map((place) => full(input, place).catch(() => [])),
  );
  return [...all.flat(), ...(await small(input, mounts, host).catch(() => []))];
}

/** Reports disks that are full, or soon will be. */
export const disks: Check = {
  code: 'disks',
  subject: 'machine',
  title: 'there is room on the disks',
  on: 'both',
  look,
};
