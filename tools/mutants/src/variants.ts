/** Seeded bugs of what targets do with their options. */
import type { EngineName, Mutant } from './mutant.ts';

type Row = readonly [id: string, file: string, find: string, replace: string, what: string, engine: EngineName, vector: string]; // prettier-ignore

// prettier-ignore
const ROWS: readonly Row[] = [
  ['power9-modulo', 'jit-ppc64/src/lower-divide.ts', 'emit(cx, wide ? modud : moduw, [R0, a, b]);\n        emit(cx, isel, [EQ, d, a, R0]);', 'emit(cx, wide ? modud : moduw, [d, a, b]);', 'a remainder of a division by 0 is what the CPU leaves behind', 'ppc64+power9', 'alu-division/mod64-reg-7-0'],
  ['power9-signed', 'jit-ppc64/src/lower-divide.ts', 'emit(cx, wide ? modsd : modsw, [R0, a, magnitude]);', 'emit(cx, wide ? modud : moduw, [R0, a, magnitude]);', 'a signed remainder is unsigned', 'ppc64+power9', 'alu-division/smod64-reg-fffffffffffffff9-2'],
  ['power10-swap', 'jit-ppc64/src/lower-move.ts', 'if (op.width < 64) emit(cx, rldicl, [d, d, 0, 64 - op.width]);', '', 'a byte swap leaves what lies above', 'ppc64+power10', 'byte-swap/bswap16-123456789abcdef'],
  ['zba-scaled', 'jit-riscv64/src/lower-alu.ts', '[d, source, hw(cx, other)]', '[d, hw(cx, other), source]', 'the wrong one of two addends is scaled', 'riscv64+zba', 'address/load8-base-dead'],
  ['zba-shift', 'jit-riscv64/src/lower-alu.ts', '[d, node.operands[1]!, amount]', '[d, node.operands[1]!, amount & 31]', 'a shifted word is shifted by 31 at most', 'riscv64+zba', 'fusion/mov32-then-dead'],
  ['zbb-swap', 'jit-riscv64/src/lower-bswap.ts', 'if (op.width < 64) emit(cx, srli, [d, d, 64 - op.width]);', '', 'a swapped word stays in the upper half', 'riscv64+zbb', 'byte-swap/bswap32-123456789abcdef'],
  ['zbb-sext', 'jit-riscv64/src/lower-alu.ts', 'emit(cx, op.from === 8 ? sext_b : sext_h, [d, a]);', 'emit(cx, sext_h, [d, a]);', 'bytes are extended as halfwords', 'riscv64+zbb', 'alu-unary/movsx64-8-80'],
  ['r6-quotient', 'jit-mips64/src/lower-divide.ts', 'emit(cx, seleqz, [T9, T9, AT]);', '', 'a quotient has the negated dividend in it', 'mips64+r6', 'alu-division/sdiv64-reg-7-2'],
  ['r6-remainder', 'jit-mips64/src/lower-divide.ts', 'emit(cx, seleqz, [T9, a, b]);', 'emit(cx, seleqz, [T9, b, b]);', 'a remainder of a division by 0 is 0', 'mips64+r6', 'alu-division/mod64-reg-7-0'],
  ['r6-linked', 'jit-mips64/src/lower.ts', 'offset >= -256 && offset <= 255', 'offset >= -512 && offset <= 511', 'displacements of ll are taken to have ten bits', 'mips64+r6', 'memory-offset/atomics-64-256'],
  ['win64-fifth', 'jit-x86_64/src/abi.ts', 'local + pushed + 8 + 32]', 'local + pushed + 8 + 24]', 'r5 is loaded from the word below', 'x86_64+win64', 'call-local/five-arguments'],
  ['win64-pass', 'jit-x86_64/src/abi.ts', 'if (isWin64(cx) && (cx.fn.usedRegisters & (1 << 5)) !== 0)', 'if (false)', 'r5 is not passed on', 'x86_64+win64', 'call-local/five-arguments'],
  ['win64-home', 'jit-x86_64/src/abi.ts', 'redZone: 0, outgoing: 40', 'redZone: 0, outgoing: 32', 'r5 of callees lies in the frame of the function', 'x86_64+win64', 'call-local/nested-frames-same-slot'],
];

export const VARIANT_MUTANTS: readonly Mutant[] = ROWS.map(([id, file, find, replace, what, engine, vector]) => ({
  id: `variants/${id}`,
  file: `packages/${file}`,
  find,
  replace,
  what,
  killedBy: { engine, vector },
}));
