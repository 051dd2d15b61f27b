// Runs every vector and every situation on every engine and CPU and counts, feature by feature.
//
// A feature is a set of rows of the instruction table: its tests are the vectors whose program has one of them. Each row
// belongs to exactly one feature, so a new instruction cannot be left out of the table. Features that are no instruction
// (ranges, refusals) are told by the file of their vectors.
import { join } from 'node:path';
import { type Engine, interpreterEngine, runSuite, type Vector, type VectorResult } from '@polybpf/conformance';
import { loadSuite, nativeEngine } from '@polybpf/conformance/node';
import { isBpfError } from '@polybpf/errors';
import { type Endian, INSN_TABLE, type InsnRow, rowOf } from '@polybpf/isa';
import { ALL_TARGETS } from '@polybpf/targets';
import { ROOT } from './repository.ts';
import { interpretSituations, runSituations, SITUATION_FEATURES as S } from './support-situations.native.ts';
import { EMPTY_CELL, type SupportCell, type SupportColumn, type SupportMatrix } from './support-table.ts';

/** A feature and what its tests are: vectors with certain instructions, or vectors of certain names. */
interface Feature {
  readonly title: string;
  readonly rows?: (row: InsnRow) => boolean;
  readonly vectors?: RegExp;
}

const alu = (row: InsnRow, width: 32 | 64, ...ops: string[]): boolean =>
  row.kind === 'alu' && row.width === width && ops.includes(row.op);
const BASIC = ['add', 'sub', 'mul', 'neg', 'and', 'or', 'xor'];
const SHIFTS = ['lsh', 'rsh', 'arsh'];

const FEATURES: readonly Feature[] = [
  { title: '`mov`, 64-bit constants, `exit`', rows: (row) => row.op === 'mov' || row.name === 'ld_imm64' || row.kind === 'exit' }, // prettier-ignore
  { title: 'arithmetic and logic, 64 bits', rows: (row) => alu(row, 64, ...BASIC) },
  { title: 'arithmetic and logic, 32 bits', rows: (row) => alu(row, 32, ...BASIC) },
  { title: 'shifts, 64 bits', rows: (row) => alu(row, 64, ...SHIFTS) },
  { title: 'shifts, 32 bits', rows: (row) => alu(row, 32, ...SHIFTS) },
  { title: '`div`, `mod`, 64 and 32 bits', rows: (row) => row.op === 'div' || row.op === 'mod' },
  { title: '`sdiv`, `smod`, 64 and 32 bits', rows: (row) => row.op === 'sdiv' || row.op === 'smod' },
  { title: '`movsx`', rows: (row) => row.op === 'movsx' },
  { title: 'byte order: `le`, `be`', rows: (row) => row.op === 'le' || row.op === 'be' },
  { title: '`bswap`', rows: (row) => row.op === 'bswap' },
  { title: 'upper halves of 32-bit results', vectors: /^alu-dirty-upper\// },
  { title: 'every register in every operand', vectors: /^alu-registers\// },
  { title: 'loads, stores', rows: (row) => row.op === 'load' || row.kind === 'store' || row.kind === 'store_imm' },
  { title: 'sign-extending loads', rows: (row) => row.op === 'load_signed' },
  { title: 'displacements at the limits of encodings', vectors: /^memory-offset\// },
  { title: 'atomic `add`, `or`, `and`, `xor`', rows: (row) => row.kind === 'atomic' && BASIC.includes(row.op) },
  { title: 'atomic fetch, `xchg`, `cmpxchg`', rows: (row) => row.kind === 'atomic' && /fetch|xchg/.test(row.op) },
  { title: S.ordered, rows: (row) => row.kind === 'load_acquire' || row.kind === 'store_release' }, // prettier-ignore
  { title: 'conditional jumps, 64 bits', rows: (row) => row.kind === 'jmp' && row.width === 64 },
  { title: 'conditional jumps, 32 bits', rows: (row) => row.kind === 'jmp' && row.width === 32 },
  { title: '`ja`, `gotol`', rows: (row) => row.kind === 'ja' },
  { title: 'far branches', vectors: /^jump-range\// },
  { title: '`may_goto`', rows: (row) => row.kind === 'may_goto' },
  { title: 'local calls', rows: (row) => row.kind === 'call_local' },
  { title: '`callx`, function addresses', rows: (row) => row.kind === 'callx' || row.name === 'ld_imm64_func' },
  { title: S.helpers, rows: (row) => row.kind === 'call_helper' },
  { title: S.kfuncs, rows: (row) => row.kind === 'call_kfunc' },
  { title: S.tailCalls },
  { title: S.maps, rows: (row) => row.op === 'map_idx' || row.op === 'map_idx_value' },
  { title: S.cast, rows: (row) => row.kind === 'addr_space_cast' },
  { title: S.packet, rows: (row) => row.kind === 'load_packet' },
  { title: S.kernel, rows: (row) => row.op === 'map_fd' || row.op === 'map_value' || row.op === 'btf_id' },
  { title: 'illegal instructions refused', vectors: /^reserved-fields\// },
  { title: 'accesses checked, faults reported', vectors: /^fault\// },
  { title: 'public suite bpf_conformance', vectors: /^bpf_conformance\// },
];

/** What the runner says of a vector that an engine without checks cannot run. */
const UNCHECKED = 'native code does not check accesses';

/**
 * The matrix as it is today.
 *
 * @param publicSuite - folder of the `.data` files of bpf_conformance
 * @throws BpfError `E_MACHINE_MISSING` when one of the CPUs cannot run here
 */
export function measureSupport(publicSuite: string): SupportMatrix {
  checkRows();
  const vectors = [
    ...loadSuite(join(ROOT, 'test-vectors')).map(faultsApart),
    ...loadSuite(publicSuite).map((vector) => ({ ...vector, name: `bpf_conformance/${vector.name}` })),
  ];
  const members = FEATURES.map((feature) => new Set(vectors.filter((vector) => isAbout(feature, vector)).map(({ name }) => name))); // prettier-ignore
  const columns: SupportColumn[] = [];
  const cells = FEATURES.map((): Record<string, SupportCell> => ({}));
  const addColumn = (column: SupportColumn, engine: Engine, situations: ReadonlyMap<string, SupportCell>): void => {
    columns.push(column);
    const results = new Map(runSuite(vectors, engine).map((result) => [result.name, result]));
    FEATURES.forEach(({ title }, i) => {
      const counted = countResults([...members[i]!].map((name) => results.get(name)!));
      cells[i]![column.id] = add(counted, situations.get(title) ?? EMPTY_CELL);
    });
  };
  for (const endian of ['little', 'big'] as const) {
    const column = { id: `interpreter-${endian}`, title: `interpreter, ${endian}-endian` };
    addColumn(column, { ...interpreterEngine(), endian }, interpretSituations(endian));
  }
  for (const target of ALL_TARGETS) {
    using engine = nativeEngine(target, { timeoutMs: 60_000 });
    addColumn({ id: target.name, title: target.name }, engine, runSituations(engine.machine));
  }
  return { columns, features: FEATURES.map(({ title }, i) => ({ title, cells: cells[i]! })) };
}

/** Every row of the instruction table belongs to exactly one feature. */
function checkRows(): void {
  for (const row of INSN_TABLE) {
    const titles = FEATURES.filter(({ rows }) => rows?.(row) === true).map(({ title }) => title);
    if (titles.length !== 1) throw new Error(`instruction ${row.name} belongs to ${titles.length} features: ${titles.join(', ')}`); // prettier-ignore
  }
}

/** Vectors that end in a fault of an access are a feature of their own, wherever they stand. */
function faultsApart(vector: Vector): Vector {
  const expected = [vector.expect.little?.error, vector.expect.big?.error];
  return expected.some((code) => code?.startsWith('E_RUN_') === true) ? { ...vector, name: `fault/${vector.name}` } : vector; // prettier-ignore
}

function isAbout({ rows, vectors }: Feature, vector: Vector): boolean {
  if (vectors !== undefined) return vectors.test(vector.name);
  if (rows === undefined || /^(fault|bpf_conformance)\//.test(vector.name)) return false;
  return vectorRows(vector).some(rows);
}

/** Rows of the instructions of a vector; none when it is not a legal program. */
function vectorRows(vector: Vector): InsnRow[] {
  try {
    const { insns } = vector.build(vector.orders[0] as Endian);
    return insns.flatMap((insn) => rowOf(insn) ?? []);
  } catch (error) {
    if (isBpfError(error)) return [];
    throw error;
  }
}

function countResults(results: readonly VectorResult[]): SupportCell {
  const count = (status: VectorResult['status'], reason: (text: string) => boolean): number =>
    results.filter((result) => result.status === status && reason(result.reason ?? '')).length;
  const isOtherOrder = (reason: string): boolean => reason.startsWith('only for ');
  return {
    passed: count('passed', () => true),
    failed: count('failed', () => true),
    refused: count('skipped', (reason) => !isOtherOrder(reason) && reason !== UNCHECKED),
    unchecked: count('skipped', (reason) => reason === UNCHECKED),
  };
}

function add(a: SupportCell, b: SupportCell): SupportCell {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    refused: a.refused + b.refused,
    unchecked: a.unchecked + b.unchecked,
  };
}
