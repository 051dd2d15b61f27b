// What the live kernel's verifier says to the arguments of helpers: each argument is given a pointer to the context (or a
// number, where the context is right), the number 0, and read-only memory, after arguments that are right. Programs are
// loaded, refused or closed, and never attached.
import { constants as c, encodeProgram, type Insn, makeInsn } from '@polybpf/isa';
import type { LiveKernel } from '@polybpf/kernel';
import type {
  ArgumentKind,
  HelperInfo,
  HelperPrototype,
  ProgramVariant,
  Registry,
} from '../../packages/helpers/src/index.ts';
import type { LoadOptions } from '../../packages/kernel/src/load-program.ts';

/** What is known of one argument. */
export interface ArgumentAnswer {
  /** From 1. */
  readonly arg: number;
  /** Register types that the verifier would have taken instead; undefined when it took what it got. */
  readonly expected: string | undefined;
  /** Whether 0 will do. */
  readonly nullable: boolean;
  /** Whether read-only memory is refused. */
  readonly writes: boolean | undefined;
}

/** Maps that arguments point to. */
export interface ProbeMaps {
  readonly plain: number;
  readonly readOnly: number;
}

/** Makes the maps: one with values of 64 bytes, one that programs may only read and nobody may write any more. */
export function createProbeMaps(kernel: LiveKernel): ProbeMaps {
  const init = { type: 'array', keySize: 4, valueSize: 64, maxEntries: 1 };
  const readOnly = kernel.createMap({ ...init, flags: 0x80 });
  readOnly.freeze();
  return { plain: kernel.createMap(init).fd, readOnly: readOnly.fd };
}

/** Objects that a program of a variant can get hold of. */
export interface ProbeSources {
  /** Whether it may ask for the running task. */
  readonly task: boolean;
  /** Whether it may make a dynptr of memory. */
  readonly dynptr: boolean;
  /** Where its context has a socket, and whether that may be NULL. */
  readonly socket: { readonly offset: number; readonly nullable: boolean } | undefined;
  /** A number that it may return. */
  readonly result: number;
}

/** What the registry says of a variant's sources. */
export function probeSources(registry: Registry, variant: ProgramVariant): ProbeSources {
  const may = (name: string): boolean => registry.helperAllowed(variant, registry.helper(name)!);
  const row = variant.context.access.find(({ type }) => type !== null && /^sock(_common)?(_or_null)?$/.test(type));
  return {
    task: may('bpf_get_current_task_btf'),
    dynptr: may('bpf_dynptr_from_mem'),
    socket: row === undefined ? undefined : { offset: row.offset, nullable: row.type!.endsWith('_or_null') },
    result: Math.max(0, variant.returns.range?.[0] ?? 0),
  };
}

const CTX = 6;
const TASK = 7;
const SOCKET = 8;
const GET_CURRENT_TASK_BTF = 158;
const DYNPTR_FROM_MEM = 197;
/** Offsets from the frame pointer: a dynptr that is there, and room for one. Below are 64 bytes of zeros. */
const DYNPTR = -80;
const NO_DYNPTR = -96;
const NO_SOURCES: ProbeSources = { task: false, dynptr: false, socket: undefined, result: 0 };

/** Gets hold of what the arguments of a helper need, as far as it can be had. */
function prelude(maps: ProbeMaps, prototype: HelperPrototype, sources: ProbeSources): Insn[] {
  const insns = [movRegister(CTX, 1)];
  const needs = (test: (kind: ArgumentKind) => boolean): boolean => prototype.args.some((kind) => test(kind) && !kind.flags.includes('MAYBE_NULL')); // prettier-ignore
  if (needs(isTask) && sources.task) insns.push(call(GET_CURRENT_TASK_BTF), movRegister(TASK, 0));
  if (needs(isSocket) && sources.socket !== undefined) {
    insns.push(makeInsn(c.BPF_LDX | c.BPF_MEM | c.BPF_DW, SOCKET, CTX, sources.socket.offset, 0));
    if (sources.socket.nullable) {
      insns.push(makeInsn(c.BPF_JMP | c.BPF_JNE | c.BPF_K, SOCKET, 0, 2, 0), mov(0, sources.result), exit());
    }
  }
  if (needs(isDynptr) && sources.dynptr) {
    insns.push(...mapValue(1, maps.plain), mov(2, 8), mov(3, 0), ...frameAddress(4, DYNPTR), call(DYNPTR_FROM_MEM));
  }
  return insns;
}

function isTask({ base, btf }: ArgumentKind): boolean {
  return base === 'PTR_TO_BTF_ID' && btf === 'task_struct';
}

function isSocket({ base }: ArgumentKind): boolean {
  return base === 'PTR_TO_BTF_ID_SOCK_COMMON' || base === 'PTR_TO_SOCK_COMMON';
}

/** One that is there already, of memory of the program. */
function isDynptr({ base, flags }: ArgumentKind): boolean {
  return base === 'PTR_TO_DYNPTR' && !flags.includes('UNINIT') && !flags.includes('DYNPTR_RINGBUF');
}

/**
 * Asks for as many arguments as can be given; an argument that no simple program can make (a socket, a dynptr) ends it.
 */
export function askArguments(
  kernel: LiveKernel,
  options: LoadOptions,
  maps: ProbeMaps,
  helper: HelperInfo,
  prototype: HelperPrototype,
  sources: ProbeSources = NO_SOURCES,
): { readonly answers: ArgumentAnswer[]; readonly complete: boolean } {
  const answers: ArgumentAnswer[] = [];
  const before: Insn[] = prelude(maps, prototype, sources);
  for (const [index, kind] of prototype.args.entries()) {
    const register = index + 1;
    const ask = (set: readonly Insn[]): string => {
      const program = [...before, ...set, call(helper.id), mov(0, 0), exit()];
      const outcome = kernel.load(encodeProgram(program), { ...options, name: 'probe', logLevel: 4 });
      if (outcome.accepted) kernel.close(outcome.fd);
      return outcome.accepted ? '' : outcome.log + outcome.message;
    };
    const wrong = kind.base === 'PTR_TO_CTX' ? [mov(register, 1)] : [movRegister(register, CTX)];
    const first = ask(wrong);
    if (/not allowed in probe/.test(first)) return { answers, complete: false };
    const expected = typesExpected(first, register);
    const zero = ask([mov(register, 0)]);
    const memory = kind.base === 'PTR_TO_MEM' || kind.base === 'PTR_TO_MAP_VALUE';
    const next = prototype.args[index + 1];
    const size = next !== undefined && next.base.startsWith('CONST_SIZE') ? [mov(register + 1, 8)] : [];
    const writes = memory
      ? /write into map forbidden|R\d+ cannot write into/.test(ask([...mapValue(register, maps.readOnly), ...size]))
      : undefined;
    answers.push({ arg: register, expected, nullable: typesExpected(zero, register) === undefined, writes });
    const right = rightArgument(kind, register, maps, sources);
    if (right === undefined) return { answers, complete: false };
    before.push(...right);
  }
  return { answers, complete: true };
}

/**
 * Instructions that give a helper right arguments and call it; undefined when an argument cannot be made simply. r6 is the
 * context.
 */
export function callWithArguments(
  maps: ProbeMaps,
  helper: HelperInfo,
  prototype: HelperPrototype,
  sources: ProbeSources = NO_SOURCES,
): Insn[] | undefined {
  const insns = prelude(maps, prototype, sources);
  for (const [index, kind] of prototype.args.entries()) {
    const right = rightArgument(kind, index + 1, maps, sources);
    if (right === undefined) return undefined;
    insns.push(...right);
  }
  return [...insns, call(helper.id)];
}

function typesExpected(log: string, register: number): string | undefined {
  return new RegExp(`R${register} type=\\S+ expected=(.*)`).exec(log)?.[1];
}

function rightArgument(
  kind: ArgumentKind,
  register: number,
  maps: ProbeMaps,
  sources: ProbeSources,
): readonly Insn[] | undefined {
  switch (kind.base) {
    case 'ANYTHING':
      return [mov(register, 0)];
    case 'CONST_SIZE':
    case 'CONST_SIZE_OR_ZERO':
    case 'CONST_ALLOC_SIZE_OR_ZERO':
      return [mov(register, 8)];
    case 'PTR_TO_CTX':
      return [movRegister(register, CTX)];
    case 'CONST_MAP_PTR':
      return loadMap(register, c.BPF_PSEUDO_MAP_FD, maps.plain);
    case 'PTR_TO_MAP_KEY':
    case 'PTR_TO_MAP_VALUE':
    case 'PTR_TO_MEM':
    case 'PTR_TO_STACK':
      return stackPointer(register);
    case 'PTR_TO_CONST_STR':
      return mapValue(register, maps.readOnly);
    case 'PTR_TO_DYNPTR':
      if (kind.flags.includes('UNINIT')) return frameAddress(register, NO_DYNPTR);
      return isDynptr(kind) && sources.dynptr ? frameAddress(register, DYNPTR) : undefined;
    default:
      if (kind.flags.includes('MAYBE_NULL')) return [mov(register, 0)];
      if (isTask(kind) && sources.task) return [movRegister(register, TASK)];
      if (isSocket(kind) && sources.socket !== undefined) return [movRegister(register, SOCKET)];
      return undefined;
  }
}

function frameAddress(register: number, offset: number): Insn[] {
  return [movRegister(register, 10), makeInsn(c.BPF_ALU64 | c.BPF_ADD | c.BPF_K, register, 0, 0, offset)];
}

/** 64 bytes of zeros, deep enough for the value of a map. */
function stackPointer(register: number): Insn[] {
  const zeros = Array.from({ length: 8 }, (_, i) => makeInsn(c.BPF_ST | c.BPF_MEM | c.BPF_DW, 10, 0, -8 * (i + 1), 0));
  return [...zeros, ...frameAddress(register, -64)];
}

function mapValue(register: number, fd: number): Insn[] {
  return loadMap(register, c.BPF_PSEUDO_MAP_VALUE, fd);
}

function loadMap(register: number, source: number, fd: number): Insn[] {
  return [makeInsn(c.BPF_LD | c.BPF_IMM | c.BPF_DW, register, source, 0, fd), makeInsn(0, 0, 0, 0, 0)];
}

function mov(register: number, value: number): Insn {
  return makeInsn(c.BPF_ALU64 | c.BPF_MOV | c.BPF_K, register, 0, 0, value);
}

function movRegister(register: number, source: number): Insn {
  return makeInsn(c.BPF_ALU64 | c.BPF_MOV | c.BPF_X, register, source, 0, 0);
}

function call(id: number): Insn {
  return makeInsn(c.BPF_JMP | c.BPF_CALL, 0, 0, 0, id);
}

function exit(): Insn {
  return makeInsn(c.BPF_JMP | c.BPF_EXIT, 0, 0, 0, 0);
}
