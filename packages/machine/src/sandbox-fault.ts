/** What ends a sandboxed program: a check that failed, or the CPU where a check leaves it to the guard zones. */
import { BpfError, type ErrorPlace } from '@polybpf/errors';
import { constants, type Program } from '@polybpf/isa';
import { GUARD_BYTES } from '@polybpf/jit';
import { ARENA_BASE, ARENA_BYTES, SHARED_BASE, type SharedLayout } from './layout.ts';

const CALL_REGISTER = constants.BPF_JMP | constants.BPF_CALL | constants.BPF_X;
/** Below the stack: no frame is larger. */
const STACK_GUARD = 0x10000;

/** What sandboxed code reports: insn and address, see `FAULT_SYMBOL`. */
export function checkFailed(program: Program, [insn, address]: BigUint64Array): BpfError {
  const at = { insn: Number(insn), symbol: program.name };
  const where = `0x${address!.toString(16)}`;
  const opcode = program.insns[at.insn]?.opcode;
  if (opcode === CALL_REGISTER) return new BpfError('E_RUN_JUMP', `call of ${where}, which is no function of the program`, { at }); // prettier-ignore
  return new BpfError('E_RUN_MEMORY', `access at ${where} outside the memory of the sandbox`, { at });
}

/** A signal that the runner's handler has reported. */
interface Signal {
  readonly signal: string;
  readonly address: bigint | undefined;
}

/**
 * The error for a signal that a sandboxed program may bring about.
 *
 * @param isAtomic - whether the insn is an atomic operation
 * @param layout - length of the stack, and of what is not mapped above the arena
 * @returns undefined for a signal that no sandboxed program should get
 */
export function signalOf(
  { signal, address }: Signal,
  at: ErrorPlace,
  isAtomic: boolean,
  { stackBytes, guardAbove }: Pick<SharedLayout, 'stackBytes' | 'guardAbove'>,
): BpfError | undefined {
  const isNear = (at: bigint): boolean => at >= BigInt(ARENA_BASE - GUARD_BYTES) && at < BigInt(ARENA_BASE + ARENA_BYTES + guardAbove); // prettier-ignore
  // A frame whose address does not get out lies on the stack, and its accesses are aligned or not as those in the arena.
  const isStack = (at: bigint): boolean => at >= BigInt(SHARED_BASE) && at < BigInt(SHARED_BASE + stackBytes);
  const isBus = signal === 'SIGBUS' && (address === undefined || isNear(address) || isStack(address));
  // s390x calls a misaligned operand a wrong instruction.
  if (isBus || (signal === 'SIGILL' && isAtomic))
    return new BpfError('E_RUN_ALIGN', 'misaligned atomic access', { at, got: signal });
  if (signal !== 'SIGSEGV' || address === undefined) return undefined;
  if (address < BigInt(SHARED_BASE) && address >= BigInt(SHARED_BASE - STACK_GUARD))
    return new BpfError('E_RUN_CALL_DEPTH', 'the stack is used up', { at });
  if (!isNear(address)) return undefined;
  const where = `0x${address.toString(16)}`;
  return new BpfError('E_RUN_MEMORY', `access at ${where} outside the memory of the sandbox`, { at, got: signal });
}
