/** Tables of instructions: rows of a manual to forms. */
import { compileLayout, type LayoutForm, operandNames } from '../bit-layout.ts';
import type { BranchUse, MachineForm, RelocationUse } from '../node.ts';
import type { WritingForm } from './look-back.ts';

/** Any row of a table: asked only when a branch is widened, so that the table may still be growing. */
export type FormOf<Name extends string> = (name: Name) => MachineForm;

/** Reach of a row, when it has a label. */
export type BranchUseOf<Name extends string> = (name: Name, formOf: FormOf<Name>) => BranchUse | undefined;

/** Forms of all rows, by name. */
export function formTable<Name extends string, Form>(
  rows: Readonly<Record<Name, unknown>>,
  make: (name: Name) => Form,
): Readonly<Record<Name, Form>> {
  return Object.fromEntries((Object.keys(rows) as Name[]).map((name) => [name, make(name)])) as Record<Name, Form>;
}

/** What every form has: syntax, layout and place in the manual, reach and relocation. */
export function layoutForm<Name extends string>(
  name: Name,
  [syntax, layout, manual]: readonly [syntax: string, layout: string, manual: string, ...rest: unknown[]],
  branch: BranchUse | undefined,
  relocation: RelocationUse | undefined,
): LayoutForm & { readonly name: Name } {
  return {
    name,
    syntax,
    manual,
    layout: layout === '' ? PAIR : compileLayout(name, syntax, layout),
    ...(branch === undefined ? {} : { branch }),
    ...(relocation === undefined ? {} : { relocation }),
  };
}

/** What stands in `layout` of eight-byte rows, whose two instructions the encoder makes. */
const PAIR = { name: '', size: 8, fixedLow: 0, fixedHigh: 0, fields: [] } as const;

/** A form that says what it writes. */
export interface RowForm<Name extends string> extends LayoutForm, WritingForm {
  readonly name: Name;
}

/** Rows [syntax, layout, place in the manual, names of written operands]. */
export interface RowRules<Name extends string> {
  readonly rows: Readonly<Record<Name, readonly string[]>>;
  /** The operand that a row writes when it does not say. */
  readonly result: string;
  readonly branchUse: BranchUseOf<Name>;
  /** Relocations of whole instructions, for rows with `symbol` in them. */
  readonly relocations: Readonly<Partial<Record<Name, string>>>;
}

/**
 * The forms of a table. Load-time proof: each layout has a whole number of bytes and a field for each operand of its
 * syntax.
 */
export function compileRows<Name extends string>(rules: RowRules<Name>): Readonly<Record<Name, RowForm<Name>>> {
  const { rows, result, branchUse, relocations } = rules;
  const forms: Readonly<Record<Name, RowForm<Name>>> = formTable(rows, (name) => {
    const row = rows[name] as readonly [string, string, string, string?];
    const kind = relocations[name];
    const relocation = kind === undefined ? undefined : { kind, offset: 0, addend: 0 };
    const written = (row[3] ?? result).split(' ');
    const operands = operandNames(row[0]).filter((operand) => operand !== 'label');
    return {
      ...layoutForm(
        name,
        row,
        branchUse(name, (other) => forms[other]),
        relocation,
      ),
      writes: operands.flatMap((operand, position) => (written.includes(operand) ? [position] : [])),
    };
  });
  return forms;
}

/** Positions of the operands whose letter in `roles`, a letter each, is one of `wanted`. */
export function positionsOf(roles: string, wanted: string): number[] {
  return [...roles].flatMap((role, position) => (wanted.includes(role) ? [position] : []));
}
