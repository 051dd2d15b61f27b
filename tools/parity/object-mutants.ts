/**
 * Mutated programs of compiled objects, with their maps and types, through the live kernel and our verifier.
 * `object-mutants.ts FOLDER|corpus PER_PROGRAM SEED [OBJECT:PROGRAM:MUTANT]`; the last prints both logs of one mutant; `PRIVILEGE=bpf` is
 * for a loader without CAP_PERFMON.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { verifyInputs } from '../../apps/cli/src/verify/object-input.ts';
import { isBpfError } from '../../packages/errors/src/index.ts';
import { parseBtf } from '../../packages/btf/src/index.ts';
import type { Insn } from '../../packages/isa/src/index.ts';
import { type LiveKernel, openLiveKernel } from '../../packages/kernel/src/index.ts';
import { loadObject } from '../../packages/loader/src/index.ts';
import { libbpfTools } from '../../packages/loader/test/corpus.ts';
import { type VerifyInput, type VerifyMap, verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { type Random, rng } from './random-programs.ts';

// As which it is then to be run: without CAP_PERFMON and CAP_SYS_ADMIN.
const privilege = process.env['PRIVILEGE'] === 'bpf' ? 'bpf' : 'root';
const [folder = 'corpus', per = '20', seed = '1', only] = process.argv.slice(2);
const kernelBtf = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
const targetBtf = parseBtf(kernelBtf);
const ids = new Map(targetBtf.types.filter(({ kind }) => kind === 'FUNC').map(({ name, id }) => [name, id]));
const KFUNCS = [...ids].filter(([name]) => /^bpf_(dynptr|iter|crypto|ct_|skb_ct|map_sum|str|cpumask|task|rcu|obj|list|rbtree|kptr|wq|res_spin|local_irq)/.test(name)).map(([, id]) => id); // prettier-ignore
const HELPERS = [1, 2, 3, 6, 7, 16, 26, 39, 44, 130, 131, 132, 133, 181, 194, 197, 198, 199, 200, 201, 202, 203, 209];
const IMMS = [0, 1, -1, 2, 4, 7, 8, 15, 16, 31, 32, 63, 64, 255, 256, -8, -16, 0x7fffffff];
const OFFSETS = [0, 1, -1, 2, 4, 8, 12, 16, 20, 24, 32, 64, 76, 80, -4, -8, -16, -24, -256, -512];

const EPERM = 1;
const PERF_EVENT_ARRAY = 4;
/** Types of maps that take no BTF (libbpf: bpf_object__create_map). */
const UNTYPED = new Set([4, 7, 8, 12, 13, 14, 15, 16, 17, 18, 22, 23, 25, 33]);

const pick = <T>(r: Random, list: readonly T[]): T => list[Math.floor(r() * list.length)]!;

/** One instruction is changed, or replaced by another of the program. */
function mutate(r: Random, insns: Insn[]): void {
  const at = Math.floor(r() * insns.length);
  const insn = { ...insns[at]! };
  const isCall = insn.opcode === 0x85;
  if (insn.opcode === 0x18 || insn.opcode === 0) return;
  const step = r() < 0.5 ? 1 : -1;
  switch (Math.floor(r() * 8)) {
    case 0: insn.dst_reg = Math.floor(r() * 11); break;
    case 1: if (!isCall) insn.src_reg = Math.floor(r() * 11); break;
    case 2: if (!isCall) insn.imm = pick(r, IMMS); break;
    case 3: if (!isCall) insn.offset = pick(r, OFFSETS); break;
    case 4: if (isCall) insn.imm = insn.src_reg === 2 ? pick(r, KFUNCS) : insn.src_reg === 0 ? pick(r, HELPERS) : insn.imm; break;
    case 5: insn.imm = (insn.imm + step) | 0; break;
    case 6: if (!isCall) insn.offset = Math.max(-32768, Math.min(32767, insn.offset + step)); break;
    default: {
      const other = pick(r, insns);
      if (other.opcode !== 0x18 && other.opcode !== 0) Object.assign(insn, other);
    }
  } // prettier-ignore
  insns[at] = insn;
}

/** Instructions with numbers of kernel functions and indexes of maps, as both sides take them. */
function bound(input: VerifyInput): Insn[] {
  const insns = input.insns.map((insn) => ({ ...insn }));
  for (const [name, at] of input.kfuncs ?? []) insns[at] = { ...insns[at]!, imm: ids.get(name) ?? 0, offset: 0 };
  for (const [at, map] of input.fixups ?? []) {
    const insn = insns[at]!;
    insns[at] = { ...insn, src_reg: insn.src_reg === 2 || insn.src_reg === 6 ? 6 : 5, imm: map };
  }
  return insns;
}

function createMap(kernel: LiveKernel, map: VerifyMap, btfFd: number): number {
  const { frozen, btf, inner, btfKeyTypeId, btfValueTypeId, ...init } = map;
  const typed = btf === undefined || btfValueTypeId === undefined || UNTYPED.has(map.type) ? {} : { btfFd, btfKeyTypeId: btfKeyTypeId ?? 0, btfValueTypeId }; // prettier-ignore
  const outer = inner === undefined ? {} : { innerMapFd: createMap(kernel, inner, btfFd) };
  const made = kernel.createMap({ ...init, ...typed, ...outer });
  if (frozen !== undefined) {
    made.update(new Uint8Array(4), frozen);
    made.freeze();
  }
  return made.fd;
}

function idOfTarget(name: string): number | undefined {
  const found = targetBtf.types.find((type) => type.name === `btf_trace_${name}`) ?? targetBtf.types.find((type) => type.kind === 'FUNC' && (type.name === `bpf_iter_${name}` || type.name === name)); // prettier-ignore
  return found?.id;
}

using kernel = openLiveKernel();
const tally = new Tally();
let accepted = 0;

function tryProgram(name: string, input: VerifyInput, btfFd: number, fds: Map<string, number>): void {
  // Loaders give some maps their size.
  const maps = (input.maps ?? []).map((map) => ({
    ...map,
    maxEntries: map.type === PERF_EVENT_ARRAY ? 2 : map.maxEntries,
  }));
  const fdArray = maps.map((map) => {
    const key = JSON.stringify([map.name, map.type, map.keySize, map.valueSize, map.maxEntries]);
    const fd = fds.get(key) ?? createMap(kernel, map, btfFd);
    fds.set(key, fd);
    return fd;
  });
  const traces = /tracing|lsm/i.test(String(input.type)) && input.attachBtfName !== undefined;
  const attachBtfId = traces ? idOfTarget(input.attachBtfName!) : undefined;
  if (traces && attachBtfId === undefined) return;
  const base = bound(input);
  const words = Uint32Array.from((input.functions ?? []).flatMap(({ insn, type }) => [insn, type]));
  const funcInfo = { recordSize: 8, bytes: new Uint8Array(words.buffer) };
  for (let k = 0; k < Number(per); k++) {
    const id = `${name}:${k}`;
    const r = rng(Number(seed) * 100_003 + [...id].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) | 0, 7));
    const insns = [...base];
    // The first is the program itself.
    for (let n = k === 0 ? 0 : 1 + Math.floor(r() * 2); n > 0; n--) mutate(r, insns);
    if (only !== undefined && only !== id) continue;
    const logLevel = only === undefined ? 4 : 2;
    const how = { type: input.type!, flags: input.flags ?? 0, license: input.license ?? 'GPL', ...(input.attachType === undefined || input.attachType === null ? {} : { attachType: input.attachType }) }; // prettier-ignore
    const target = attachBtfId === undefined ? {} : { attachBtfId };
    const loaded = kernel.load(insns, { ...how, ...target, fdArray, btfFd, ...(words.length === 0 ? {} : { funcInfo }), logLevel }); // prettier-ignore
    // Policy of this machine, not a rule.
    if (loaded.errno === EPERM && loaded.message === '') continue;
    if (loaded.accepted) {
      accepted++;
      kernel.close(loaded.fd);
    }
    try {
      const plain = { ...input, maps, insns, fixups: [], kfuncs: [], lines: [] };
      const report = verify(plain, { kernelBtf, logLevel: only === undefined ? 0 : 2, cpus: 2, privilege });
      if (only !== undefined) console.log(`${loaded.log}\n-----\n${report.log}`);
      tally.add(difference(toldByKernel(loaded), toldByUs(report)), id);
    } catch (error) {
      tally.add(`crash ${String(error)}`, id);
    }
  }
}

/** Programs of an object; none for one that is for another kernel, or in sections without a type. */
function programsOf(bytes: Uint8Array): { readonly name: string; readonly input: VerifyInput }[] {
  try {
    const object = loadObject(bytes, { illegal: 'keep', targetBtf });
    if (object.endian !== 'little') return [];
    const from = { kind: 'object', programs: object.programs, object, bytes, fixedOrder: true } as const;
    return verifyInputs(from, undefined).map((input, i) => ({ name: object.programs[i]!.name, input }));
  } catch (error) {
    if (isBpfError(error)) return [];
    throw error;
  }
}

const objects =
  folder === 'corpus'
    ? libbpfTools()
    : readdirSync(folder).filter((file) => file.endsWith('.o')).map((file) => ({ name: file, bytes: new Uint8Array(readFileSync(`${folder}/${file}`)) })); // prettier-ignore
for (const { name, bytes } of objects) {
  if (only !== undefined && !only.startsWith(`${name}:`)) continue;
  const programs = programsOf(bytes);
  const { btf } = programs[0]?.input ?? {};
  const types = btf === undefined ? undefined : kernel.loadBtf(btf);
  if (types?.accepted !== true) continue;
  const fds = new Map<string, number>();
  programs.forEach((program, index) => {
    try {
      tryProgram(`${name}:${program.name}`, program.input, types.fd, fds);
    } catch (error) {
      // Maps that this kernel does not make as they are.
      if (index === 0) console.error(`${name}: ${String(error).split('\n')[0]!}`);
    }
  });
  for (const fd of fds.values()) kernel.close(fd);
}
tally.print(`mutants of objects, ${accepted} accepted`);
