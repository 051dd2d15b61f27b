/**
 * Single cases as `polybpf verify --case` reads them, by the live kernel and by us. Programs are text: `call NAME` is a
 * helper, `call kfunc NAME` a kernel function, `map_fd[K]` and `map_value[K][OFF]` the map K of the case.
 */
import { readCases } from '../../apps/cli/src/verify/case-file.ts';
import { readKernelTypes, runVerifier } from '../../apps/cli/src/verify/run-verifier.ts';
import { parseInsns } from '../../packages/asm/src/index.ts';
import { parseBtf } from '../../packages/btf/src/index.ts';
import { createRegistry, profileByName } from '../../packages/helpers/src/index.ts';
import { encodeProgram, type Insn } from '../../packages/isa/src/index.ts';
import type { LiveKernel } from '../../packages/kernel/src/index.ts';
import { recordTable } from '../../packages/kernel/src/load-program.ts';
import type { Privilege } from '../../packages/verifier/src/index.ts';
import { toldByKernel, type Told } from './compare.ts';

/** A map of a case. */
export interface CaseMap {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  readonly mapExtra?: number;
  readonly btf?: string;
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
  readonly inner?: CaseMap;
}

/** A case, with its program as text. */
export interface TextCase {
  readonly name: string;
  readonly type: string;
  readonly text: string;
  readonly attachType?: string | number;
  readonly flags?: number;
  readonly maps?: readonly CaseMap[];
  readonly license?: string;
  readonly btf?: string;
  readonly funcInfo?: readonly (readonly [number, number])[];
  readonly attachBtfName?: string;
}

/** A line of a case file. */
export type CaseLine = Omit<TextCase, 'text'> & {
  readonly insns: string;
  readonly fixups: readonly (readonly [number, number])[];
  readonly kfuncFixups: readonly (readonly [string, number])[];
};

const LIVE = readKernelTypes('live')!;
const profile = profileByName('6.18');
const registry = createRegistry(profile);
const btf = parseBtf(LIVE);
const funcIds = new Map(btf.types.filter(({ kind }) => kind === 'FUNC').map(({ name, id }) => [name, id]));
const typedefIds = new Map(btf.types.filter(({ kind }) => kind === 'TYPEDEF').map(({ name, id }) => [name, id]));
const structIds = new Map(btf.types.filter(({ kind }) => kind === 'STRUCT').map(({ name, id }) => [name, id]));

function resolveNames(text: string): string {
  return text
    .replace(/call kfunc ([a-z_]\w*)/g, (_, name: string) => `call kfunc ${funcIds.get(name) ?? -1}`)
    .replace(/call (bpf_\w+)/g, (_, name: string) => `call ${registry.helper(name)!.id}`)
    .replace(/btf_struct:(\w+)/g, (_, name: string) => String(structIds.get(name)));
}

const isCall = ({ opcode, src_reg }: Insn, src: number): boolean => opcode === 0x85 && src_reg === src;

/** The line of a case file for a case. */
export function caseLine({ text, ...rest }: TextCase): CaseLine {
  const insns = parseInsns(resolveNames(text), 'kernel');
  const fixups: [number, number][] = [];
  const kfuncFixups: [string, number][] = [];
  const open = insns.map((insn, i) => {
    if (insn.opcode === 0x18 && (insn.src_reg === 1 || insn.src_reg === 2) && rest.maps?.[insn.imm] !== undefined) {
      fixups.push([i, insn.imm]);
      return { ...insn, imm: 0 };
    }
    if (isCall(insn, 2) && insn.offset === 0 && btf.types[insn.imm]?.kind === 'FUNC') {
      kfuncFixups.push([btf.types[insn.imm]!.name, i]);
      return { ...insn, imm: 0 };
    }
    return insn;
  });
  return { ...rest, insns: Buffer.from(encodeProgram(open, 'little')).toString('base64'), fixups, kfuncFixups };
}

const PREFIXES: Readonly<Record<string, string>> = { BPF_LSM_MAC: 'bpf_lsm_', BPF_LSM_CGROUP: 'bpf_lsm_', BPF_TRACE_ITER: 'bpf_iter_' }; // prettier-ignore

/** Runs cases; file descriptors of maps and BTF are kept for the next case. */
export class CaseRunner {
  readonly #kernel: LiveKernel;
  readonly #privilege: Privilege;
  readonly #maps = new Map<string, number>();
  readonly #btfs = new Map<string, number>();

  constructor(kernel: LiveKernel, privilege: Privilege = 'root') {
    this.#kernel = kernel;
    this.#privilege = privilege;
  }

  #btfFd(bytes: string): number {
    let fd = this.#btfs.get(bytes);
    if (fd === undefined) {
      const loaded = this.#kernel.loadBtf(Buffer.from(bytes, 'base64'), { logLevel: 1 });
      if (!loaded.accepted) throw new Error(`BTF: ${loaded.message} ${loaded.errnoName}`);
      fd = loaded.fd;
      this.#btfs.set(bytes, fd);
    }
    return fd;
  }

  #mapFd(map: CaseMap, slot: number): number {
    const key = `${slot} ${JSON.stringify(map)}`;
    let fd = this.#maps.get(key);
    if (fd === undefined) {
      const { btf: bytes, btfKeyTypeId, btfValueTypeId, inner, mapExtra, ...rest } = map;
      fd = this.#kernel.createMap({
        ...rest,
        name: '',
        ...(inner === undefined ? {} : { innerMapFd: this.#mapFd(inner, 0) }),
        ...(mapExtra === undefined ? {} : { mapExtra: BigInt(mapExtra) }),
        ...(bytes === undefined ? {} : { btfFd: this.#btfFd(bytes) }),
        ...(btfKeyTypeId === undefined ? {} : { btfKeyTypeId }),
        ...(btfValueTypeId === undefined ? {} : { btfValueTypeId }),
      }).fd;
      this.#maps.set(key, fd);
    }
    return fd;
  }

  /** What the kernel says, and its log. */
  kernel(line: CaseLine, logLevel: 1 | 2 | 4 = 4): { readonly told: Told; readonly log: string } {
    const bytes = new Uint8Array(Buffer.from(line.insns, 'base64'));
    const view = new DataView(bytes.buffer);
    for (const [insn, map] of line.fixups) view.setInt32(8 * insn + 4, this.#mapFd(line.maps![map]!, map), true);
    for (const [name, insn] of line.kfuncFixups) view.setInt32(8 * insn + 4, funcIds.get(name)!, true);
    const { attachBtfName: target, attachType, flags, license, btf: types, funcInfo } = line;
    const prefix = PREFIXES[String(attachType)] ?? '';
    const attachBtfId = target === undefined ? undefined : attachType === 'BPF_TRACE_RAW_TP' ? typedefIds.get(`btf_trace_${target}`) : line.type === 'struct_ops' ? structIds.get(target) : funcIds.get(prefix + target); // prettier-ignore
    const loaded = this.#kernel.load(bytes, {
      type: line.type,
      logLevel,
      ...(attachType === undefined ? {} : { attachType }),
      ...(flags === undefined ? {} : { flags }),
      ...(license === undefined ? {} : { license }),
      ...(types === undefined ? {} : { btfFd: this.#btfFd(types) }),
      ...(funcInfo === undefined ? {} : { funcInfo: recordTable(8, funcInfo, (row) => row) }),
      ...(attachBtfId === undefined ? {} : { attachBtfId }),
    });
    if (loaded.accepted) this.#kernel.close(loaded.fd);
    const told = toldByKernel(loaded);
    return { told: { ...told, message: told.message.replace(/verification time \d+ usec$/, '') }, log: loaded.log };
  }

  /** Whether the verdict depends on the types of the kernel. */
  needsTypes(line: CaseLine): boolean {
    const [input] = [...readCases(JSON.stringify(line), 'case')];
    const { message } = runVerifier(input!, { profile, privilege: this.#privilege, logLevel: 0, kernelBtf: undefined });
    return message.includes('types of the kernel');
  }

  /** What `verify --case` says. */
  ours(line: CaseLine, logLevel = 0): { readonly told: Told; readonly log: string; readonly insn: number } {
    const [input] = [...readCases(JSON.stringify(line), 'case')];
    const report = runVerifier(input!, { profile, privilege: this.#privilege, logLevel, kernelBtf: LIVE });
    const { verdict, message, errno, processed, totalStates, log } = report;
    return { told: { verdict, message, errno, processed, states: totalStates }, log, insn: report.insn ?? -1 };
  }
}
