/**
 * The instruction table: one row for each z/Architecture instruction that the code generator or the runner of `machine`
 * uses; branches to labels are in `branches.ts`. From a row come the encoder, the printer and the encoder tests.
 *
 * Level: z196 (general-instructions-extension, distinct-operands, load/store-on-condition, interlocked-access,
 * long-displacement, extended immediate). Nothing newer, so that every machine that Linux distributions support can run the code.
 *
 * A row is format, operation code, syntax, and name in PoP SA22-7832 chapter 7. Formats are bit layouts (PoP chapter 5,
 * "Instruction formats"): `op:N` takes the next N bits of the row's operation code, everything else is a field as in
 * `compileLayout`. Formats that differ only in what an immediate means have a suffix.
 *
 * Operand types in a syntax say how an operand is printed and what happens to the register in it:
 *
 * ```text
 *   w   register, written as a whole           r   register, read
 *   rw  register, read and written             p   even/odd register pair, read and written
 *   x   index, b base of an address: 0 = none  d   displacement
 *   i   signed immediate, u unsigned           f   comparison of a fused branch, c mask of a branch,
 *   l   label                                      k mask of a load on condition: in the mnemonic
 * ```
 *
 * An instruction on 32 bits leaves bits 0-31 of its result register unchanged; such a result is `rw`, because what was
 * there shows in the whole register.
 */
import { type BitLayout, compileLayout, type LayoutForm, operandNames, type RelocationUse } from '@polybpf/jit';

const LAYOUTS = {
  I: 'op:8 I1:8',
  RR: 'op:8 R1:4 R2:4',
  'RR-m': 'op:8 M1:4 R2:4',
  'RR-15': 'op:8 1111 R2:4',
  RRE: 'op:16 00000000 R1:4 R2:4',
  'RRF-a': 'op:16 R3:4 0000 R1:4 R2:4',
  'RRF-c': 'op:16 M3:4 0000 R1:4 R2:4',
  'RI-a': 'op:8 R1:4 op:4 I2:s16',
  'RI-a u': 'op:8 R1:4 op:4 I2:16',
  'RI-c': 'op:8 M1:4 op:4 label:s16*2',
  'RIE-b': 'op:8 R1:4 R2:4 label:s16*2 M3:4 0000 op:8',
  'RIE-c': 'op:8 R1:4 M3:4 label:s16*2 I2:s8 op:8',
  'RIE-c u': 'op:8 R1:4 M3:4 label:s16*2 I2:8 op:8',
  'RIE-f': 'op:8 R1:4 R2:4 I3:8 I4:8 I5:8 op:8',
  'RIL-a': 'op:8 R1:4 op:4 I2:s32',
  'RIL-a u': 'op:8 R1:4 op:4 I2:32',
  'RIL-b': 'op:8 R1:4 op:4 label:s32*2',
  'RIL-c': 'op:8 M1:4 op:4 label:s32*2',
  'RS-a': 'op:8 R1:4 R3:4 B2:4 D2:12',
  'RS-a shift': 'op:8 R1:4 0000 B2:4 D2:12',
  'RSY-a': 'op:8 R1:4 R3:4 B2:4 D2:s20[11:0] D2:s20[19:12] op:8',
  'RX-a': 'op:8 R1:4 X2:4 B2:4 D2:12',
  'RXY-a': 'op:8 R1:4 X2:4 B2:4 D2:s20[11:0] D2:s20[19:12] op:8',
  SI: 'op:8 I2:8 B1:4 D1:12',
  SIY: 'op:8 I2:8 B1:4 D1:s20[11:0] D1:s20[19:12] op:8',
  'SIY s': 'op:8 I2:s8 B1:4 D1:s20[11:0] D1:s20[19:12] op:8',
  SIL: 'op:16 B1:4 D1:12 I2:s16',
} as const;

export type FormatName = keyof typeof LAYOUTS;

/** Format, operation code in hexadecimal, syntax, name of the instruction in chapter 7 of the PoP. */
export type Row = readonly [FormatName, string, string, string];

/** How an instruction uses the register in one operand. */
export type RegisterUse = 'write' | 'read' | 'readwrite' | 'pair' | 'none';

export interface S390xForm extends LayoutForm {
  /** For each operand of a node, in order. */
  readonly uses: readonly RegisterUse[];
}

const USES: Readonly<Record<string, RegisterUse>> = {
  w: 'write',
  r: 'read',
  rw: 'readwrite',
  p: 'pair',
  x: 'read',
  b: 'read',
};

/** Forms of a table, by name. */
export function makeForms<Name extends string>(rows: Readonly<Record<Name, Row>>): Readonly<Record<Name, S390xForm>> {
  const forms = {} as Record<Name, S390xForm>;
  for (const name of Object.keys(rows) as Name[]) forms[name] = makeForm(name, rows[name]);
  return forms;
}

function makeForm(name: string, [format, opcode, syntax, title]: Row): S390xForm {
  const types = new Map([...syntax.matchAll(/\{(\w+):(\w+)\}/g)].map(([, operand, type]) => [operand!, type!]));
  const operands = operandNames(syntax).filter((operand) => operand !== 'label');
  return {
    name,
    syntax,
    manual: `PoP SA22-7832 ${title} (${format.split(' ')[0]})`,
    layout: layoutOf(name, syntax, format, opcode),
    uses: operands.map((operand) => USES[types.get(operand)!] ?? 'none'),
  };
}

function layoutOf(name: string, syntax: string, format: FormatName, opcode: string): BitLayout {
  let bits = [...opcode].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join('');
  const text = LAYOUTS[format].replace(/op:(\d+)/g, (_, width: string) => {
    const part = bits.slice(0, Number(width));
    bits = bits.slice(Number(width));
    return part;
  });
  if (bits !== '') throw new Error(`BUG: operation code ${opcode} of ${name} is too long for ${format}`);
  return compileLayout(name, syntax, text);
}

const ROWS = {
  // Copies and extensions
  lr: ['RR', '18', 'lr {R1:rw},{R2:r}', 'LOAD'],
  lgr: ['RRE', 'B904', 'lgr {R1:w},{R2:r}', 'LOAD'],
  ltr: ['RR', '12', 'ltr {R1:rw},{R2:r}', 'LOAD AND TEST'],
  ltgr: ['RRE', 'B902', 'ltgr {R1:w},{R2:r}', 'LOAD AND TEST'],
  lcr: ['RR', '13', 'lcr {R1:rw},{R2:r}', 'LOAD COMPLEMENT'],
  lcgr: ['RRE', 'B903', 'lcgr {R1:w},{R2:r}', 'LOAD COMPLEMENT'],
  lbr: ['RRE', 'B926', 'lbr {R1:rw},{R2:r}', 'LOAD BYTE'],
  lhr: ['RRE', 'B927', 'lhr {R1:rw},{R2:r}', 'LOAD HALFWORD'],
  lgbr: ['RRE', 'B906', 'lgbr {R1:w},{R2:r}', 'LOAD BYTE'],
  lghr: ['RRE', 'B907', 'lghr {R1:w},{R2:r}', 'LOAD HALFWORD'],
  lgfr: ['RRE', 'B914', 'lgfr {R1:w},{R2:r}', 'LOAD'],
  llgcr: ['RRE', 'B984', 'llgcr {R1:w},{R2:r}', 'LOAD LOGICAL CHARACTER'],
  llghr: ['RRE', 'B985', 'llghr {R1:w},{R2:r}', 'LOAD LOGICAL HALFWORD'],
  llgfr: ['RRE', 'B916', 'llgfr {R1:w},{R2:r}', 'LOAD LOGICAL'],
  llgtr: ['RRE', 'B917', 'llgtr {R1:w},{R2:r}', 'LOAD LOGICAL THIRTY ONE BITS'],
  lrvr: ['RRE', 'B91F', 'lrvr {R1:rw},{R2:r}', 'LOAD REVERSED'],
  lrvgr: ['RRE', 'B90F', 'lrvgr {R1:w},{R2:r}', 'LOAD REVERSED'],

  locr: ['RRF-c', 'B9F2', 'locr{M3:k} {R1:rw},{R2:r}', 'LOAD ON CONDITION'],
  locgr: ['RRF-c', 'B9E2', 'locgr{M3:k} {R1:rw},{R2:r}', 'LOAD ON CONDITION'],

  // Constants
  lghi: ['RI-a', 'A79', 'lghi {R1:w},{I2:i}', 'LOAD HALFWORD IMMEDIATE'],
  lgfi: ['RIL-a', 'C01', 'lgfi {R1:w},{I2:i}', 'LOAD IMMEDIATE'],
  llihh: ['RI-a u', 'A5C', 'llihh {R1:w},{I2:u}', 'LOAD LOGICAL IMMEDIATE'],
  llihl: ['RI-a u', 'A5D', 'llihl {R1:w},{I2:u}', 'LOAD LOGICAL IMMEDIATE'],
  llilh: ['RI-a u', 'A5E', 'llilh {R1:w},{I2:u}', 'LOAD LOGICAL IMMEDIATE'],
  llill: ['RI-a u', 'A5F', 'llill {R1:w},{I2:u}', 'LOAD LOGICAL IMMEDIATE'],
  llihf: ['RIL-a u', 'C0E', 'llihf {R1:w},{I2:u}', 'LOAD LOGICAL IMMEDIATE'],
  llilf: ['RIL-a u', 'C0F', 'llilf {R1:w},{I2:u}', 'LOAD LOGICAL IMMEDIATE'],
  iihh: ['RI-a u', 'A50', 'iihh {R1:rw},{I2:u}', 'INSERT IMMEDIATE'],
  iihl: ['RI-a u', 'A51', 'iihl {R1:rw},{I2:u}', 'INSERT IMMEDIATE'],
  iilh: ['RI-a u', 'A52', 'iilh {R1:rw},{I2:u}', 'INSERT IMMEDIATE'],
  iill: ['RI-a u', 'A53', 'iill {R1:rw},{I2:u}', 'INSERT IMMEDIATE'],

  // Arithmetic
  ar: ['RR', '1A', 'ar {R1:rw},{R2:r}', 'ADD'],
  agr: ['RRE', 'B908', 'agr {R1:rw},{R2:r}', 'ADD'],
  ark: ['RRF-a', 'B9F8', 'ark {R1:rw},{R2:r},{R3:r}', 'ADD'],
  agrk: ['RRF-a', 'B9E8', 'agrk {R1:w},{R2:r},{R3:r}', 'ADD'],
  ahi: ['RI-a', 'A7A', 'ahi {R1:rw},{I2:i}', 'ADD HALFWORD IMMEDIATE'],
  aghi: ['RI-a', 'A7B', 'aghi {R1:rw},{I2:i}', 'ADD HALFWORD IMMEDIATE'],
  afi: ['RIL-a', 'C29', 'afi {R1:rw},{I2:i}', 'ADD IMMEDIATE'],
  agfi: ['RIL-a', 'C28', 'agfi {R1:rw},{I2:i}', 'ADD IMMEDIATE'],
  algfi: ['RIL-a u', 'C2A', 'algfi {R1:rw},{I2:u}', 'ADD LOGICAL IMMEDIATE'],
  agsi: ['SIY s', 'EB7A', 'agsi {D1:d}({B1:b}),{I2:i}', 'ADD IMMEDIATE'],
  sr: ['RR', '1B', 'sr {R1:rw},{R2:r}', 'SUBTRACT'],
  sgr: ['RRE', 'B909', 'sgr {R1:rw},{R2:r}', 'SUBTRACT'],
  srk: ['RRF-a', 'B9F9', 'srk {R1:rw},{R2:r},{R3:r}', 'SUBTRACT'],
  sgrk: ['RRF-a', 'B9E9', 'sgrk {R1:w},{R2:r},{R3:r}', 'SUBTRACT'],
  msr: ['RRE', 'B252', 'msr {R1:rw},{R2:r}', 'MULTIPLY SINGLE'],
  msgr: ['RRE', 'B90C', 'msgr {R1:rw},{R2:r}', 'MULTIPLY SINGLE'],
  mhi: ['RI-a', 'A7C', 'mhi {R1:rw},{I2:i}', 'MULTIPLY HALFWORD IMMEDIATE'],
  mghi: ['RI-a', 'A7D', 'mghi {R1:rw},{I2:i}', 'MULTIPLY HALFWORD IMMEDIATE'],
  msfi: ['RIL-a', 'C21', 'msfi {R1:rw},{I2:i}', 'MULTIPLY SINGLE IMMEDIATE'],
  msgfi: ['RIL-a', 'C20', 'msgfi {R1:rw},{I2:i}', 'MULTIPLY SINGLE IMMEDIATE'],
  dlr: ['RRE', 'B997', 'dlr {R1:p},{R2:r}', 'DIVIDE LOGICAL'],
  dlgr: ['RRE', 'B987', 'dlgr {R1:p},{R2:r}', 'DIVIDE LOGICAL'],
  dsgr: ['RRE', 'B90D', 'dsgr {R1:p},{R2:r}', 'DIVIDE SINGLE'],
  dsgfr: ['RRE', 'B91D', 'dsgfr {R1:p},{R2:r}', 'DIVIDE SINGLE'],

  // Logic
  nr: ['RR', '14', 'nr {R1:rw},{R2:r}', 'AND'],
  ngr: ['RRE', 'B980', 'ngr {R1:rw},{R2:r}', 'AND'],
  nrk: ['RRF-a', 'B9F4', 'nrk {R1:rw},{R2:r},{R3:r}', 'AND'],
  ngrk: ['RRF-a', 'B9E4', 'ngrk {R1:w},{R2:r},{R3:r}', 'AND'],
  nilh: ['RI-a u', 'A56', 'nilh {R1:rw},{I2:u}', 'AND IMMEDIATE'],
  nill: ['RI-a u', 'A57', 'nill {R1:rw},{I2:u}', 'AND IMMEDIATE'],
  nilf: ['RIL-a u', 'C0B', 'nilf {R1:rw},{I2:u}', 'AND IMMEDIATE'],
  or: ['RR', '16', 'or {R1:rw},{R2:r}', 'OR'],
  ogr: ['RRE', 'B981', 'ogr {R1:rw},{R2:r}', 'OR'],
  ork: ['RRF-a', 'B9F6', 'ork {R1:rw},{R2:r},{R3:r}', 'OR'],
  ogrk: ['RRF-a', 'B9E6', 'ogrk {R1:w},{R2:r},{R3:r}', 'OR'],
  oilh: ['RI-a u', 'A5A', 'oilh {R1:rw},{I2:u}', 'OR IMMEDIATE'],
  oill: ['RI-a u', 'A5B', 'oill {R1:rw},{I2:u}', 'OR IMMEDIATE'],
  oilf: ['RIL-a u', 'C0D', 'oilf {R1:rw},{I2:u}', 'OR IMMEDIATE'],
  xr: ['RR', '17', 'xr {R1:rw},{R2:r}', 'EXCLUSIVE OR'],
  xgr: ['RRE', 'B982', 'xgr {R1:rw},{R2:r}', 'EXCLUSIVE OR'],
  xrk: ['RRF-a', 'B9F7', 'xrk {R1:rw},{R2:r},{R3:r}', 'EXCLUSIVE OR'],
  xgrk: ['RRF-a', 'B9E7', 'xgrk {R1:w},{R2:r},{R3:r}', 'EXCLUSIVE OR'],
  xilf: ['RIL-a u', 'C07', 'xilf {R1:rw},{I2:u}', 'EXCLUSIVE OR IMMEDIATE'],

  // Shifts: the count is the low six bits of displacement + base. I4 of risbg holds the zero-remaining bit (128).
  sll: ['RS-a shift', '89', 'sll {R1:rw},{D2:d}({B2:b})', 'SHIFT LEFT SINGLE LOGICAL'],
  srl: ['RS-a shift', '88', 'srl {R1:rw},{D2:d}({B2:b})', 'SHIFT RIGHT SINGLE LOGICAL'],
  sra: ['RS-a shift', '8A', 'sra {R1:rw},{D2:d}({B2:b})', 'SHIFT RIGHT SINGLE'],
  sllk: ['RSY-a', 'EBDF', 'sllk {R1:rw},{R3:r},{D2:d}({B2:b})', 'SHIFT LEFT SINGLE LOGICAL'],
  srlk: ['RSY-a', 'EBDE', 'srlk {R1:rw},{R3:r},{D2:d}({B2:b})', 'SHIFT RIGHT SINGLE LOGICAL'],
  srak: ['RSY-a', 'EBDC', 'srak {R1:rw},{R3:r},{D2:d}({B2:b})', 'SHIFT RIGHT SINGLE'],
  sllg: ['RSY-a', 'EB0D', 'sllg {R1:w},{R3:r},{D2:d}({B2:b})', 'SHIFT LEFT SINGLE LOGICAL'],
  srlg: ['RSY-a', 'EB0C', 'srlg {R1:w},{R3:r},{D2:d}({B2:b})', 'SHIFT RIGHT SINGLE LOGICAL'],
  srag: ['RSY-a', 'EB0A', 'srag {R1:w},{R3:r},{D2:d}({B2:b})', 'SHIFT RIGHT SINGLE'],
  rll: ['RSY-a', 'EB1D', 'rll {R1:rw},{R3:r},{D2:d}({B2:b})', 'ROTATE LEFT SINGLE LOGICAL'],
  rllg: ['RSY-a', 'EB1C', 'rllg {R1:w},{R3:r},{D2:d}({B2:b})', 'ROTATE LEFT SINGLE LOGICAL'],
  risbg: ['RIE-f', 'EC55', 'risbg {R1:rw},{R2:r},{I3:u},{I4:u},{I5:u}', 'ROTATE THEN INSERT SELECTED BITS'],

  // Comparisons and tests
  cr: ['RR', '19', 'cr {R1:r},{R2:r}', 'COMPARE'],
  cgr: ['RRE', 'B920', 'cgr {R1:r},{R2:r}', 'COMPARE'],
  clr: ['RR', '15', 'clr {R1:r},{R2:r}', 'COMPARE LOGICAL'],
  clgr: ['RRE', 'B921', 'clgr {R1:r},{R2:r}', 'COMPARE LOGICAL'],
  chi: ['RI-a', 'A7E', 'chi {R1:r},{I2:i}', 'COMPARE HALFWORD IMMEDIATE'],
  cghi: ['RI-a', 'A7F', 'cghi {R1:r},{I2:i}', 'COMPARE HALFWORD IMMEDIATE'],
  cfi: ['RIL-a', 'C2D', 'cfi {R1:r},{I2:i}', 'COMPARE IMMEDIATE'],
  cgfi: ['RIL-a', 'C2C', 'cgfi {R1:r},{I2:i}', 'COMPARE IMMEDIATE'],
  clfi: ['RIL-a u', 'C2F', 'clfi {R1:r},{I2:u}', 'COMPARE LOGICAL IMMEDIATE'],
  clgfi: ['RIL-a u', 'C2E', 'clgfi {R1:r},{I2:u}', 'COMPARE LOGICAL IMMEDIATE'],
  tmhh: ['RI-a u', 'A72', 'tmhh {R1:r},{I2:u}', 'TEST UNDER MASK'],
  tmhl: ['RI-a u', 'A73', 'tmhl {R1:r},{I2:u}', 'TEST UNDER MASK'],
  tmlh: ['RI-a u', 'A70', 'tmlh {R1:r},{I2:u}', 'TEST UNDER MASK'],
  tmll: ['RI-a u', 'A71', 'tmll {R1:r},{I2:u}', 'TEST UNDER MASK'],

  // Addresses
  la: ['RX-a', '41', 'la {R1:w},{D2:d}({X2:x}{B2:b})', 'LOAD ADDRESS'],
  lay: ['RXY-a', 'E371', 'lay {R1:w},{D2:d}({X2:x}{B2:b})', 'LOAD ADDRESS'],

  // Loads
  l: ['RX-a', '58', 'l {R1:rw},{D2:d}({X2:x}{B2:b})', 'LOAD'],
  ly: ['RXY-a', 'E358', 'ly {R1:rw},{D2:d}({X2:x}{B2:b})', 'LOAD'],
  lh: ['RX-a', '48', 'lh {R1:rw},{D2:d}({X2:x}{B2:b})', 'LOAD HALFWORD'],
  lhy: ['RXY-a', 'E378', 'lhy {R1:rw},{D2:d}({X2:x}{B2:b})', 'LOAD HALFWORD'],
  lg: ['RXY-a', 'E304', 'lg {R1:w},{D2:d}({X2:x}{B2:b})', 'LOAD'],
  lgb: ['RXY-a', 'E377', 'lgb {R1:w},{D2:d}({X2:x}{B2:b})', 'LOAD BYTE'],
  lgh: ['RXY-a', 'E315', 'lgh {R1:w},{D2:d}({X2:x}{B2:b})', 'LOAD HALFWORD'],
  lgf: ['RXY-a', 'E314', 'lgf {R1:w},{D2:d}({X2:x}{B2:b})', 'LOAD'],
  llgc: ['RXY-a', 'E390', 'llgc {R1:w},{D2:d}({X2:x}{B2:b})', 'LOAD LOGICAL CHARACTER'],
  llgh: ['RXY-a', 'E391', 'llgh {R1:w},{D2:d}({X2:x}{B2:b})', 'LOAD LOGICAL HALFWORD'],
  llgf: ['RXY-a', 'E316', 'llgf {R1:w},{D2:d}({X2:x}{B2:b})', 'LOAD LOGICAL'],
  lrvh: ['RXY-a', 'E31F', 'lrvh {R1:rw},{D2:d}({X2:x}{B2:b})', 'LOAD REVERSED'],
  lrv: ['RXY-a', 'E31E', 'lrv {R1:rw},{D2:d}({X2:x}{B2:b})', 'LOAD REVERSED'],
  lrvg: ['RXY-a', 'E30F', 'lrvg {R1:w},{D2:d}({X2:x}{B2:b})', 'LOAD REVERSED'],
  lmg: ['RSY-a', 'EB04', 'lmg {R1:w},{R3:w},{D2:d}({B2:b})', 'LOAD MULTIPLE'],

  // Stores
  stc: ['RX-a', '42', 'stc {R1:r},{D2:d}({X2:x}{B2:b})', 'STORE CHARACTER'],
  stcy: ['RXY-a', 'E372', 'stcy {R1:r},{D2:d}({X2:x}{B2:b})', 'STORE CHARACTER'],
  sth: ['RX-a', '40', 'sth {R1:r},{D2:d}({X2:x}{B2:b})', 'STORE HALFWORD'],
  sthy: ['RXY-a', 'E370', 'sthy {R1:r},{D2:d}({X2:x}{B2:b})', 'STORE HALFWORD'],
  st: ['RX-a', '50', 'st {R1:r},{D2:d}({X2:x}{B2:b})', 'STORE'],
  sty: ['RXY-a', 'E350', 'sty {R1:r},{D2:d}({X2:x}{B2:b})', 'STORE'],
  stg: ['RXY-a', 'E324', 'stg {R1:r},{D2:d}({X2:x}{B2:b})', 'STORE'],
  stmg: ['RSY-a', 'EB24', 'stmg {R1:r},{R3:r},{D2:d}({B2:b})', 'STORE MULTIPLE'],
  mvi: ['SI', '92', 'mvi {D1:d}({B1:b}),{I2:u}', 'MOVE'],
  mviy: ['SIY', 'EB52', 'mviy {D1:d}({B1:b}),{I2:u}', 'MOVE'],
  mvhhi: ['SIL', 'E544', 'mvhhi {D1:d}({B1:b}),{I2:i}', 'MOVE'],
  mvhi: ['SIL', 'E54C', 'mvhi {D1:d}({B1:b}),{I2:i}', 'MOVE'],
  mvghi: ['SIL', 'E548', 'mvghi {D1:d}({B1:b}),{I2:i}', 'MOVE'],

  // Interlocked updates
  laa: ['RSY-a', 'EBF8', 'laa {R1:rw},{R3:r},{D2:d}({B2:b})', 'LOAD AND ADD'],
  laag: ['RSY-a', 'EBE8', 'laag {R1:w},{R3:r},{D2:d}({B2:b})', 'LOAD AND ADD'],
  lan: ['RSY-a', 'EBF4', 'lan {R1:rw},{R3:r},{D2:d}({B2:b})', 'LOAD AND AND'],
  lang: ['RSY-a', 'EBE4', 'lang {R1:w},{R3:r},{D2:d}({B2:b})', 'LOAD AND AND'],
  lao: ['RSY-a', 'EBF6', 'lao {R1:rw},{R3:r},{D2:d}({B2:b})', 'LOAD AND OR'],
  laog: ['RSY-a', 'EBE6', 'laog {R1:w},{R3:r},{D2:d}({B2:b})', 'LOAD AND OR'],
  lax: ['RSY-a', 'EBF7', 'lax {R1:rw},{R3:r},{D2:d}({B2:b})', 'LOAD AND EXCLUSIVE OR'],
  laxg: ['RSY-a', 'EBE7', 'laxg {R1:w},{R3:r},{D2:d}({B2:b})', 'LOAD AND EXCLUSIVE OR'],
  cs: ['RS-a', 'BA', 'cs {R1:rw},{R3:r},{D2:d}({B2:b})', 'COMPARE AND SWAP'],
  csy: ['RSY-a', 'EB14', 'csy {R1:rw},{R3:r},{D2:d}({B2:b})', 'COMPARE AND SWAP'],
  csg: ['RSY-a', 'EB30', 'csg {R1:rw},{R3:r},{D2:d}({B2:b})', 'COMPARE AND SWAP'],

  // Control
  br: ['RR-15', '07', 'br {R2:r}', 'BRANCH ON CONDITION'],
  bcr: ['RR-m', '07', 'bcr {M1:u},{R2:r}', 'BRANCH ON CONDITION'],
  basr: ['RR', '0D', 'basr {R1:w},{R2:r}', 'BRANCH AND SAVE'],
  svc: ['I', '0A', 'svc {I1:u}', 'SUPERVISOR CALL'],
} as const;

export type InstructionName = keyof typeof ROWS;

/** Forms of all instructions without a label, by mnemonic. */
export const FORMS: Readonly<Record<InstructionName, S390xForm>> = /* @__PURE__ */ makeForms<InstructionName>(ROWS);

/** The field of a RIL instruction counts halfwords from the instruction, which starts two bytes before the field. */
export const PC32DBL: RelocationUse = { kind: 'pc32dbl', offset: 2, addend: 2 };
/** As {@link PC32DBL}, for a function that may be called through the linker's procedure linkage table. */
export const PLT32DBL: RelocationUse = { kind: 'plt32dbl', offset: 2, addend: 2 };
