/**
 * Programs as the generators think of them: statements with picks in place of registers and offsets.
 *
 * A pick is any number; `buildProgram` resolves it to one of the things that are allowed where the statement stands: a
 * register that holds a number there, an offset inside a buffer. So a statement is right in every place, and whatever is
 * taken out of a shape (which is how fast-check shrinks) leaves a shape of a right program.
 */
import type { CpuVersion } from '@polybpf/isa';
import type { Halves } from './edge-values.ts';

/** Any non-negative integer, resolved by its remainder. */
export type Pick = number;

/**
 * What a program may contain.
 *
 * - `kernel`: what the verifier of Linux takes from a privileged loader; every result is defined by the kernel.
 * - `any`: everything that RFC 9669 and LLVM define, also what Linux refuses: shift amounts out of range and divisions
 *   by zero in immediates, misaligned stack traffic, calls through registers, dead code, eight frames of 512 bytes.
 */
export type ProgramFlavour = 'kernel' | 'any';

/** What programs to make. */
export interface ProgramOptions {
  /** Newest instructions allowed; default v4. */
  readonly isa?: CpuVersion;
  /** Default `any`. */
  readonly flavour?: ProgramFlavour;
}

/** Where an access goes. */
export interface PlaceShape {
  /** Which of the buffers that the function can reach. */
  readonly area: Pick;
  /** Where in it. */
  readonly offset: Pick;
  /**
   * `direct`: base register and offset field. `moved`: a copy of the base, moved so that the offset field holds
   * `displacement`. `indexed`: a copy of the base plus a masked register.
   */
  readonly mode: 'direct' | 'moved' | 'indexed';
  readonly displacement: number;
  /** Register for the address. */
  readonly temporary: Pick;
  readonly index: Pick;
}

/** Values that the operands of an instruction get right before it. */
export interface OperandsShape {
  readonly dst: Halves;
  readonly src: Halves;
  /** By way of the stack, so that no compiler knows them. */
  readonly hidden: boolean;
}

/** One instruction of a chain: rows of kind `alu` and `end`; operands are positions in the chain's registers. */
export interface StepShape {
  readonly row: string;
  readonly dst: 0 | 1 | 2;
  readonly src: 0 | 1 | 2;
  readonly imm: number;
}

/** A conditional jump without its target. */
export interface ConditionShape {
  /** Name of a row of kind `jmp`. */
  readonly row: string;
  readonly dst: Pick;
  readonly src: Pick;
  readonly imm: number;
  readonly operands: OperandsShape | null;
}

export type StatementShape =
  /** A row of kind `alu` or `end`. */
  | {
      readonly kind: 'alu';
      readonly row: string;
      readonly dst: Pick;
      readonly src: Pick;
      readonly imm: number;
      readonly operands: OperandsShape | null;
    }
  | { readonly kind: 'constant'; readonly dst: Pick; readonly value: Halves }
  /** Steps on the same few registers, close together, as compilers write them and code generators fuse them. */
  | { readonly kind: 'chain'; readonly registers: readonly [Pick, Pick, Pick]; readonly steps: readonly StepShape[] }
  /** A load, steps on what was loaded, and a store to the same place. */
  | {
      readonly kind: 'update';
      readonly load: string;
      readonly store: string;
      readonly registers: readonly [Pick, Pick, Pick];
      readonly steps: readonly StepShape[];
      readonly place: PlaceShape;
    }
  /** Loads or stores side by side. */
  | {
      readonly kind: 'run';
      readonly rows: readonly string[];
      readonly registers: readonly Pick[];
      readonly place: PlaceShape;
    }
  /** So many instructions that branches over them need their long forms. */
  | { readonly kind: 'filler'; readonly count: number; readonly register: Pick }
  /** A row of kind `load` or `load_acquire`. */
  | { readonly kind: 'load'; readonly row: string; readonly dst: Pick; readonly place: PlaceShape }
  /** A row of kind `store`, `store_imm`, `store_release` or `atomic`. */
  | {
      readonly kind: 'store';
      readonly row: string;
      readonly src: Pick;
      readonly imm: number;
      readonly place: PlaceShape;
    }
  | {
      readonly kind: 'if';
      readonly condition: ConditionShape;
      readonly then: readonly StatementShape[];
      readonly otherwise: readonly StatementShape[];
      /** The function returns at the end of `then`. */
      readonly leaves: boolean;
      /** Jump over `otherwise` by gotol. */
      readonly far: boolean;
    }
  | {
      readonly kind: 'loop';
      /** Times that the body runs, at least 1. */
      readonly count: number;
      readonly form: 'down' | 'up' | 'top' | 'may_goto';
      /** Keep the counter in memory even where a register is free. */
      readonly inMemory: boolean;
      readonly counter: Pick;
      readonly far: boolean;
      readonly body: readonly StatementShape[];
    }
  | { readonly kind: 'call'; readonly callee: Pick; readonly args: readonly Pick[]; readonly byRegister: boolean }
  | { readonly kind: 'helper'; readonly argument: Pick }
  /** Jumped over in one way or another, never executed unless by `may_goto`, whose body always is. */
  | {
      readonly kind: 'skip';
      readonly by: 'ja' | 'ja32' | 'may_goto';
      readonly body: readonly StatementShape[];
    };

/** What a function gets in an argument register: a number, the program's memory, or at least 16 bytes somewhere. */
export type ParameterShape = 'number' | 'memory' | 'buffer';

export interface FunctionShape {
  /** In r1 to r5; of the first function ignored. */
  readonly parameters: readonly ParameterShape[];
  /** Where each pointer stays: a callee-saved register, its argument register, or the stack. */
  readonly homes: readonly Pick[];
  /** Registers that get a value at the start. */
  readonly constants: readonly { readonly register: Pick; readonly value: Halves }[];
  /** Contents of the stack buffer, eight bytes each; at least two. */
  readonly stack: readonly Halves[];
  /** How the stack buffer is filled. */
  readonly fill: Pick;
  readonly body: readonly StatementShape[];
  /** Registers that the result of a function other than the first is made of. */
  readonly result: readonly Pick[];
}

export interface ProgramShape {
  /** What r1 points to, eight bytes each; none for programs without memory. */
  readonly mem: readonly Halves[];
  /** Bytes that the last of them lacks, 0 to 7. */
  readonly memShort: number;
  /** The first is the entry; each calls only later ones. */
  readonly functions: readonly FunctionShape[];
}
