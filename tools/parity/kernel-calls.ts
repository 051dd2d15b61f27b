/** Programs around kernel functions: pieces with jumps by name, and a run of many of them on both sides. */
import { readFileSync } from 'node:fs';
import { parseBtf } from '../../packages/btf/src/index.ts';
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';
import { openLiveKernel, type LiveKernel } from '../../packages/kernel/src/index.ts';
import { FUNC_INFO_SIZE, recordTable } from '../../packages/kernel/src/load-program.ts';
import { verify, type VerifyInput, type VerifyMap } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { rng, type Random } from './random-programs.ts';

/** Types of the kernel, as bytes and parsed. */
export const kernelBtf: Uint8Array = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
export const types: ReturnType<typeof parseBtf> = parseBtf(kernelBtf);
const ids = new Map(types.types.map(({ kind, name, id }) => [`${kind} ${name}`, id]));

/** Id of a type of the kernel. */
export function idOf(kind: string, name: string): number {
  return ids.get(`${kind} ${name}`)!;
}

/** Whether the kernel has the function. */
export function hasFunction(name: string): boolean {
  return ids.has(`FUNC ${name}`);
}

/** An insn, one that jumps to a label, or the label itself. */
export type Piece = Insn | { readonly insn: Insn; readonly to: string } | string;

export const insn = makeInsn;
/** Call of a kernel function. */
export const call = (name: string): Insn => makeInsn(0x85, 0, 2, 0, idOf('FUNC', name));
export const move = (to: number, from: number): Insn => makeInsn(0xbf, to, from, 0, 0);
export const set = (to: number, value: number): Insn => makeInsn(0xb7, to, 0, 0, value);
/** Address of a place on the stack. */
export const stackAt = (to: number, off: number): Insn[] => [move(to, 10), makeInsn(0x07, to, 0, 0, off)];
export const jump = (opcode: number, reg: number, imm: number, to: string): Piece => ({ insn: makeInsn(opcode, reg, 0, 0, imm), to }); // prettier-ignore
export const goto = (to: string): Piece => ({ insn: makeInsn(0x05, 0, 0, 0, 0), to });
/** Call of a function of the program, or its address in a register (two slots). */
export const callLocal = (to: string): Piece => ({ insn: makeInsn(0x85, 0, 1, 0, 0), to });
export const addressOf = (reg: number, to: string): Piece[] => [{ insn: makeInsn(0x18, reg, 4, 0, 0), to }, makeInsn(0, 0, 0, 0, 0)]; // prettier-ignore
/** A map, or the address of its value. */
export const loadMap = (reg: number, index: number): Insn[] => [makeInsn(0x18, reg, 5, 0, index), makeInsn(0, 0, 0, 0, 0)]; // prettier-ignore
export const loadValue = (reg: number, index: number, off = 0): Insn[] => [makeInsn(0x18, reg, 6, 0, index), makeInsn(0, 0, 0, 0, off)]; // prettier-ignore
export const EXIT: readonly Insn[] = [set(0, 0), makeInsn(0x95, 0, 0, 0, 0)];
export const pick = <T>(r: Random, list: readonly T[]): T => list[Math.floor(r() * list.length)]!;

/** Puts the jumps in; also where each label is. */
export function assemble(pieces: readonly Piece[]): { insns: Insn[]; labels: Map<string, number> } {
  const labels = new Map<string, number>();
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === 'string') labels.set(piece, at);
    else at++;
  }
  const insns: Insn[] = [];
  for (const piece of pieces) {
    if (typeof piece === 'string') continue;
    if (!('insn' in piece)) {
      insns.push(piece);
      continue;
    }
    const distance = (labels.get(piece.to) ?? at - 2) - insns.length - 1;
    const { opcode, dst_reg: dst, src_reg: src, imm } = piece.insn;
    const inImm = opcode === 0x85 || opcode === 0x18;
    insns.push(makeInsn(opcode, dst, src, inImm ? 0 : distance, inImm ? distance : imm));
  }
  return { insns, labels };
}

/** Drops, repeats or swaps pieces, now and then: groups are what belongs together. */
export function mutate(r: Random, groups: Piece[][], rate: number): Piece[] {
  const list = [...groups];
  const labelled = (group: Piece[] | undefined): boolean => group?.some((piece) => typeof piece === 'string') ?? true;
  for (let round = 0; round < 2; round++) {
    if (r() >= rate) continue;
    const at = Math.floor(r() * list.length);
    if (labelled(list[at])) continue;
    const kind = r();
    if (kind < 0.45) list.splice(at, 1);
    else if (kind < 0.65) list.splice(at, 0, list[at]!);
    else {
      const [moved] = list.splice(at, 1);
      list.splice(Math.floor(r() * (list.length + 1)), 0, moved!);
    }
  }
  return list.flat();
}

/** One program as both sides get it. */
export interface Trial {
  readonly pieces: readonly Piece[];
  readonly type: string;
  readonly attachType?: string | number;
  readonly attachBtfName?: string;
  readonly attachBtfId?: number;
  readonly flags?: number;
  readonly license?: string;
  /** Labels of functions with the id of each in {@link RunOptions.btf}. */
  readonly functions?: readonly (readonly [label: string, type: number])[];
}

/** What is the same for all programs of a run. */
export interface RunOptions {
  readonly title: string;
  readonly maps?: readonly VerifyMap[];
  /** BTF of programs and maps. */
  readonly btf?: Uint8Array;
}

function createMaps(kernel: LiveKernel, options: RunOptions, btfFd: number | undefined): number[] {
  const create = (map: VerifyMap): number => {
    const inner = map.inner === undefined ? {} : { innerMapFd: create(map.inner) };
    const types = (map.btfValueTypeId ?? 0) === 0 ? {} : { btfFd: btfFd!, btfKeyTypeId: map.btfKeyTypeId ?? 0, btfValueTypeId: map.btfValueTypeId! }; // prettier-ignore
    const { type, keySize, valueSize, maxEntries, flags, mapExtra } = map;
    return kernel.createMap({
      type,
      keySize,
      valueSize,
      maxEntries,
      name: map.name ?? '',
      ...(flags === undefined ? {} : { flags }),
      ...(mapExtra === undefined ? {} : { mapExtra }),
      ...inner,
      ...types,
    }).fd;
  };
  return (options.maps ?? []).map(create);
}

/** What a comparison of many programs gave. */
export interface Compared {
  readonly tally: Tally;
  readonly accepted: number;
}

/**
 * Runs many programs on both sides.
 *
 * @param shown - number of the only one to run, with both logs
 */
export function compareAll(
  options: RunOptions,
  make: (r: Random, i: number) => Trial,
  count: number,
  seed: number,
  shown?: number,
): Compared {
  using kernel = openLiveKernel();
  const loadedBtf = options.btf === undefined ? undefined : kernel.loadBtf(options.btf);
  if (loadedBtf?.accepted === false) throw new Error(loadedBtf.log);
  const btfFd = loadedBtf?.fd;
  const fdArray = createMaps(kernel, options, btfFd);
  const tally = new Tally();
  let accepted = 0;
  for (let i = shown ?? 0; i < (shown === undefined ? count : shown + 1); i++) {
    const trial = make(rng(seed * 1000003 + i), i);
    const { insns, labels } = assemble(trial.pieces);
    const functions = trial.functions?.map(([label, type]) => ({ insn: labels.get(label)!, type })).sort((a, b) => a.insn - b.insn); // prettier-ignore
    const { type, attachType, flags, license, attachBtfId, attachBtfName } = trial;
    const common = {
      type,
      ...(attachType === undefined ? {} : { attachType }),
      ...(flags === undefined ? {} : { flags }),
      ...(license === undefined ? {} : { license }),
    };
    const typed = functions === undefined ? {} : { btfFd: btfFd!, funcInfo: recordTable(FUNC_INFO_SIZE, functions, (f) => [f.insn, f.type]) }; // prettier-ignore
    const load = { ...common, ...typed, ...(attachBtfId === undefined ? {} : { attachBtfId }), fdArray };
    const loaded = kernel.load(insns, { ...load, logLevel: shown === undefined ? 4 : 2 });
    if (loaded.accepted) {
      accepted++;
      kernel.close(loaded.fd);
    }
    const input: VerifyInput = {
      ...common,
      insns,
      maps: options.maps ?? [],
      ...(functions === undefined ? {} : { btf: options.btf!, functions }),
      ...(attachBtfName === undefined ? {} : { attachBtfName }),
    };
    const report = verify(input, { kernelBtf, logLevel: shown === undefined ? 0 : 2 });
    if (shown !== undefined) console.log(loaded.log, report.log, loaded.errno, report.errno, report.message);
    tally.add(difference(toldByKernel(loaded), toldByUs(report)), `${i} ${type}`);
  }
  return { tally, accepted };
}

/** Runs `COUNT SEED` programs of the command line; SHOW=n prints both logs of one. */
export function run(options: RunOptions, make: (r: Random, i: number) => Trial): void {
  const [count = 1000, seed = 1] = process.argv.slice(2).map(Number);
  const shown = process.env['SHOW'];
  const { tally, accepted } = compareAll(options, make, count, seed, shown === undefined ? undefined : Number(shown));
  tally.print(`${options.title}, ${accepted} accepted`);
}
