/** Prints rows in the kernel syntax: what llvm-objdump 19 prints, and its closest extension for what it does not know. */
import { INSN_TABLE, type AluOp, type AtomicOp, type Insn, type InsnRow, type JmpOp } from '@polybpf/isa';
import { callText, imm64Text, jumpText, type FormatContext } from './format-style.ts';
import { ALU_SYMBOLS, ATOMIC_SYMBOLS, JMP_SYMBOLS } from './syntax.ts';

/** Prints one instruction; `high` is the immediate of the second slot. */
export type RowPrinter = (cx: FormatContext, insn: Insn, high: number) => string;

function address(cx: FormatContext, register: number, offset: number): string {
  return offset < 0 ? `r${register} - ${cx.number(-offset)}` : `r${register} + ${cx.number(offset)}`;
}

function printerOf(row: InsnRow): RowPrinter {
  const { width } = row;
  const letter = width === 64 ? 'r' : 'w';
  switch (row.kind) {
    case 'alu':
      return aluPrinter(row, letter);
    case 'end':
      return (_, insn) => `r${insn.dst_reg} = ${row.name} r${insn.dst_reg}`;
    case 'addr_space_cast':
      return (cx, insn) =>
        `r${insn.dst_reg} = addr_space_cast(r${insn.src_reg}, ${cx.number(insn.imm >>> 16)}, ${cx.number(insn.imm & 0xffff)})`;
    case 'jmp': {
      const symbol = JMP_SYMBOLS[row.op as JmpOp];
      return row.source === 'imm'
        ? (cx, insn) => `if ${letter}${insn.dst_reg} ${symbol} ${cx.number(insn.imm)} goto ${jumpText(cx, insn.offset)}`
        : (cx, insn) =>
            `if ${letter}${insn.dst_reg} ${symbol} ${letter}${insn.src_reg} goto ${jumpText(cx, insn.offset)}`;
    }
    case 'ja':
      return row.offsetUse === 'jump'
        ? (cx, insn) => `goto ${jumpText(cx, insn.offset)}`
        : (cx, insn) => `gotol ${jumpText(cx, insn.imm)}`;
    case 'may_goto':
      return (cx, insn) => `may_goto ${jumpText(cx, insn.offset)}`;
    case 'call_helper':
    case 'call_local':
    case 'call_kfunc':
      return (cx, insn) => callText(cx, row, insn);
    case 'callx':
      return (_, insn) => `callx r${insn.dst_reg}`;
    case 'exit':
      return () => 'exit';
    case 'ld_imm64':
      return (cx, insn, high) => `r${insn.dst_reg} = ${imm64Text(cx, row, insn, high)} ll`;
    case 'load_packet':
      return packetPrinter(row);
    case 'load': {
      if (row.signedFrom !== 0) {
        return (cx, insn) => `r${insn.dst_reg} = *(s${width} *)(${address(cx, insn.src_reg, insn.offset)})`;
      }
      return (cx, insn) =>
        `${width === 64 ? 'r' : cx.narrow}${insn.dst_reg} = *(u${width} *)(${address(cx, insn.src_reg, insn.offset)})`;
    }
    case 'store':
      return (cx, insn) =>
        `*(u${width} *)(${address(cx, insn.dst_reg, insn.offset)}) = ${width === 64 ? 'r' : cx.narrow}${insn.src_reg}`;
    case 'store_imm':
      return (cx, insn) => `*(u${width} *)(${address(cx, insn.dst_reg, insn.offset)}) = ${cx.number(insn.imm)}`;
    case 'atomic':
      return atomicPrinter(row, letter);
    case 'load_acquire':
      return (cx, insn) =>
        `${letter}${insn.dst_reg} = load_acquire((u${width} *)(${address(cx, insn.src_reg, insn.offset)}))`;
    case 'store_release':
      return (cx, insn) =>
        `store_release((u${width} *)(${address(cx, insn.dst_reg, insn.offset)}), ${letter}${insn.src_reg})`;
  }
}

function aluPrinter(row: InsnRow, letter: string): RowPrinter {
  if (row.op === 'neg') return (_, insn) => `${letter}${insn.dst_reg} = -${letter}${insn.dst_reg}`;
  if (row.op === 'movsx') {
    return (_, insn) => `${letter}${insn.dst_reg} = (s${row.signedFrom})${letter}${insn.src_reg}`;
  }
  const symbol = ALU_SYMBOLS[row.op as Exclude<AluOp, 'neg' | 'movsx'>];
  return row.source === 'imm'
    ? (cx, insn) => `${letter}${insn.dst_reg} ${symbol} ${cx.number(insn.imm)}`
    : (_, insn) => `${letter}${insn.dst_reg} ${symbol} ${letter}${insn.src_reg}`;
}

function packetPrinter({ op, width }: InsnRow): RowPrinter {
  if (op === 'abs') return (cx, insn) => `r0 = *(u${width} *)skb[${cx.number(insn.imm)}]`;
  return (cx, insn) => {
    if (insn.imm === 0) return `r0 = *(u${width} *)skb[r${insn.src_reg}]`;
    const distance = insn.imm < 0 ? `- ${cx.number(-insn.imm)}` : `+ ${cx.number(insn.imm)}`;
    return `r0 = *(u${width} *)skb[r${insn.src_reg} ${distance}]`;
  };
}

function atomicPrinter({ op, width }: InsnRow, letter: string): RowPrinter {
  const symbol = ATOMIC_SYMBOLS[op as AtomicOp];
  if (symbol !== undefined) {
    // LLVM has an addition of v1 whose operand is r1, and all others from v3 on, where it is w1.
    const value = (cx: FormatContext): string => (op === 'add' && width === 32 ? cx.narrow : letter);
    return (cx, insn) =>
      `lock *(u${width} *)(${address(cx, insn.dst_reg, insn.offset)}) ${symbol} ${value(cx)}${insn.src_reg}`;
  }
  const suffix = width === 32 ? '32_32' : '_64';
  if (op === 'xchg') {
    return (cx, insn) =>
      `${letter}${insn.src_reg} = xchg${suffix}(${address(cx, insn.dst_reg, insn.offset)}, ${letter}${insn.src_reg})`;
  }
  if (op === 'cmpxchg') {
    return (cx, insn) =>
      `${letter}0 = cmpxchg${suffix}(${address(cx, insn.dst_reg, insn.offset)}, ${letter}0, ${letter}${insn.src_reg})`;
  }
  return (cx, insn) =>
    `${letter}${insn.src_reg} = atomic_${op}((u${width} *)(${address(cx, insn.dst_reg, insn.offset)}), ${letter}${insn.src_reg})`;
}

/** A printer for each row, by row id. */
export const KERNEL_PRINTERS: readonly RowPrinter[] = /* @__PURE__ */ INSN_TABLE.map(printerOf);
