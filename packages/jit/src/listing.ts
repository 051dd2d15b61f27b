/** Listing: source line, BPF instruction, then its machine code with offset, bytes and text. */
import { rowOf } from '@polybpf/isa';
import type { CompiledProgram } from './compile.ts';
import { ALIGN, DATA64, LABEL } from './node.ts';
import { describeSymbol } from './link.ts';

/** One machine instruction of a listing. */
export interface ListingLine {
  /** Code offset. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** BPF insn index, -1 for prologue, padding and literals. */
  readonly insn: number;
}

/** The machine instructions of compiled code in order. */
export function listCode(compiled: CompiledProgram): ListingLine[] {
  const { nodes, nodeOffsets, labelOffsets, code, target, relocations } = compiled;
  const lines: ListingLine[] = [];
  nodes.forEach((node, i) => {
    if (node.form === LABEL) return;
    const offset = nodeOffsets[i]!;
    const bytes = code.subarray(offset, nodeOffsets[i + 1]!);
    if (bytes.length === 0) return;
    const relocation = node.symbol === undefined ? undefined : relocations.find((entry) => entry.offset >= offset && entry.offset < offset + bytes.length); // prettier-ignore
    const note = relocation === undefined ? '' : `   ; ${relocation.kind} ${describeSymbol(relocation.symbol)}${formatAddend(relocation.addend)}`; // prettier-ignore
    lines.push({ offset, bytes, text: nodeText(compiled, i) + note, insn: node.insn });
  });
  return lines;

  function nodeText(_: CompiledProgram, index: number): string {
    const node = nodes[index]!;
    if (node.form === ALIGN) return '.balign ' + node.operands[0];
    if (node.form === DATA64) return `.quad 0x${hex32(node.operands[1]!)}${hex32(node.operands[0]!)}`;
    return target.print(node, node.label < 0 ? 0 : labelOffsets[node.label]!);
  }
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

function formatAddend(addend: number): string {
  return addend === 0 ? '' : addend < 0 ? String(addend) : `+${addend}`;
}

export interface ListingOptions {
  /** Text of a BPF instruction by insn index; given by the caller, since printing eBPF is the asm package's job. */
  readonly insnText?: (insn: number) => string;
}

/**
 * The listing as text.
 *
 * ```text
 * ; prog.c:12: return x / y;
 *    2: r0 /= r1
 *    0018  e708c09a          udiv x7, x7, x0
 * ```
 */
export function formatListing(compiled: CompiledProgram, options: ListingOptions = {}): string {
  const out: string[] = [];
  const functionAt = new Map(compiled.functions.map((fn) => [fn.offset, fn.name]));
  const lineAt = new Map(compiled.program.lines.map((line) => [line.insn, line]));
  const { insns } = compiled.program;
  let next = 0;
  for (const line of listCode(compiled)) {
    const name = functionAt.get(line.offset);
    if (name !== undefined) {
      out.push(`${out.length === 0 ? '' : '\n'}${name}:`);
      functionAt.delete(line.offset);
    }
    // Instructions that were fused into a later one, or have no code, stand before the code that follows them.
    for (; next <= line.insn; next++) {
      const source = lineAt.get(next);
      if (source !== undefined)
        out.push(`; ${source.file === '' ? 'line ' : `${source.file}:`}${source.line}: ${source.text.trim()}`);
      out.push(`${String(next).padStart(5)}: ${options.insnText?.(next) ?? ''}`.trimEnd());
      if (rowOf(insns[next]!)?.slots === 2) next++;
    }
    const bytes = [...line.bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    out.push(`   ${line.offset.toString(16).padStart(4, '0')}  ${bytes.padEnd(22)} ${line.text}`);
  }
  return out.join('\n') + '\n';
}
