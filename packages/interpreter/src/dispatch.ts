/**
 * From rows of the instruction table to the cases of the execution loop.
 *
 * A *micro-op* is what one `case` of `execute.ts` does. Its name follows from kind, op and width of a row, so there is no
 * second list of opcodes: register and immediate forms share a micro-op (the second operand is an index either way),
 * `le`/`be`/`bswap` become a truncation or a swap by byte order, and everything rare becomes one case each that leaves
 * the loop. The numbers in `execute.ts` are literals, because V8 makes a jump table only of literals;
 * `dispatch.test.ts` holds them against this list.
 */
import { type Endian, INSN_TABLE, type InsnRow } from '@polybpf/isa';

/** Every micro-op; its position is its number. The first five are states of a slot, not instructions. */
export const MICRO_OPS = [
  'undecoded', 'second_slot', 'bad_jump', 'end', 'breakpoint',
  'add64', 'sub64', 'mul64', 'or64', 'and64', 'xor64', 'lsh64', 'rsh64', 'arsh64', 'mov64', 'neg64',
  'add32', 'sub32', 'mul32', 'or32', 'and32', 'xor32', 'lsh32', 'rsh32', 'arsh32', 'mov32', 'neg32',
  'movsx64_8', 'movsx64_16', 'movsx64_32', 'movsx32_8', 'movsx32_16',
  'div64', 'mod64', 'sdiv64', 'smod64', 'div32', 'mod32', 'sdiv32', 'smod32',
  'truncate16', 'truncate32', 'truncate64', 'swap16', 'swap32', 'swap64',
  'jeq64', 'jne64', 'jgt64', 'jge64', 'jlt64', 'jle64', 'jset64', 'jsgt64', 'jsge64', 'jslt64', 'jsle64',
  'jeq32', 'jne32', 'jgt32', 'jge32', 'jlt32', 'jle32', 'jset32', 'jsgt32', 'jsge32', 'jslt32', 'jsle32',
  'ja', 'imm64',
  'load8', 'load16', 'load32', 'load64', 'load_signed8', 'load_signed16', 'load_signed32',
  'store8', 'store16', 'store32', 'store64',
  'call_local', 'exit', 'call_helper', 'atomic', 'may_goto', 'rare',
] as const; // prettier-ignore

/** Name of a case of the execution loop. */
export type MicroOp = (typeof MICRO_OPS)[number];

const NUMBERS: ReadonlyMap<string, number> = /* @__PURE__ */ new Map(MICRO_OPS.map((name, number) => [name, number]));

/** The number of a micro-op. */
export function microOpNumber(name: MicroOp): number {
  return NUMBERS.get(name)!;
}

/** The micro-op that executes a row on a machine of this byte order. */
export function microOpOf(row: InsnRow, endian: Endian): MicroOp {
  return microOpName(row, endian) as MicroOp;
}

function microOpName(row: InsnRow, endian: Endian): string {
  switch (row.kind) {
    case 'alu':
      return row.op === 'movsx' ? `movsx${row.width}_${row.signedFrom}` : `${row.op}${row.width}`;
    case 'end':
      return row.op === 'bswap' || (row.op === 'le') !== (endian === 'little')
        ? `swap${row.width}`
        : `truncate${row.width}`;
    case 'jmp':
      return `${row.op}${row.width}`;
    case 'load':
      return `${row.op}${row.width}`;
    case 'store':
    case 'store_imm':
      return `store${row.width}`;
    case 'ld_imm64':
      return 'imm64';
    case 'call_kfunc':
      return 'call_helper';
    case 'ja':
    case 'call_local':
    case 'exit':
    case 'call_helper':
    case 'atomic':
    case 'may_goto':
      return row.kind;
    case 'addr_space_cast':
    case 'callx':
    case 'load_packet':
    case 'load_acquire':
    case 'store_release':
      return 'rare';
  }
}

/** Micro-op numbers by row id, for each byte order. */
function numbersByRow(endian: Endian): Uint8Array {
  return Uint8Array.from(INSN_TABLE, (row) => {
    const number = NUMBERS.get(microOpName(row, endian));
    if (number === undefined) throw new Error(`BUG: row ${row.name} has no micro-op`);
    return number;
  });
}

/** Micro-op numbers by row id on a little-endian machine. */
export const LITTLE_OPS: Uint8Array = /* @__PURE__ */ numbersByRow('little');
/** Micro-op numbers by row id on a big-endian machine. */
export const BIG_OPS: Uint8Array = /* @__PURE__ */ numbersByRow('big');
