/** Prints rows in the ubpf syntax of the conformance suite, extended to the rows that it lacks. */
import { INSN_TABLE, type Insn, type InsnRow } from '@polybpf/isa';
import type { RowPrinter } from './format-kernel.ts';
import { callText, imm64Text, jumpText, type FormatContext } from './format-style.ts';
import { mnemonicsOf } from './syntax.ts';

function memory(cx: FormatContext, register: number, offset: number): string {
  return offset === 0 ? `[%r${register}]` : `[%r${register}${cx.signed(offset)}]`;
}

function printerOf(row: InsnRow): RowPrinter {
  const name = mnemonicsOf(row)[0] ?? row.name;
  switch (row.kind) {
    case 'alu':
    case 'jmp':
      return arithmeticPrinter(row, name);
    case 'end':
      return (_, insn) => `${name} %r${insn.dst_reg}`;
    case 'addr_space_cast':
      return (cx, insn) => `${name} %r${insn.dst_reg}, %r${insn.src_reg}, ${cx.number(insn.imm)}`;
    case 'ja':
    case 'may_goto':
      return row.offsetUse === 'jump'
        ? (cx, insn) => `${name} ${jumpText(cx, insn.offset)}`
        : (cx, insn) => `${name} ${jumpText(cx, insn.imm)}`;
    case 'call_helper':
    case 'call_kfunc':
      return (cx, insn) => callText(cx, row, insn);
    case 'call_local':
      // The suite says `call local NAME`; a bare name is what it knows for nothing else.
      return (cx, insn) => callText(cx, row, insn).replace(/^call (?!local )/, 'call local ');
    case 'callx':
      return (_, insn) => `call %r${insn.dst_reg}`;
    case 'exit':
      return () => name;
    case 'ld_imm64':
      return row.op === 'imm64'
        ? (cx, insn, high) => `lddw %r${insn.dst_reg}, ${lddwOperand(cx, row, insn, high)}`
        : (cx, insn, high) => `lddw %r${insn.dst_reg}, ${imm64Text(cx, row, insn, high)}`;
    case 'load':
    case 'load_acquire':
      return (cx, insn) => `${name} %r${insn.dst_reg}, ${memory(cx, insn.src_reg, insn.offset)}`;
    case 'store':
    case 'store_release':
    case 'atomic':
      return (cx, insn) => `${name} ${memory(cx, insn.dst_reg, insn.offset)}, %r${insn.src_reg}`;
    case 'store_imm':
      return (cx, insn) => `${name} ${memory(cx, insn.dst_reg, insn.offset)}, ${cx.number(insn.imm)}`;
    case 'load_packet':
      return row.op === 'abs'
        ? (cx, insn) => `${name} ${cx.number(insn.imm)}`
        : (cx, insn) => `${name} %r${insn.src_reg}, ${cx.number(insn.imm)}`;
  }
}

function arithmeticPrinter(row: InsnRow, name: string): RowPrinter {
  if (row.source === 'none') return (_, insn) => `${name} %r${insn.dst_reg}`;
  const target = row.kind === 'jmp' ? (cx: FormatContext, insn: Insn) => `, ${jumpText(cx, insn.offset)}` : () => '';
  return row.source === 'imm'
    ? (cx, insn) => `${name} %r${insn.dst_reg}, ${cx.number(insn.imm)}${target(cx, insn)}`
    : (cx, insn) => `${name} %r${insn.dst_reg}, %r${insn.src_reg}${target(cx, insn)}`;
}

/** The suite writes wide immediates in hexadecimal, unsigned. */
function lddwOperand(cx: FormatContext, row: InsnRow, insn: Insn, high: number): string {
  if (cx.names.symbol(cx.index) !== undefined) return imm64Text(cx, row, insn, high);
  const low = (insn.imm >>> 0).toString(16);
  return high === 0 ? `0x${low}` : `0x${(high >>> 0).toString(16)}${low.padStart(8, '0')}`;
}

/** A printer for each row, by row id. */
export const UBPF_PRINTERS: readonly RowPrinter[] = /* @__PURE__ */ INSN_TABLE.map(printerOf);
