/**
 * What compiled code has to know of a program: reachable instructions, basic blocks, functions. Made from the decoded
 * slots of the interpreter, so that both have one idea of what an instruction is.
 */
import { CODE_START, decodeSlot, type Image, insnIndex, SLOT_WORDS, slotWord } from '@polybpf/interpreter/engine'; // prettier-ignore
import { INSN_TABLE } from '@polybpf/isa';
import { accessOp, CLASS, CLASSES, OP, RARE_KINDS } from './micro-ops.ts';
import { SCRATCH } from './scratch.ts';

/** No block. */
export const NONE = -1;

/** A program as basic blocks. Instructions are insn indices; index `length` stands for running past the end. */
export interface Flow {
  readonly image: Image;
  /** Number of slots. */
  readonly length: number;
  /** Micro-op by instruction. */
  readonly ops: Uint8Array;
  /** Class by instruction; that of a host instruction may differ from the class of its micro-op. */
  readonly classes: Uint8Array;
  /** Block that starts at an instruction, or {@link NONE}. */
  readonly blockAt: Int32Array;
  readonly blocks: number;
  /** First instruction of each block, and the one behind its last. */
  readonly start: Int32Array;
  readonly end: Int32Array;
  /** Last instruction of each block; `start` when it is empty. */
  readonly last: Int32Array;
  /** Instructions in each block; ld_imm64 counts once. */
  readonly count: Int32Array;
  /** Block of a taken jump or of control that just goes on; {@link NONE}: leaves the program, or there is none. */
  readonly taken: Int32Array;
  /** Block behind a jump that is not taken. */
  readonly next: Int32Array;
  /** Instructions from each one to the end of its block, itself included. */
  readonly rest: Int32Array;
  /** First instructions of functions: the main program first. */
  readonly entries: readonly number[];
  /** Those of them whose address the program takes: helpers may call them. */
  readonly addressed: readonly number[];
  /** Says whether any instruction is executed by the host. */
  readonly hosted: boolean;
  /** Says whether any instruction names r10. */
  readonly framed: boolean;
  /** Says whether there are load_acquire or store_release instructions. */
  readonly hasOrdered: boolean;
}

/** How an instruction is to be compiled when it is not to be compiled as usual: by level, see `engine.ts`. */
export type Levels = ReadonlyMap<number, number>;

/** Word of r10 in a slot. */
const R10_WORD = 20;

/** Level of instructions that the host executes. */
export const LEVEL_HOST = 2;

/** Finds everything that is reachable from `entries` and the functions they reach. */
export function findFlow(image: Image, entries: readonly number[], levels: Levels, arena: number): Flow {
  const { code } = image;
  const length = image.program.insns.length;
  const ops = SCRATCH.bytes(length + 1);
  const classes = new Uint8Array(length + 1);
  const leader = SCRATCH.bytes(length + 1);
  const seen = SCRATCH.bytes(length + 1);
  const functions = [...entries];
  const known = new Set(functions);
  const work = [...entries];
  let hosted = false;
  const addressed: number[] = [];
  let hasOrdered = false;
  let framed = false;
  const addFunction = (insn: number): void => {
    if (known.has(insn)) return;
    known.add(insn);
    functions.push(insn);
    leader[insn] = 1;
    work.push(insn);
  };
  for (const entry of entries) leader[entry] = 1;
  while (work.length > 0) {
    let i = work.pop()!;
    while (seen[i] === 0) {
      seen[i] = 1;
      if (i === length) {
        classes[i] = CLASS.stop;
        break;
      }
      const pc = slotWord(i);
      const op = decodedOp(image, i);
      framed ||= code[pc + 1] === R10_WORD || code[pc + 2] === R10_WORD;
      let kind: number = CLASSES[op]!;
      ops[i] = op;
      if (op === OP.rare) {
        kind = rareClass(ops, i, code[pc + 7]!, arena);
        hasOrdered ||= kind === CLASS.load || kind === CLASS.store;
      } else if (levels.size > 0 && levels.get(i) === LEVEL_HOST) kind = CLASS.host;
      classes[i] = kind;
      if (kind === CLASS.exit || kind === CLASS.stop) break;
      if (kind === CLASS.imm64) {
        if (INSN_TABLE[code[pc + 7]!]!.op === 'func' && code[pc + 5] === image.codeRegion) {
          addFunction(code[pc + 4]! >> 3);
          addressed.push(code[pc + 4]! >> 3);
        }
        i += 2;
        continue;
      }
      if (kind >= CLASS.jump) {
        if (kind === CLASS.host) hosted = true;
        else {
          const target = code[pc + 3]!;
          if (kind === CLASS.call) addFunction(insnIndex(target));
          else if ((target - CODE_START) % SLOT_WORDS === 0) {
            const insn = insnIndex(target);
            if (leader[insn] === 0) {
              leader[insn] = 1;
              work.push(insn);
            }
          }
        }
        if (kind === CLASS.always) break;
        leader[i + 1] = 1;
      }
      i++;
    }
  }
  return {
    image,
    length,
    ops,
    classes,
    entries: functions,
    addressed,
    hosted,
    framed,
    hasOrdered,
    ...findBlocks(image, classes, leader, seen),
  };
}

/** The micro-op of an instruction; `undecoded` when it cannot be decoded. Breakpoints stay where they are. */
function decodedOp(image: Image, i: number): number {
  const { code } = image;
  const pc = slotWord(i);
  const had = code[pc]!;
  if (had !== OP.undecoded && had !== OP.breakpoint) return had;
  try {
    decodeSlot(image, i);
  } catch {
    code[pc] = had;
    return OP.undecoded;
  }
  const op = code[pc]!;
  if (had === OP.breakpoint) code[pc] = had;
  return op;
}

/** Class of a rare instruction; those that only need their alignment checked become loads, stores and moves. */
function rareClass(ops: Uint8Array, i: number, row: number, arena: number): number {
  const kind = RARE_KINDS[row]!;
  const width = INSN_TABLE[row]!.width / 8;
  switch (kind) {
    case 'load_acquire':
      ops[i] = accessOp('load', width);
      return CLASS.load;
    case 'store_release':
      ops[i] = accessOp('store', width);
      return CLASS.store;
    case 'addr_space_cast':
      if (arena !== 0) return CLASS.host;
      ops[i] = OP.mov64;
      return CLASS.move;
    default:
      return CLASS.host;
  }
}

type Blocks = Pick<Flow, 'blockAt' | 'blocks' | 'start' | 'end' | 'last' | 'count' | 'taken' | 'next' | 'rest'>;

function findBlocks(image: Image, classes: Uint8Array, leader: Uint8Array, seen: Uint8Array): Blocks {
  const { code } = image;
  const length = image.program.insns.length;
  let blocks = 0;
  const blockAt = SCRATCH.ints(length + 1, NONE);
  for (let i = 0; i <= length; i++) if (leader[i] === 1 && seen[i] === 1) blockAt[i] = blocks++;
  // Running past the end without a jump there.
  if (seen[length] === 1 && blockAt[length] === NONE) blockAt[length] = blocks++;
  const start = SCRATCH.ints(blocks);
  const end = SCRATCH.ints(blocks);
  const last = SCRATCH.ints(blocks);
  const count = SCRATCH.ints(blocks);
  const taken = SCRATCH.ints(blocks, NONE);
  const next = SCRATCH.ints(blocks, NONE);
  const rest = new Int32Array(length + 1);
  for (let first = 0; first <= length; first++) {
    const b = blockAt[first]!;
    if (b === NONE) continue;
    start[b] = first;
    last[b] = first;
    let i = first;
    let insns = 0;
    if (first < length) {
      for (;;) {
        const kind = classes[i]!;
        last[b] = i;
        insns++;
        i += kind === CLASS.imm64 ? 2 : 1;
        if (kind >= CLASS.jump) {
          link(code, kind, last[b]!, b, blockAt, taken, next);
          break;
        }
        if (i >= length || blockAt[i] !== NONE) {
          taken[b] = blockAt[Math.min(i, length)]!;
          break;
        }
      }
    }
    end[b] = i;
    count[b] = insns;
    for (let k = first, left = insns; left > 0; left--) {
      rest[k] = left;
      k += classes[k] === CLASS.imm64 ? 2 : 1;
    }
  }
  return { blockAt, blocks, start, end, last, count, taken, next, rest };
}

function link(
  code: Int32Array,
  kind: number,
  insn: number,
  b: number,
  blockAt: Int32Array,
  taken: Int32Array,
  next: Int32Array,
): void {
  if (kind === CLASS.call || kind === CLASS.host) taken[b] = blockAt[insn + 1]!;
  else if (kind === CLASS.jump || kind === CLASS.mayGoto || kind === CLASS.always) {
    const target = code[slotWord(insn) + 3]!;
    if ((target - CODE_START) % SLOT_WORDS === 0) taken[b] = blockAt[insnIndex(target)]!;
    if (kind !== CLASS.always) next[b] = blockAt[insn + 1]!;
  }
}
