#!/bin/sh
':' /* A bundle of registry-setup, to set up a registry where there is no network. Run it:   sh FILE   or   node FILE
# sh reads these lines, for node they are a comment; what node reads comes after them, and sh never gets there.
first=0 last=0
# A node for a machine that has none: where it lies in this file, how long it is, its SHA-256.
node_from=0 node_size=0 node_sum=none
if [ ! -f "$0" ]; then
  echo "✖ Run it as a file:   sh FILE" >&2
  exit 2
fi
serves() {
  command -v "$1" >/dev/null 2>&1 || return 1
  [ "$node_size" -eq 0 ] || "$1" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b > 16) ? 0 : 1)'
}
unpack_node() {
  umask 077
  folder=$(mktemp -d "${TMPDIR:-/var/tmp}/registry-setup-XXXXXX") || exit 2
  trap 'rm -rf "$folder"; exit 130' INT TERM HUP
  node=$folder/node
  if ! tail -c "+$node_from" "$0" | head -c "$node_size" | base64 -d 2>/dev/null | gzip -dc >"$node" 2>/dev/null ||
    { command -v sha256sum >/dev/null 2>&1 && [ "$(sha256sum <"$node" | cut -c1-64)" != "$node_sum" ]; }; then
    echo "✖ $0 is cut off or damaged, or there is no room in ${TMPDIR:-/var/tmp}." >&2
    echo "  Copy it again; TMPDIR=DIR sh $0 unpacks elsewhere." >&2
    rm -rf "$folder"
    exit 2
  fi
  chmod 700 "$node"
  if ! why=$("$node" -e 0 2>&1); then
    echo "✖ The node in $0 does not run on this machine: $why" >&2
    echo "  TMPDIR=DIR sh $0 unpacks elsewhere; or put Node 20.17 on the PATH (nodejs.org/en/download)." >&2
    rm -rf "$folder"
    exit 2
  fi
  export REGISTRY_SETUP_CARRIED_NODE="$folder"
}
for node in node nodejs /usr/local/bin/node /opt/node/bin/node /opt/registry/program/node; do
  serves "$node" && break
  node=
done
if [ -z "$node" ]; then
  if [ "$node_size" -eq 0 ]; then
    echo "✖ registry-setup needs Node 20.17 or newer, and there is no node on the PATH." >&2
    echo "  Copy one over, too (nodejs.org/en/download), then:   PATH=DIR/bin:\$PATH sh $0" >&2
    echo "  Or make the bundle with one in it:                    registry-setup bundle FILE --with-node" >&2
    exit 2
  fi
  unpack_node
fi
exec "$node" -e "$(head -n "$last" "$0" | tail -n "+$first")" -- "$0" "$@"
exit 126
*/
;(async () => {
  // What is in this file. Written by registry-setup bundle; no password is among the answers.
  const about = {};
  const [given, ...words] = process.argv.slice(1);
  const refuse = (message, fix) => {
    const error = { message, fix: [fix] };
    if (words.includes('--json')) console.log(JSON.stringify({ version: 1, ok: false, error }, null, 2));
    console.error(`✖ ${message}\n  ${fix}`);
    process.exitCode = 2;
  };
  // In words that an old node understands, too.
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 17))
    return refuse(`registry-setup needs Node 20.17 or newer; this is ${process.version}.`, 'https://nodejs.org/en/download');
  const [fs, os, path, url, crypto, zlib] = ['fs', 'os', 'path', 'url', 'crypto', 'zlib'].map((name) => process.getBuiltinModule(name));
  const file = path.resolve(given);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(name, () => process.listenerCount(name) === 1 && process.exit(130));
  // Where sh has put the node of this file, if it did.
  const node = process.env.REGISTRY_SETUP_CARRIED_NODE;
  delete process.env.REGISTRY_SETUP_CARRIED_NODE;
  if (node) process.on('exit', () => fs.rmSync(node, { recursive: true, force: true }));

  const payload = () => {
    const bytes = fs.readFileSync(file);
    const mark = '\n//payload:';
    const at = bytes.indexOf(mark);
    return at < 0 ? bytes.subarray(0, 0) : bytes.subarray(at + mark.length, at + mark.length + about.length);
  };
  // A line comment has no ends of lines in it: they, the first byte of two more, and the sign itself are behind a sign.
  const part = ({ at, length }) => {
    const bytes = payload().subarray(at, at + length);
    let to = 0;
    for (let from = 0; from < bytes.length; from++) {
      const byte = bytes[from];
      bytes[to++] = byte === 0x1b ? bytes[++from] ^ 0x40 : byte;
    }
    return zlib.brotliDecompressSync(bytes.subarray(0, to));
  };
  {
    const bytes = payload();
    if (bytes.length < about.length) {
      const there = Math.floor((100 * bytes.length) / about.length);
      return refuse(`${given} is cut off: only ${there} % of it is here.`, 'Copy it again.');
    }
    if (crypto.createHash('sha256').update(bytes).digest('hex') !== about.sha256)
      return refuse(`${given} is damaged: it is not what was written.`, 'Copy it again.');
  }

  const base = process.env.TMPDIR || ['/var/tmp'].find((dir) => fs.existsSync(dir)) || os.tmpdir();
  let folder;
  try {
    folder = fs.mkdtempSync(path.join(base, 'registry-setup-'));
    process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
    for (const [name, text] of Object.entries(JSON.parse(part(about.program).toString()))) {
      const target = path.join(folder, 'program', name);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, text);
    }
  } catch (error) {
    return refuse(`The bundle cannot be unpacked in ${base}: ${error.message}`, `TMPDIR=DIR sh ${given}      unpacks elsewhere`);
  }
  const images = path.join(folder, 'images.tar');
  const unpack = () => {
    if (!fs.existsSync(images)) fs.writeFileSync(images, part(about.archive), { mode: 0o600 });
    return images;
  };
  // src/bundle/carried.ts finds it there.
  globalThis[Symbol.for('registry-setup.bundle')] = { file, about, unpack, node: node && process.execPath };
  await import(url.pathToFileURL(path.join(folder, 'program/dist/cli.js')).href);
})();
