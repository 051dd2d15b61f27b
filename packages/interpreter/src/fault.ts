/**
 * Faults: why a run ended before its `exit`. A fault is plain data; {@link BpfError} carries it as `cause`, so that the
 * error can be shown to people and the fault compared by programs.
 */
import { BpfError, type ErrorCode } from '@polybpf/errors';

/** What sort of fault; one for each `E_RUN_*` code. */
export type FaultKind = 'memory' | 'alignment' | 'opcode' | 'jump' | 'budget' | 'call_depth' | 'helper' | 'symbol';

/** How memory was accessed. `packet` is a load of LD_ABS or LD_IND; `helper_read` and `helper_write` come from helpers. */
export type Access = 'read' | 'write' | 'atomic' | 'packet' | 'helper_read' | 'helper_write';

/** Why a run ended before its `exit`. */
export interface RunFault {
  readonly kind: FaultKind;
  readonly code: ErrorCode;
  /** Insn index in slots of the instruction that faulted; null when no program was running. */
  readonly insn: number | null;
  /** Name of the program that was running; tail calls change it. */
  readonly program: string | null;
  /** Guest address of the access; null when the fault is not about memory. */
  readonly address: bigint | null;
  /** Name of the region that the upper half of `address` selects, or null when there is none. */
  readonly region: string | null;
  /** Bytes of the access; 0 when the fault is not about memory. */
  readonly width: number;
  readonly access: Access | null;
  /** Message without its place. */
  readonly message: string;
}

const CODES = {
  memory: 'E_RUN_MEMORY',
  alignment: 'E_RUN_ALIGN',
  opcode: 'E_RUN_OPCODE',
  jump: 'E_RUN_JUMP',
  budget: 'E_RUN_BUDGET',
  call_depth: 'E_RUN_CALL_DEPTH',
  helper: 'E_RUN_HELPER',
  symbol: 'E_RUN_SYMBOL',
} as const satisfies Record<FaultKind, ErrorCode>;

/** What {@link faultError} takes beside kind and message. */
export interface FaultDetails {
  readonly insn?: number;
  readonly program?: string;
  readonly address?: bigint;
  readonly region?: string;
  readonly width?: number;
  readonly access?: Access;
  readonly expected?: string;
  readonly got?: string;
  /** The error behind this one, e.g. the exception of a helper. */
  readonly reason?: unknown;
}

/** A fault that knows the error that caused it, where there is one. */
interface FaultWithReason extends RunFault {
  readonly reason?: unknown;
}

/** A {@link BpfError} around a {@link RunFault}. */
export function faultError(kind: FaultKind, message: string, details: FaultDetails = {}): BpfError {
  const fault: FaultWithReason = {
    kind,
    code: CODES[kind],
    insn: details.insn ?? null,
    program: details.program ?? null,
    address: details.address ?? null,
    region: details.region ?? null,
    width: details.width ?? 0,
    access: details.access ?? null,
    message: joinMessage(message, details),
    ...(details.reason === undefined ? {} : { reason: details.reason }),
  };
  return new BpfError(CODES[kind], message, {
    ...(details.insn === undefined ? {} : { at: { insn: details.insn } }),
    ...(details.expected === undefined ? {} : { expected: details.expected }),
    ...(details.got === undefined ? {} : { got: details.got }),
    cause: fault,
  });
}

function joinMessage(message: string, { expected, got }: FaultDetails): string {
  return `${message}${expected === undefined ? '' : `, expected ${expected}`}${got === undefined ? '' : `, got ${got}`}`;
}

/** The fault inside an error of this package, or undefined for any other error. */
export function faultOf(error: unknown): RunFault | undefined {
  if (!(error instanceof BpfError) || !error.code.startsWith('E_RUN_')) return undefined;
  const { cause } = error;
  return typeof cause === 'object' && cause !== null && 'kind' in cause && 'access' in cause
    ? (cause as RunFault)
    : undefined;
}

/** The same error with the instruction filled in, for faults that a helper raised through the memory. */
export function faultAt(error: BpfError, insn: number, program: string): BpfError {
  const fault = faultOf(error);
  if (fault === undefined || fault.insn !== null) return error;
  const located: RunFault = { ...fault, insn, program };
  return new BpfError(error.code, fault.message, { at: { insn }, cause: located });
}

/** `0x` and 16 digits. */
export function formatAddress(address: bigint): string {
  return `0x${address.toString(16).padStart(16, '0')}`;
}
