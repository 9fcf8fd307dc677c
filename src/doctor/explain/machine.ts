// Messages about the machine: disks, rights, engines.
import { shellLine } from '../../terminal/shell.ts';
import { type Message, onServer } from './message.ts';

export const MACHINE: Message[] = [
  {
    code: 'no-engine',
    subject: 'machine',
    pattern:
      /Cannot connect to the Docker daemon|Is the docker daemon running|docker\.sock: connect: (?:no such file|connection refused)|failed to connect to the docker API|docker_engine: The system cannot find/i,
    cause: () => 'Docker does not run, or the shell asks another machine for it.',
    mend: () => ['systemctl start docker', 'Is another one meant? docker context ls; echo "$DOCKER_HOST"'],
  },
  {
    code: 'no-podman',
    subject: 'machine',
    pattern: /Cannot connect to Podman|unable to connect to Podman socket/i,
    cause: () => 'The service of podman does not run.',
    mend: () => ['systemctl start podman.socket   (without root: systemctl --user start podman.socket)'],
  },
  {
    code: 'no-program',
    subject: 'machine',
    pattern:
      /\b(docker|podman|npx|node|nginx|htpasswd|kubectl)[:：] ?(?:command not found|not found|未找到命令)|command not found: (docker|podman|npx|node)\b|Unit docker\.service (?:could not be found|not found)/i,
    cause: ([, one, other]) => `There is no ${one ?? other ?? 'docker'} on this machine.`,
    mend: ([, one, other]) =>
      /^(?:npx|node)$/.test(one ?? other ?? '')
        ? [
            'Install Node.js (Debian, Ubuntu: apt-get install nodejs npm), or carry the program over: registry-setup bundle FILE',
          ]
        : [
            `Which package has it? ${shellLine('apt-cache', ['search', one ?? other ?? 'docker.io'])}   (Red Hat: dnf provides)`,
          ],
  },
  {
    code: 'docker-rights',
    subject: 'machine',
    pattern:
      /permission denied while trying to connect to the (?:Docker daemon|docker API)|docker\.sock[^\n]{0,60}permission denied/i,
    cause: () => 'This user may not talk to Docker.',
    mend: () => [
      'As root: sudo docker …',
      'For good (that is as much as root): sudo usermod -aG docker "$USER", and log in again',
    ],
  },
  {
    code: 'api-version',
    subject: 'machine',
    pattern:
      /client version (\S{1,20}) is too (old|new)\. (?:Minimum|Maximum) supported API version is (\S{1,20})/i,
    cause: ([, version, age, limit = '']) =>
      `The program speaks version ${version} of Docker's API, which is too ${age}: the limit of this Docker is ${limit.replace(/[,.]$/, '')}.`,
    mend: ([, , age]) =>
      age === 'old'
        ? [
            'Update that program (the docker command line, Watchtower, Traefik, Portainer …).',
            'For a moment: DOCKER_MIN_API_VERSION=1.24 in the service of Docker',
          ]
        : ['Update Docker, or for this shell: export DOCKER_API_VERSION=LIMIT'],
  },
  {
    code: 'disk-full',
    subject: 'machine',
    pattern: /no space left on device|ENOSPC|disk quota exceeded/i,
    cause: () => 'A disk is full, or has no inodes left.',
    mend: (_, about) => [
      'Which one? df -h; df -i',
      `Remove old images: ${onServer(about, 'image prune --keep-last 5')}`,
      `Then give the space back: ${onServer(about, 'image gc')}`,
      'Of Docker itself: docker system df; docker image prune',
    ],
  },
  {
    code: 'selinux',
    subject: 'machine',
    pattern: /avc:\s{1,5}denied|SELinux is preventing/i,
    cause: () => 'SELinux does not let the container at its files.',
    mend: (_, about) => [
      `Let the set-up label them: ${onServer(about, '--yes')}`,
      'By hand: a mount with :Z, or chcon -Rt container_file_t DIR. SELinux can stay on.',
    ],
  },
  {
    code: 'mount-source',
    subject: 'machine',
    pattern: /error while creating mount source path '([^'\n]{1,200})'|statfs (\S{1,200}): no such file/i,
    cause: ([, one, other]) => `Docker cannot make or see ${one ?? other}, which is to be mounted.`,
    mend: () => [
      'Docker from snap sees only some directories: is it one? snap list docker',
      'Then keep the registry where it may look: registry-setup --dir /var/snap/docker/common/registry',
    ],
  },
  {
    code: 'read-only-disk',
    subject: 'machine',
    pattern: /read-only file system|EROFS/i,
    cause: () => 'What should be written is on a file system that is read-only.',
    mend: () => [
      'findmnt -t ext4,xfs,btrfs,nfs,nfs4 -o TARGET,OPTIONS',
      'After an error of the disk: dmesg | tail -n 50',
    ],
  },
  {
    code: 'storage-rights',
    subject: 'machine',
    pattern:
      /filesystem: [^\n"]{0,500}: (?:permission denied|operation not permitted)|(?:mkdir|open|rename|chown|unlink) \S{0,200}(?:\/var\/lib\/registry|\/docker\/registry)\S{0,300}: (?:permission denied|operation not permitted)/i,
    cause: () => 'The registry may not write to its storage (another owner, or NFS that makes root nobody).',
    mend: (_, about) => [
      `Whose is it? ${onServer(about, 'status')}`,
      'NFS: export it with no_root_squash, or give it to the user that the registry runs as.',
    ],
  },
  {
    code: 'file-rights',
    subject: 'machine',
    pattern: /open (\/\S{1,200}): permission denied/i,
    cause: ([, file]) => `${file} may not be read by who needs it.`,
    mend: (_, about) => [
      `Put modes and owners right: ${onServer(about, '--yes')}`,
      'If they are right, look for SELinux: ausearch -m avc -ts recent',
    ],
  },
  {
    code: 'other-architecture',
    subject: 'machine',
    pattern: /exec format error/i,
    cause: () => 'The image is for another processor than that of this machine.',
    mend: () => ['uname -m', 'docker image inspect --format "{{.Os}}/{{.Architecture}}" IMAGE'],
  },
  {
    code: 'firewall-rules',
    subject: 'machine',
    pattern: /No chain\/target\/match by that name|Failed to Setup IP tables/i,
    cause: () =>
      'The rules of Docker in the firewall are gone: something has written the firewall anew since Docker started.',
    mend: () => ['systemctl restart docker      (containers stop for a moment)'],
  },
  {
    code: 'network-overlap',
    subject: 'machine',
    pattern:
      /Pool overlaps with other one on this address space|could not find an available, non-overlapping/i,
    cause: () => 'Docker has no addresses left for a network, or they are those of another one.',
    mend: () => ['docker network ls; ip route', 'docker network prune'],
  },
  {
    code: 'files-open',
    subject: 'machine',
    pattern: /too many open files|EMFILE/i,
    cause: () => 'A program has as many files open as it may.',
    mend: () => ['ulimit -n; systemctl show docker -p LimitNOFILE'],
  },
  {
    code: 'killed',
    subject: 'machine',
    pattern: /\bOOMKilled\b|out of memory: killed process|signal: killed/i,
    cause: () => 'The machine had no memory left, and ended a program.',
    mend: () => ['free -h; dmesg | grep -i "killed process" | tail'],
  },
];
