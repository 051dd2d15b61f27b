/**
 * From fields to rows. The index is derived from the table: rows are grouped by opcode; a row matches when each of its
 * fixed fields has the fixed value.
 */
import type { Insn } from './insn.ts';
import { INSN_TABLE, type InsnRow } from './insn-table.ts';

/** A row with its fixed fields in one shape, which is faster to read than the table's. */
interface Candidate {
  readonly row: InsnRow;
  readonly dst_reg: number | undefined;
  readonly src_reg: number | undefined;
  readonly offset: number | undefined;
  readonly imm: number | undefined;
}

function buildIndex(): (readonly InsnRow[])[] {
  const index: InsnRow[][] = Array.from({ length: 256 }, () => []);
  for (const row of INSN_TABLE) index[row.opcode]!.push(row);
  return index;
}

function buildCandidates(): (readonly Candidate[])[] {
  return buildIndex().map((rows) =>
    rows.map((row) => {
      const { dst_reg, src_reg, offset, imm } = row.fixed;
      return { row, dst_reg, src_reg, offset, imm };
    }),
  );
}

const NO_ROWS: readonly InsnRow[] = [];
const ROWS_BY_OPCODE: readonly (readonly InsnRow[])[] = /* @__PURE__ */ buildIndex();
const CANDIDATES: readonly (readonly Candidate[])[] = /* @__PURE__ */ buildCandidates();

/** By opcode: the row, where it alone has that opcode and no fixed fields, as most have. */
function buildOnlyRows(): (InsnRow | undefined)[] {
  return buildIndex().map((rows) =>
    rows.length === 1 && Object.keys(rows[0]!.fixed).length === 0 ? rows[0] : undefined,
  );
}

const ONLY_ROW: readonly (InsnRow | undefined)[] = /* @__PURE__ */ buildOnlyRows();

/** Rows that share `opcode` (0..255), in table order. */
export function rowsOfOpcode(opcode: number): readonly InsnRow[] {
  return ROWS_BY_OPCODE[opcode] ?? NO_ROWS;
}

/** The row that `insn` matches, or undefined. Reserved fields are not looked at: see `checkInsn`. */
export function rowOf(insn: Insn): InsnRow | undefined {
  const only = ONLY_ROW[insn.opcode];
  if (only !== undefined) return only;
  const candidates = CANDIDATES[insn.opcode];
  if (candidates === undefined) return undefined;
  for (let i = 0; i < candidates.length; i++) {
    const { row, dst_reg, src_reg, offset, imm } = candidates[i]!;
    if (
      (src_reg === undefined || src_reg === insn.src_reg) &&
      (offset === undefined || offset === insn.offset) &&
      (imm === undefined || imm === insn.imm) &&
      (dst_reg === undefined || dst_reg === insn.dst_reg)
    ) {
      return row;
    }
  }
  return undefined;
}

function buildNames(): Map<string, InsnRow> {
  return new Map(INSN_TABLE.map((row) => [row.name, row]));
}

const ROWS_BY_NAME: ReadonlyMap<string, InsnRow> = /* @__PURE__ */ buildNames();

/** The row called `name`, or undefined. */
export function rowByName(name: string): InsnRow | undefined {
  return ROWS_BY_NAME.get(name);
}

/**
 * The insn index that a jump, local call or ld_imm64 func at `index` goes to; jumps count slots from the next
 * instruction (RFC 9669 sec. 4.3). Undefined for rows without a code target.
 */
export function jumpTarget(row: InsnRow, insn: Insn, index: number): number | undefined {
  if (row.offsetUse === 'jump') return index + 1 + insn.offset;
  if (row.immUse === 'jump' || row.immUse === 'subprogram') return index + 1 + insn.imm;
  return undefined;
}
