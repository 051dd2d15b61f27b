/** Seeded bugs of the assembler, which the vectors are written for, and of the disassembler. */
import type { Mutant } from './mutant.ts';

const PARSE = 'packages/asm/src/parse-kernel.ts';
const ROUND_TRIP = 'packages/asm/test/round-trip.test.ts';

export const ASM_MUTANTS: readonly Mutant[] = [
  {
    id: 'asm/negative-offset',
    file: 'packages/asm/src/operands.ts',
    find: 'if (code !== 0x2b && code !== 0x2d) return 0;',
    replace: 'if (code !== 0x2b) return 0;',
    what: 'a negative displacement is not read',
    killedBy: { engine: 'interpreter', vector: 'memory-offset/stack-dw-below-64' },
  },
  {
    id: 'asm/compare-width',
    file: PARSE,
    find: "fail(s, 'E_ASM_SYNTAX', 'unknown comparison', operatorAt, { expected: '== != > >= < <= & s> s>= s< s<=' });\n  }\n  const pair = (dst & NARROW) === 0 ? rows.wide : rows.narrow;",
    replace:
      "fail(s, 'E_ASM_SYNTAX', 'unknown comparison', operatorAt, { expected: '== != > >= < <= & s> s>= s< s<=' });\n  }\n  const pair = rows.wide;",
    what: 'comparisons of w registers are 64 bits wide',
    killedBy: { engine: 'interpreter', vector: 'jump-conditional/jeq32-reg' },
  },
  {
    id: 'asm/sign-extension-width',
    file: PARSE,
    find: "type.startsWith('s') ? Number(type.slice(1)) : -1",
    replace: "type === 's8' ? 16 : type.startsWith('s') ? Number(type.slice(1)) : -1",
    what: 'a cast to s8 sign-extends 16 bits',
    killedBy: { engine: 'interpreter', vector: 'alu-unary/movsx64-8-80' },
  },
  {
    id: 'asm/signed-load',
    file: 'packages/asm/src/kernel-memory.ts',
    find: "return type[0] === 's' ? -width : width;",
    replace: 'return width;',
    what: 'a signed load is assembled as an unsigned one',
    killedBy: { engine: 'interpreter', vector: 'memory/ldxsb-at-0' },
  },
  {
    id: 'asm/store-operands',
    file: 'packages/asm/src/kernel-memory.ts',
    find: "emit(a, FORM_ROWS.get(formKey('store', 'store', width))!, base, readValueRegister(a, width), offset, 0);",
    replace: "emit(a, FORM_ROWS.get(formKey('store', 'store', width))!, readValueRegister(a, width), base, offset, 0);",
    what: 'a store has base and value exchanged',
    killedBy: { engine: 'interpreter', vector: 'memory/stxw-orders-r2' },
  },
  {
    id: 'asm/mov-of-w-register',
    file: PARSE,
    find: 'emit(a, (src & NARROW) === 0 ? pair.reg! : rows.narrow.reg!, dst & ~NARROW, src & ~NARROW, 0, 0);',
    replace: 'emit(a, rows.wide.reg!, dst & ~NARROW, src & ~NARROW, 0, 0);',
    what: 'a move of w registers is a 64-bit move',
    killedBy: { engine: 'interpreter', vector: 'alu-unary/mov32-reg-ffffffffffffffff' },
  },
  {
    id: 'asm/address-spaces',
    file: PARSE,
    find: '(to << 16) | from',
    replace: '(from << 16) | to',
    what: 'the address spaces of a cast are exchanged',
    killedBy: { test: ROUND_TRIP, name: 'for every row with edge operands' },
  },
  {
    id: 'asm/print-negative-displacement',
    file: 'packages/asm/src/format-kernel.ts',
    find: 'return offset < 0 ? `r${register} - ${cx.number(-offset)}`',
    replace: 'return offset < 0 ? `r${register} + ${cx.number(-offset)}`',
    what: 'a negative displacement is printed as a positive one',
    killedBy: { test: ROUND_TRIP, name: 'for every row with edge operands' },
  },
  {
    id: 'asm/print-signed-load',
    file: 'packages/asm/src/format-kernel.ts',
    find: 'return (cx, insn) => `r${insn.dst_reg} = *(s${width} *)',
    replace: 'return (cx, insn) => `r${insn.dst_reg} = *(u${width} *)',
    what: 'a signed load is printed as an unsigned one',
    killedBy: { test: ROUND_TRIP, name: 'for every row with edge operands' },
  },
  {
    id: 'asm/print-ubpf',
    file: 'packages/asm/src/format-ubpf.ts',
    find: "low.padStart(8, '0')",
    replace: 'low',
    what: 'wide immediates in ubpf syntax lose zeros between their halves',
    killedBy: { test: ROUND_TRIP, name: 'for every row with edge operands' },
  },
];
