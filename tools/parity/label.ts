/**
 * Writes packages/verifier/test/cases: programs with what the live kernel says of them. `label.ts` takes random and
 * mutated programs with as many different reasons as it can find; the first of each reason is kept, and some accepted.
 */
import { writeFileSync } from 'node:fs';
import { arbitraryFrontierProgram, generatorOf } from '../../packages/fuzz/src/index.ts';
import { encodeProgram, makeInsn, type Insn } from '../../packages/isa/src/index.ts';
import { openLiveKernel, type LoadOutcome } from '../../packages/kernel/src/index.ts';
import { normalise, toldByKernel } from './compare.ts';
import { DYNPTR_ATTACH, DYNPTR_MAPS, DYNPTR_TYPES, dynptrProgram } from './dynptr-programs.ts';
import { randomProgram, rng } from './random-programs.ts';

const CASES = new URL('../../packages/verifier/test/cases/', import.meta.url);
const MAP = { type: 2, keySize: 4, valueSize: 64, maxEntries: 2 };

/** A program and the verdict of the kernel, as it is kept. */
interface Case {
  readonly name: string;
  readonly type: string;
  readonly flags: number;
  readonly maps: readonly (readonly [type: number, key: number, value: number, entries: number])[];
  readonly insns: string;
  readonly errno: number;
  readonly message: string;
  readonly processed: number;
}

using kernel = openLiveKernel();
const perReason = new Map<string, number>();

function wanted(loaded: LoadOutcome, accepted: number): boolean {
  const reason = loaded.accepted ? 'accepted' : normalise(toldByKernel(loaded).message);
  const seen = perReason.get(reason) ?? 0;
  perReason.set(reason, seen + 1);
  if ((loaded.stats?.insnsProcessed ?? 0) > 20_000) return false;
  return seen < (loaded.accepted ? accepted : 2);
}

function makeCase(
  name: string,
  type: string,
  flags: number,
  maps: Case['maps'],
  insns: readonly Insn[],
  loaded: LoadOutcome,
): Case {
  const told = toldByKernel(loaded);
  // Some reasons of the kernel end without a line break, and the figures follow at once.
  const message = told.message.replace(/verification time \d+ usec$/, '');
  const text = Buffer.from(encodeProgram(insns)).toString('base64');
  return { name, type, flags, maps, insns: text, errno: told.errno, message, processed: told.processed };
}

function write(topic: string, cases: readonly Case[]): void {
  writeFileSync(new URL(`${topic}.json`, CASES), `[\n${cases.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`);
  console.log(`${topic}: ${cases.length}`);
}

function randomCases(): Case[] {
  const map = kernel.createMap(MAP);
  const cases: Case[] = [];
  for (let i = 0; i < 1500; i++) {
    const next = rng(77 * 1000003 + i);
    const insns = randomProgram(next);
    const flags = next() < 0.2 ? 8 : 0;
    const loaded = kernel.load(insns, { type: 'kprobe', fdArray: [map.fd], flags, logLevel: 4 });
    if (loaded.accepted) kernel.close(loaded.fd);
    if (wanted(loaded, 120)) cases.push(makeCase(`random ${i}`, 'kprobe', flags, [[2, 4, 64, 2]], insns, loaded));
  }
  return cases;
}

function frontierCases(): Case[] {
  perReason.clear();
  const generate = generatorOf(arbitraryFrontierProgram(), 4711);
  const fdsOf = new Map<string, number[]>();
  const cases: Case[] = [];
  for (let i = 0; i < 4000; i++) {
    const { program, type } = generate(i);
    let fds = fdsOf.get(type);
    fds ??= program.maps.map(
      ({ type, keySize, valueSize, maxEntries }) => kernel.createMap({ type, keySize, valueSize, maxEntries }).fd,
    );
    fdsOf.set(type, fds);
    const loaded = kernel.load(program.insns, { type, fdArray: fds, logLevel: 4 });
    if (loaded.accepted) kernel.close(loaded.fd);
    if (!wanted(loaded, 60)) continue;
    const maps = program.maps.map((map) => [map.type, map.keySize, map.valueSize, map.maxEntries] as const);
    cases.push(makeCase(`frontier ${i}`, type, 0, maps, program.insns, loaded));
  }
  return cases;
}

/** Dynptrs of helpers; kernel functions have numbers of one kernel, and functions of the program need BTF. */
function dynptrCases(): Case[] {
  perReason.clear();
  const fdArray = DYNPTR_MAPS.map((map) => kernel.createMap(map).fd);
  const maps = DYNPTR_MAPS.map((map) => [map.type, map.keySize, map.valueSize, map.maxEntries] as const);
  const cases: Case[] = [];
  for (let i = 0; i < 20_000; i++) {
    const next = rng(33 * 1000003 + i);
    const type = DYNPTR_TYPES[Math.floor(next() * DYNPTR_TYPES.length)]!;
    const { insns, functions } = dynptrProgram(next, type, () => makeInsn(0x85, 0, 2, 0, 0));
    const callsKernel = insns.some(({ opcode, src_reg: src }) => opcode === 0x85 && src === 2);
    if (callsKernel || functions.length > 1 || type in DYNPTR_ATTACH) continue;
    const flags = (type === 'syscall' ? 16 : 0) | (next() < 0.2 ? 8 : 0);
    const loaded = kernel.load(insns, { type, flags, fdArray, logLevel: 4 });
    if (loaded.accepted) kernel.close(loaded.fd);
    if (wanted(loaded, 90)) cases.push(makeCase(`dynptr ${i}`, type, flags, maps, insns, loaded));
  }
  return cases;
}

write('random', randomCases());
write('frontier', frontierCases());
write('dynptrs', dynptrCases());
