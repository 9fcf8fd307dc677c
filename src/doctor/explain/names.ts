// Messages about images: their names, what they are made of, whether they are there.
import { commandLine } from '../../terminal/command.ts';
import { askLine, listLine, type Message, onServer, placeOr } from './message.ts';

export const NAMES: Message[] = [
  {
    code: 'lower-case',
    subject: 'login',
    pattern: /repository name (?:\(\S{1,200}\) )?must be lowercase|invalid reference format/i,
    cause: () => 'The name of the image is none: small letters, digits, . _ - and one colon before the tag.',
    mend: () => ['HOST:PORT/team/app:1.0   (no http:// before it, no capital letter, no blank)'],
  },
  {
    code: 'platform',
    subject: 'login',
    pattern:
      /no matching manifest for (\S{1,40})|image operating system "?\w+"? cannot be used|no match for platform in manifest|does not match the (?:specified|expected) platform:? ?(?:wanted )?\(?(\S{1,40}?)[,)]?(?:\s|$)/i,
    cause: ([, one, other]) => `The image is not there for ${one ?? other ?? 'this machine'}.`,
    mend: (_, about) => [
      `Which are there? ${about.own ? onServer(about, 'image show REPO:TAG') : commandLine(`image show REPO:TAG --host ${about.place ?? 'HOST:PORT'}`)}`,
      'Build for both: docker buildx build --platform linux/amd64,linux/arm64 --push …',
    ],
  },
  {
    code: 'no-local-image',
    subject: 'login',
    pattern:
      /An image does not exist locally with the tag: (\S{1,250})|tag does not exist: (\S{1,250})|Error: (\S{1,250}): image not known/i,
    cause: ([, ...names]) =>
      `This machine has no image of the name ${names.find(Boolean)}: there is nothing to push.`,
    mend: () => ['docker images', 'Give it the name first: docker tag app:1.0 HOST:PORT/team/app:1.0'],
  },
  {
    code: 'not-there',
    subject: 'login',
    pattern:
      /manifest (?:for \S{1,250} )?(?:unknown|not found)|MANIFEST_UNKNOWN|repository name not known to registry|NAME_UNKNOWN|name unknown|failed to resolve reference "[^"\s]{1,300}": [^"\s]{1,300}: not found/i,
    cause: (_, about) => `The image or tag is not in ${placeOr(about, 'the registry')}.`,
    mend: (_, about) => [`What is there: ${listLine(about)}`],
  },
  {
    code: 'old-format',
    subject: 'login',
    pattern:
      /schema ?v?(?:ersion )?1 [^\n]{0,60}(?:no longer|deprecated|unsupported|not supported|disabled)|Docker Image manifest version 2, schema 1|prettyjws|missing signature key/i,
    cause: () => 'The image is in a format of 2015 (schema 1), which registry 3 and new engines do not take.',
    mend: () => ['Pull it with an old Docker, and push it again with one from 1.10 on.'],
  },
  {
    code: 'parts-missing',
    subject: 'login',
    pattern:
      /manifest blob unknown|MANIFEST_BLOB_UNKNOWN|blob unknown to registry|unknown blob|BLOB_UNKNOWN/i,
    cause: () => 'A part of the image is not in the registry: a push was cut off, or a collection took it.',
    mend: () => ['Push the image again, whole: the layers that are there are not sent twice.'],
  },
  {
    code: 'switched-off',
    subject: 'login',
    pattern:
      /405 Method Not Allowed|HTTP 405|status(?: ?code)?:? 405|unknown: Method not allowed|the operation is unsupported|UNSUPPORTED: /i,
    cause: (_, about) =>
      `${placeOr(about)} is read-only for the moment (a collection), or deleting is switched off there.`,
    mend: (_, about) => [
      `Is one under way? ${onServer(about, 'status')}`,
      `Allow deleting: ${onServer(about, '--delete --yes')}`,
    ],
  },
  {
    code: 'manifest-invalid',
    subject: 'login',
    pattern:
      /manifest invalid|MANIFEST_INVALID|digest (?:invalid|did not match)|DIGEST_INVALID|SIZE_INVALID|failed size validation|unexpected commit digest/i,
    cause: () => 'What was sent is damaged, or something in between changes it.',
    mend: (_, about) => [
      'A proxy that rewrites or shortens answers: docker info | grep -i proxy',
      `From the server itself, without it: ${askLine(about)}`,
    ],
  },
  {
    code: 'server-error',
    subject: 'machine',
    general: true,
    pattern: /500 Internal Server Error|HTTP 500|status(?: ?code)?:? 500\b/i,
    cause: (_, about) =>
      `${placeOr(about)} could not do it; most often it may not write (SELinux, owner) or its disk is full.`,
    mend: (_, about) => [
      `What is it? ${onServer(about, 'doctor')}`,
      ...(about.own ? [`Its log: ${about.own.log}`] : []),
      'SELinux can stay on: the set-up labels the directory (docker run -v …:Z).',
    ],
  },
];
