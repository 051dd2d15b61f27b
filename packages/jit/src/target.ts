/**
 * The contract between the shared driver and one CPU. A target says what it is by properties; shared code never asks
 * for its name.
 */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import type { Analysis, FunctionAnalysis } from './analyse.ts';
import type { Assignment } from './assignment.ts';
import type { CodeBuffer } from './code-buffer.ts';
import type { LowerContext } from './lower-context.ts';
import type { MachineForm, MachineNode } from './node.ts';
import type { CodeSymbol, Op, OpKind } from './op.ts';

/** Appends machine nodes for one op. */
export type LowerFn = (cx: LowerContext, op: Op) => void;

/** Hardware registers by role. All are hardware numbers. */
export interface RegisterRoles {
  /** Names by hardware number, for listings. */
  readonly names: readonly string[];
  /** Where the C ABI passes arguments 1 to 5: home of r1..r5. */
  readonly args: readonly [number, number, number, number, number];
  /** Where the C ABI returns the result. */
  readonly result: number;
  /** Registers a call destroys that may hold BPF registers, best first; none of `args`, `result`, `scratch`. */
  readonly callerSaved: readonly number[];
  /**
   * Whether argument registers that a function without calls has no use for are taken before `callerSaved`: where they
   * have shorter instructions.
   */
  readonly prefersArgs?: boolean;
  /** Registers a function must save before use that may hold BPF registers, best first. */
  readonly calleeSaved: readonly number[];
  /** Members of `args` that the ABI wants preserved all the same (s390x %r6); saved when the function writes them. */
  readonly calleeSavedArgs?: readonly number[];
  /**
   * Member of `calleeSaved` that `planFrame` may want as base: left free in functions with calls that access their
   * frame more than once. Others hold BPF registers there, and have volatile registers to spare more often.
   */
  readonly frameBase?: number;
  /** Never hold BPF registers: SCRATCH_A and SCRATCH_B, destroyed by any op. */
  readonly scratch: readonly [number, number];
  /**
   * The only register that can hold the count of a shift by a register, one of `args`. Functions that shift so, and do
   * not need that argument in place for calls, keep it free of BPF registers.
   */
  readonly shiftCount?: number;
  /** Registers with which instructions on narrow operands, and shifts by them, are shorter; absent: all are alike. */
  readonly shortRegisters?: readonly number[];
  readonly stackPointer: number;
}

/** How the frame of one function lies; made by `Target.planFrame` before its code is lowered. */
export interface Frame {
  /** Hardware register that memory accesses through r10 use as base. */
  readonly base: number;
  /** r10 = base + bias: added to the offset of accesses through r10. */
  readonly bias: number;
  /** Bytes that the prologue takes off the stack pointer, everything included. */
  readonly size: number;
  /** Offset from `base` of the 8-byte may_goto counter; only when the function has a may_goto. */
  readonly mayGotoOffset: number;
  /** Callee-saved registers to save, in order. */
  readonly saved: readonly number[];
}

/** What analysis knows about one function (subprogram) when its frame is planned and its code lowered. */
export interface FunctionInfo {
  readonly name: string;
  /** First insn and end, exclusive. */
  readonly start: number;
  readonly end: number;
  /** Label of the epilogue that all exits share. */
  readonly epilogueLabel: number;
  /** Whether any call leaves the function: helper, local, symbol or register call. Tail calls count as well. */
  readonly hasCalls: boolean;
  readonly hasTailCall: boolean;
  readonly hasMayGoto: boolean;
  /** Deepest byte below r10 that is used, 0..512, a multiple of 8; 512 when the frame address escapes. */
  readonly stackDepth: number;
  /** Whether r10 is used other than as base of a memory access with a constant offset. */
  readonly frameAddressTaken: boolean;
  /** How often r10 is the base of an access. */
  readonly frameAccesses: number;
  /** Hardware register of BPF register i; SCRATCH_A and SCRATCH_B at 11 and 12, with the sandbox ARENA and FRAME at 13 and 14; -1 for r10. */
  readonly registers: readonly number[];
  /** Callee-saved hardware registers that the function writes, members of `calleeSavedArgs` included. */
  readonly usedCalleeSaved: readonly number[];
  /** Bit r: BPF register r, ARENA or FRAME is read, written or live somewhere in the function. */
  readonly usedRegisters: number;
  /** Bit r: register r is read before it is written: the arguments that the function takes. */
  readonly entryRegisters: number;
  /** Bit r: an instruction of the function writes BPF register r (calls not counted). */
  readonly writtenRegisters: number;
  /** How many exits the function has. */
  readonly exits: number;
}

/** Whether an immediate (signed 32 bits, meant sign-extended) can be the last operand of an op. */
export type FitsFn = (imm: number, width: 8 | 16 | 32 | 64) => boolean;

/**
 * Ops whose immediate the driver checks; one that does not fit is put in SCRATCH_A by `lower.const` first, and op.b is
 * then SCRATCH_A.
 */
export type ImmediateOpKind =
  | 'add' | 'sub' | 'mul' | 'udiv' | 'umod' | 'sdiv' | 'smod' | 'and' | 'or' | 'xor' | 'lsh' | 'rsh' | 'arsh' | 'store_imm'; // prettier-ignore

export interface Fits extends Readonly<Record<ImmediateOpKind, FitsFn>> {
  /** Immediates of `branch`, by condition. */
  readonly branch: (imm: number, width: 8 | 16 | 32 | 64, cond: Op['cond']) => boolean;
  /** Displacements of memory accesses of `width` bits; one that does not fit is added to the base in SCRATCH_B first. */
  readonly displacement: (offset: number, width: 8 | 16 | 32 | 64, kind: OpKind) => boolean;
}

/** How a relocation field is filled, and its ELF number. */
export interface RelocationKind {
  readonly elfType: number;
  /**
   * Where the field must name another place instead of its symbol (RISC-V `PCREL_LO12`): offset from the field to the
   * instruction whose relocation has the symbol. An object gets a local symbol there.
   */
  readonly anchor?: number;
  /** Where an object's field lies from the place of the relocation: the low word of a big-endian doubleword. Default 0. */
  readonly objectOffset?: number;
  /** Writes the addend into the field, for objects whose relocations have no field for it (`elf.implicitAddends`). */
  readonly putAddend?: (code: Uint8Array, offset: number, addend: number) => void;
  /**
   * Patches `code` at `offset`.
   *
   * @param value - S + A: address of the symbol plus addend
   * @param place - P: address of the patched field at run time
   * @throws BpfError `E_JIT_LINK` when the value does not fit
   */
  readonly apply: (code: Uint8Array, offset: number, value: bigint, place: bigint) => void;
}

/** One thing that a target offers beside its base: another ABI or byte order, newer or fewer instructions. */
export interface TargetOption {
  /** As after a plus sign in the target's name: `power10` of `ppc64+power10`. */
  readonly name: string;
  readonly what: string;
  /** Names of options that it cannot be combined with. */
  readonly excludes?: readonly string[];
}

export interface Target {
  /** As on the command line: `x86_64`, `arm64`, `ppc64+power10`, ... */
  readonly name: string;
  /** Name without options: the CPU whose runner and assembler are to be used. Absent: `name`. */
  readonly base?: string;
  /** Options that it was made with, for its own lowering; absent: none. */
  readonly features?: ReadonlySet<string>;
  /** What {@link withOptions} takes. */
  readonly options?: readonly TargetOption[];
  /** The target as these options change it; `name`, `base` and `features` are not its business. */
  readonly configure?: (options: ReadonlySet<string>) => Target;
  /** Full name for people. */
  readonly title: string;
  readonly endian: Endian;
  /** 2 when most instructions overwrite their first operand. */
  readonly operands: 2 | 3;
  /** Whether 32-bit instructions leave the upper half of their result undefined or unchanged. */
  readonly needsZext32: boolean;
  /** Whether a 32-bit load that leaves the upper half alone is shorter; then loads whose upper half is dead have `zext` false. */
  readonly partialLoads?: boolean;
  /**
   * Width of hardware registers, default 64. With 32 a BPF register has two of them or memory: addresses are low halves,
   * every op may leave an upper half alone that nothing reads, and `assign` says where registers live.
   */
  readonly wordBits?: 32 | 64;
  /** Its own allocation of BPF registers, in place of the one by roles. Numbers in it mean what the target wants. */
  readonly assign?: (
    fn: FunctionAnalysis,
    ops: readonly Op[],
    analysis: Analysis,
    /** Values that want a home besides: ARENA, FRAME. */
    extra: readonly number[],
  ) => Assignment;
  /** What people call a home that `assign` gave; by default the hardware register of that number. */
  readonly nameHome?: (home: number) => string;
  /** Code that lowering asked for with `LowerContext.routine`, once a program, behind its functions. */
  readonly routine?: (name: string, newLabel: () => number) => MachineNode[];
  readonly delaySlots: boolean;
  /** Whether misaligned accesses trap; then `LowerContext.addresses` tells what is known about those of a program. */
  readonly strictAlignment?: boolean;
  /** Whether instruction and data caches must be synchronised after writing code. */
  readonly needsIcacheFlush: boolean;
  /** Code alignment of functions in bytes. */
  readonly codeAlignment: number;
  readonly registers: RegisterRoles;
  readonly fits: Fits;
  /** How each op becomes machine code; `unsupported(...)` where it cannot. */
  readonly lower: Readonly<Record<OpKind, LowerFn>>;
  readonly planFrame: (fn: FunctionInfo) => Frame;
  readonly prologue: (cx: LowerContext) => void;
  /** Ends the function: moves r0 to the result register, undoes the prologue, returns. */
  readonly epilogue: (cx: LowerContext) => void;
  /** Whether the epilogue is at most as long as a jump to a shared one would be, so that exits inline it. */
  readonly inlineEpilogue: (fn: FunctionInfo, frame: Frame) => boolean;
  /** Rewrites the node list of one function in place or anew; runs before layout. */
  readonly peephole: (nodes: MachineNode[]) => MachineNode[];
  /** Bytes of a node; layout asks for those that use a label, and measures others by encoding them. */
  readonly sizeOf: (node: MachineNode) => number;
  /**
   * Appends the bytes of a node; `displacement` is the label's offset minus the node's, 0 without a label. Where `out`
   * ends says nothing about where the node will be.
   *
   * @throws BpfError `E_JIT_OPERAND`
   */
  readonly encode: (node: MachineNode, displacement: number, out: CodeBuffer) => void;
  /** The node as text; `target` is the code offset of its label. */
  readonly print: (node: MachineNode, target: number) => string;
  /** Appends `count` bytes of padding that may be executed. */
  readonly pad: (count: number, out: CodeBuffer) => void;
  readonly relocations: Readonly<Record<string, RelocationKind>>;
  /** Key into `relocations` for an 8-byte absolute address in data. */
  readonly absolute64: string;
  readonly elf: {
    readonly machine: number;
    readonly flags: number;
    /**
     * What the address of a function is the address of, where that is not its code: a section with a record for each
     * global function. Numbers are relocation types; `bytes` and `tocOffset` lie in the record, the entry at its start.
     */
    readonly descriptors?: {
      readonly section: string;
      readonly bytes: number;
      readonly entry: number;
      readonly toc: number;
      readonly tocOffset: number;
    };
    /** `st_other` of functions, visibility aside; default 0. */
    readonly functionOther?: number;
    /** `e_flags` of executables, where they are others than those of objects. */
    readonly executableFlags?: number;
    /** Whether relocations of objects keep their addends in the code (SHT_REL); default: SHT_RELA. */
    readonly implicitAddends?: boolean;
    /**
     * Byte order of 4-byte instructions in objects, where it is another one than in memory: the linker turns them
     * (`--be8`). Only with `mappingSymbols`, which tell it what is code.
     */
    readonly objectInstructions?: Endian;
    /** Names of local symbols that say where code and where data starts. */
    readonly mappingSymbols?: { readonly code: string; readonly data: string };
  };
  /** All rows of the instruction table, for tests and docs. */
  readonly forms: readonly MachineForm[];
  /** What C needs in front of a function of this calling convention, where it is not the platform's own. */
  readonly functionAttribute?: string;
  /** How `op.symbol` names appear in an object; absent: the driver's default. */
  readonly symbolName?: (symbol: CodeSymbol) => string;
}

/** Checks a target description and returns it. */
export function defineTarget(target: Target): Target {
  const { args, callerSaved, calleeSaved, scratch } = target.registers;
  const free = [...callerSaved, ...calleeSaved];
  const taken = new Set([...args, ...scratch, target.registers.stackPointer]);
  for (const register of free) {
    if (taken.has(register)) throw new Error(`BUG: ${target.name}: register ${register} has two roles`);
    taken.add(register);
  }
  const names = new Set<string>();
  for (const form of target.forms) {
    if (names.has(form.name)) throw new Error(`BUG: ${target.name}: two forms are called ${form.name}`);
    names.add(form.name);
    if (form.relocation !== undefined && target.relocations[form.relocation.kind] === undefined) {
      throw new Error(`BUG: ${target.name}: ${form.name} names an unknown relocation`);
    }
  }
  return target;
}

/**
 * A target with options, called `name+option+option`.
 *
 * @param names - of `target.options`, in any order; without any it is the target itself
 * @throws BpfError `E_TARGET_UNKNOWN` for a name that the target does not have, and for two that exclude each other
 */
export function withOptions(target: Target, names: readonly string[]): Target {
  if (names.length === 0) return target;
  const { options = [], configure } = target;
  const chosen = new Set(names);
  for (const name of chosen) {
    const option = options.find((candidate) => candidate.name === name);
    if (option === undefined || configure === undefined) {
      throw new BpfError('E_TARGET_UNKNOWN', `option of target ${target.name}`, {
        expected: options.length === 0 ? 'none' : options.map((candidate) => candidate.name).join(', '),
        got: name,
      });
    }
    const other = option.excludes?.find((excluded) => chosen.has(excluded));
    if (other !== undefined) {
      throw new BpfError('E_TARGET_UNKNOWN', `options of target ${target.name}`, {
        expected: `${name} or ${other}`,
        got: 'both',
      });
    }
  }
  const features = new Set(options.map(({ name }) => name).filter((name) => chosen.has(name)));
  return { ...configure!(features), name: [target.name, ...features].join('+'), base: target.name, features };
}

/** A lowering that says that the target lacks the op. */
export function unsupported(reason: string): LowerFn {
  return (cx, op) => {
    throw new BpfError('E_UNSUPPORTED', `${cx.target.name}: ${op.kind}: ${reason}`, { at: { insn: op.insn } });
  };
}
