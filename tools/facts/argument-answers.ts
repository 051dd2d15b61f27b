// What the live kernel's verifier says to the arguments of helpers: each argument is given a pointer to the context (or a
// number, where the context is right), the number 0, and read-only memory, after arguments that are right. Programs are
// loaded, refused or closed, and never attached.
import { constants as c, encodeProgram, type Insn, makeInsn } from '@polybpf/isa';
import type { LiveKernel } from '@polybpf/kernel';
import type { ArgumentKind, HelperInfo, HelperPrototype } from '../../packages/helpers/src/index.ts';
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

/** Makes the maps: one with values of 64 bytes, one that programs may only read. */
export function createProbeMaps(kernel: LiveKernel): ProbeMaps {
  const init = { type: 'array', keySize: 4, valueSize: 64, maxEntries: 1 };
  return { plain: kernel.createMap(init).fd, readOnly: kernel.createMap({ ...init, flags: 0x80 }).fd };
}

const CTX = 6;

/**
 * Asks for as many arguments as can be given; an argument that no simple program can make (a socket, a dynptr) ends it.
 */
export function askArguments(
  kernel: LiveKernel,
  options: LoadOptions,
  maps: ProbeMaps,
  helper: HelperInfo,
  prototype: HelperPrototype,
): { readonly answers: ArgumentAnswer[]; readonly complete: boolean } {
  const answers: ArgumentAnswer[] = [];
  const before: Insn[] = [makeInsn(c.BPF_ALU64 | c.BPF_MOV | c.BPF_X, CTX, 1, 0, 0)];
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
    const right = rightArgument(kind, register, maps, prototype);
    if (right === undefined) return { answers, complete: false };
    before.push(...right);
  }
  return { answers, complete: true };
}

/**
 * Instructions that give a helper right arguments and call it; undefined when an argument cannot be made simply. r6 is the
 * context.
 */
export function callWithArguments(maps: ProbeMaps, helper: HelperInfo, prototype: HelperPrototype): Insn[] | undefined {
  const insns = [makeInsn(c.BPF_ALU64 | c.BPF_MOV | c.BPF_X, CTX, 1, 0, 0)];
  for (const [index, kind] of prototype.args.entries()) {
    const right = rightArgument(kind, index + 1, maps, prototype);
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
  prototype: HelperPrototype,
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
      return kind.size === undefined && prototype.args.length > 5 ? undefined : stackPointer(register);
    default:
      return kind.flags.includes('MAYBE_NULL') ? [mov(register, 0)] : undefined;
  }
}

/** 64 bytes of zeros, deep enough for the value of a map. */
function stackPointer(register: number): Insn[] {
  const zeros = Array.from({ length: 8 }, (_, i) => makeInsn(c.BPF_ST | c.BPF_MEM | c.BPF_DW, 10, 0, -8 * (i + 1), 0));
  return [...zeros, movRegister(register, 10), makeInsn(c.BPF_ALU64 | c.BPF_ADD | c.BPF_K, register, 0, 0, -64)];
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
