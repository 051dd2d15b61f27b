// Compares what helpers give back, and whether they end packet pointers, with what the live kernel's verifier says after
// the call: the type of r0 in its log, and whether a packet pointer can still be read through.
import { decodeInsns, encodeProgram, type Insn, makeInsn } from '@polybpf/isa';
import type { LiveKernel } from '@polybpf/kernel';
import type { Registry, ResultKind } from '../../packages/helpers/src/index.ts';
import type { LoadOptions } from '../../packages/kernel/src/load-program.ts';
import type { Variant } from '../../packages/kernel/src/probe/variants.ts';
import { callWithArguments, createProbeMaps, probeSources } from './argument-answers.ts';

/** Calls whose outcome the kernel told, and where the registry says otherwise. */
export interface ResultReport {
  readonly results: number;
  readonly packets: number;
  readonly differences: readonly string[];
}

const END = [makeInsn(0xb7, 1, 0, 0, 0), makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0)];

/** Calls every helper whose arguments can be made, in every variant that may. */
export function checkResults(kernel: LiveKernel, registry: Registry, variants: readonly Variant[]): ResultReport {
  const maps = createProbeMaps(kernel);
  const differences: string[] = [];
  let results = 0;
  let packets = 0;
  for (const { name, options } of variants) {
    const variant = registry.variantByName(name);
    if (variant?.loadable !== true || options === undefined) continue;
    const packet = packetOffsets(registry, name);
    const sources = probeSources(registry, variant);
    for (const helper of registry.helpersOf(variant)) {
      const prototype = registry.prototypeOf(variant, helper);
      const insns = callWithArguments(maps, helper, prototype, sources);
      if (insns === undefined) continue;
      const ask = (program: readonly Insn[], logLevel: 2 | 4): { accepted: boolean; log: string } => {
        const outcome = kernel.load(encodeProgram(program), { ...options, name: 'probe', logLevel });
        if (outcome.accepted) kernel.close(outcome.fd);
        return outcome;
      };
      const plain = ask([...insns, ...END], 2);
      const type = resultInLog(plain.log, `${helper.name}#${helper.id}`);
      if (type !== undefined) {
        results++;
        const expected = typeOf(prototype.result);
        if (type !== expected) differences.push(`${helper.name} in ${name}: registry gives ${expected}, kernel ${type}`); // prettier-ignore
      }
      if (prototype.args.length === 0 && process.arch === 'x64') {
        const fast = keepsRegisters(kernel, options, helper.id, sources.result);
        if (fast !== undefined && fast !== prototype.fastcall) differences.push(`${helper.name} in ${name}: registry has fastcall ${prototype.fastcall}, kernel ${fast}`); // prettier-ignore
      }
      if (!plain.accepted || packet === undefined) continue;
      packets++;
      const changes = !ask([...checkedPacket(packet), ...insns, makeInsn(0x71, 0, 7, 0, 0), ...END], 4).accepted;
      if (changes !== helper.changesPacket) differences.push(`${helper.name} in ${name}: the kernel ${changes ? 'ends' : 'keeps'} packet pointers`); // prettier-ignore
    }
  }
  return { results, packets, differences };
}

/**
 * Whether the kernel takes out a store to the stack and the load around a call, because the call keeps the register: what
 * `allow_fastcall` is for. Undefined when the program is refused.
 */
function keepsRegisters(kernel: LiveKernel, options: LoadOptions, id: number, result: number): boolean | undefined {
  const insns = [
    makeInsn(0xb7, 1, 0, 0, 1),
    makeInsn(0x7b, 10, 1, -8, 0),
    makeInsn(0x85, 0, 0, 0, id),
    makeInsn(0x79, 1, 10, -8, 0),
    makeInsn(0xbf, 0, 1, 0, 0),
    makeInsn(0xb7, 0, 0, 0, result),
    makeInsn(0x95, 0, 0, 0, 0),
  ];
  const outcome = kernel.load(encodeProgram(insns), options);
  if (!outcome.accepted) return undefined;
  const { xlated } = kernel.programInfo(outcome.fd);
  kernel.close(outcome.fd);
  if (xlated.length === 0) return undefined;
  return !decodeInsns(xlated, 'little').some(({ opcode, dst_reg }) => opcode === 0x7b && dst_reg === 10);
}

interface PacketOffsets {
  readonly data: number;
  readonly end: number;
  readonly size: number;
}

function packetOffsets(registry: Registry, name: string): PacketOffsets | undefined {
  const rows = registry.variantByName(name)!.context.access;
  const data = rows.find(({ type }) => type === 'pkt');
  const end = rows.find(({ type }) => type === 'pkt_end');
  return data === undefined || end === undefined ? undefined : { data: data.offset, end: end.offset, size: data.size };
}

/** `r7` = start of the packet, of which one byte is known to be there; otherwise the program ends with 1. */
function checkedPacket({ data, end, size }: PacketOffsets): Insn[] {
  const load = size === 8 ? 0x79 : 0x61;
  return [
    makeInsn(load, 7, 1, data, 0),
    makeInsn(load, 8, 1, end, 0),
    makeInsn(0xbf, 9, 7, 0, 0),
    makeInsn(0x07, 9, 0, 0, 1),
    makeInsn(0xbd, 9, 8, 2, 0), // if r9 <= r8 goto +2
    makeInsn(0xb7, 0, 0, 0, 0),
    makeInsn(0x95, 0, 0, 0, 0),
  ];
}

/** The type of r0 in the state that follows the call, in the verifier's words; numbers are `scalar`. */
function resultInLog(log: string, callee: string): string | undefined {
  // The first one may be in the list of live registers that the log begins with.
  const call = log.lastIndexOf(`(85) call ${callee}`);
  const text = call < 0 ? undefined : /\bR0(?:_\w+)?=([^\s(]+)/.exec(log.slice(call))?.[1];
  return text !== undefined && /^-?(\d|0x)/.test(text) ? 'scalar' : text;
}

const NAMES: Readonly<Partial<Record<ResultKind['base'], string>>> = {
  INTEGER: 'scalar',
  PTR_TO_MAP_VALUE: 'map_value',
  PTR_TO_SOCKET: 'sock',
  PTR_TO_SOCK_COMMON: 'sock_common',
  PTR_TO_TCP_SOCK: 'tcp_sock',
  PTR_TO_RINGBUF_MEM: 'ringbuf_mem',
  PTR_TO_DYNPTR_MEM: 'mem',
  PTR_TO_BTF_ID: 'ptr',
  PTR_TO_BTF_ID_TRUSTED: 'trusted_ptr',
};

function typeOf({ base, flags, btf }: ResultKind): string {
  const nullable = flags.includes('MAYBE_NULL') ? '_or_null' : '';
  return `${NAMES[base] ?? base}${nullable}${btf === undefined ? '' : `_${btf}`}`;
}
