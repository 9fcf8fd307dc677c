// Messages about the machine: disks, rights, engines.
import { type Message, onServer } from './message.ts';

export const MACHINE: Message[] = [
  {
    code: 'no-engine',
    subject: 'machine',
    pattern:
      /Cannot connect to the Docker daemon|Is the docker daemon running|docker\.sock: connect: (?:no such file|connection refused)|failed to connect to the docker API/i,
    cause: () => 'Docker does not run, or the shell asks another machine for it.',
    mend: () => ['systemctl start docker', 'Is another one meant? docker context ls; echo "$DOCKER_HOST"'],
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
    mend: (_, _line, own) => [
      'Which one? df -h; df -i',
      `Give space back: ${onServer(own, 'image prune --keep-last 5')}, then: ${onServer(own, 'image gc')}`,
      'Of Docker itself: docker system df; docker image prune',
    ],
  },
  {
    code: 'selinux',
    subject: 'machine',
    pattern: /avc:\s{1,5}denied|SELinux is preventing/i,
    cause: () => 'SELinux does not let the container at its files.',
    mend: (_, _line, own) => [
      `Let the set-up label them: ${onServer(own, '--yes')}`,
      'By hand: a mount with :Z, or chcon -Rt container_file_t DIR. SELinux can stay on.',
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
      /(?:mkdir|open|rename|chown|unlink) \S{0,200}(?:\/var\/lib\/registry|\/docker\/registry)\S{0,300}: (?:permission denied|operation not permitted)/i,
    cause: () => 'The registry may not write to its storage (another owner, or NFS that makes root nobody).',
    mend: (_, _line, own) => [
      `Whose is it? ${onServer(own, 'status')}`,
      'NFS: export it with no_root_squash, or give it to the user that the registry runs as.',
    ],
  },
  {
    code: 'file-rights',
    subject: 'machine',
    pattern: /open (\/\S{1,200}): permission denied/i,
    cause: ([, file]) => `${file} may not be read by who needs it.`,
    mend: (_, _line, own) => [
      `Put modes and owners right: ${onServer(own, '--yes')}`,
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
