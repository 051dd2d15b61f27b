/**
 * Objects that other people compiled: what Debian's libbpf-tools carry inside their executables, and the test data of
 * golang-github-cilium-ebpf-dev. They are read where the packages put them, and never copied into the project.
 */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CorpusObject {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const EM_BPF = 247;
const TOOLS = '/usr/sbin';
const CILIUM = '/usr/share/gocode/src/github.com/cilium/ebpf';

/** The object inside each executable of libbpf-tools; empty when the package is not installed. */
export function libbpfTools(): CorpusObject[] {
  if (!existsSync('/usr/share/doc/libbpf-tools')) return [];
  const list = readFileSync('/var/lib/dpkg/info/libbpf-tools.list', 'utf8').split('\n');
  return list
    .filter((path) => path.startsWith(`${TOOLS}/`) && lstatSync(path).isFile())
    .flatMap((path) => carve(new Uint8Array(readFileSync(path))).map((bytes) => ({ name: path.slice(TOOLS.length + 1), bytes }))); // prettier-ignore
}

/** All objects of the Go package, both byte orders; empty when it is not installed. */
export function ciliumObjects(): CorpusObject[] {
  if (!existsSync(CILIUM)) return [];
  const names = readdirSync(CILIUM, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => /\.(o|elf)$/.test(name))
    .sort()
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(CILIUM, name))) }))
    .filter(({ bytes }) => isBpf(bytes, 0));
}

function isBpf(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== 0x7f || bytes[at + 1] !== 0x45 || bytes[at + 2] !== 0x4c || bytes[at + 3] !== 0x46) return false;
  const machine = at + 18;
  return (bytes[at + 5] === 1 ? bytes[machine]! : bytes[machine + 1]!) === EM_BPF;
}

/** Finds ELF files of eBPF in a file; each ends with its section headers, as LLVM writes them. */
function carve(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Uint8Array[] = [];
  for (let at = bytes.indexOf(0x7f); at >= 0 && at + 64 <= bytes.length; at = bytes.indexOf(0x7f, at + 1)) {
    if (!isBpf(bytes, at)) continue;
    const end = Number(view.getBigUint64(at + 40, true)) + view.getUint16(at + 58, true) * view.getUint16(at + 60, true); // prettier-ignore
    if (at + end <= bytes.length) found.push(bytes.slice(at, at + end));
  }
  return found;
}
