/** Arbitraries of statements. */
import fc from 'fast-check';
import { INSN_TABLE, type InsnKind, type InsnRow } from '@polybpf/isa';
import { arbitraryChain, arbitraryRun, arbitraryUpdate } from './arbitrary-idiom.ts';
import { DISPLACEMENTS, divisionPairs, type Halves, immediates, operandPairs, wideValues } from './edge-values.ts';
import type {
  ConditionShape,
  OperandsShape,
  PlaceShape,
  ProgramFlavour,
  ProgramOptions,
  StatementShape,
} from './program-shape.ts';

/** Kinds of instruction that generated programs contain, by flavour. */
const KINDS: Readonly<Record<ProgramFlavour, readonly InsnKind[]>> = {
  // prettier-ignore
  kernel: ['alu', 'end', 'jmp', 'ja', 'may_goto', 'call_local', 'exit', 'ld_imm64', 'load', 'store', 'store_imm', 'atomic', 'load_acquire', 'store_release'],
  // prettier-ignore
  any: ['alu', 'end', 'jmp', 'ja', 'may_goto', 'call_local', 'call_helper', 'callx', 'exit', 'ld_imm64', 'load', 'store', 'store_imm', 'atomic', 'load_acquire', 'store_release'],
};

/** The rows of the instruction table that programs of these options are made of. */
export function generatedRows({ isa = 'v4', flavour = 'any' }: ProgramOptions = {}): InsnRow[] {
  return INSN_TABLE.filter(
    ({ kind, op, since }) =>
      since <= isa &&
      KINDS[flavour].includes(kind) &&
      (kind !== 'ld_imm64' || op === 'imm64' || (op === 'func' && flavour === 'any' && isa >= 'v3')),
  );
}

/** See `Pick`. */
export const picks: fc.Arbitrary<number> = /* @__PURE__ */ fc.nat({ max: 255 });

/** Multiples of eight half of the time, so that accesses meet each other. */
const offsetPicks: fc.Arbitrary<number> = /* @__PURE__ */ fc.oneof(
  picks,
  /* @__PURE__ */ fc.nat({ max: 8 }).map((word) => word * 8),
);

const places: fc.Arbitrary<PlaceShape> = /* @__PURE__ */ fc.record({
  area: picks,
  offset: offsetPicks,
  mode: /* @__PURE__ */ fc.constantFrom('direct', 'direct', 'direct', 'moved', 'indexed'),
  displacement: /* @__PURE__ */ fc.constantFrom(...DISPLACEMENTS),
  temporary: picks,
  index: picks,
});

const operands: fc.Arbitrary<OperandsShape | null> = /* @__PURE__ */ fc.oneof(
  { arbitrary: /* @__PURE__ */ fc.constant(null), weight: 3 },
  { arbitrary: /* @__PURE__ */ givenOperands(operandPairs), weight: 1 },
);

function givenOperands(pairs: fc.Arbitrary<readonly [Halves, Halves]>): fc.Arbitrary<OperandsShape> {
  return fc.tuple(pairs, fc.boolean()).map(([[dst, src], hidden]) => ({ dst, src, hidden }));
}

/** Arbitraries of the parts of statements. */
export interface Sorts {
  /** Arithmetic and constants. */
  readonly numbers: fc.Arbitrary<StatementShape>;
  /** Loads, stores and atomics. */
  readonly memory: fc.Arbitrary<StatementShape>;
  /** Short sequences as compilers write them. */
  readonly idioms: fc.Arbitrary<StatementShape>;
  readonly conditions: fc.Arbitrary<ConditionShape>;
}

/** The arbitraries that statements of these options are made of. */
export function statementSorts(options: ProgramOptions): Sorts {
  const rows = generatedRows(options);
  const names = (...kinds: InsnKind[]): string[] =>
    rows.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => name);
  const named = (...kinds: InsnKind[]): fc.Arbitrary<string> => fc.constantFrom(...names(...kinds));
  const alu = fc.record({
    kind: fc.constant('alu' as const),
    row: named('alu', 'end'),
    dst: picks,
    src: picks,
    imm: immediates,
    operands,
  });
  const divisions = rows.filter(({ op }) => op === 'div' || op === 'mod' || op === 'sdiv' || op === 'smod');
  const division = fc.record({
    kind: fc.constant('alu' as const),
    row: fc.constantFrom(...divisions.map(({ name }) => name)),
    dst: picks,
    src: picks,
    imm: fc.oneof(fc.constantFrom(-1, 0, 1, -0x80000000), immediates),
    operands: givenOperands(divisionPairs),
  });
  const constant = fc.record({ kind: fc.constant('constant' as const), dst: picks, value: wideValues });
  const load = fc.record({
    kind: fc.constant('load' as const),
    row: named('load', 'load_acquire'),
    dst: picks,
    place: places,
  });
  const store = (row: fc.Arbitrary<string>): fc.Arbitrary<StatementShape> =>
    fc.record({ kind: fc.constant('store' as const), row, src: picks, imm: immediates, place: places });
  return {
    numbers: fc.oneof(
      { arbitrary: alu, weight: 12 },
      { arbitrary: division, weight: 2 },
      { arbitrary: constant, weight: 2 },
    ),
    memory: fc.oneof(
      { arbitrary: load, weight: 4 },
      { arbitrary: store(named('store', 'store_imm', 'store_release')), weight: 3 },
      { arbitrary: store(named('atomic')), weight: 2 },
    ),
    idioms: fc.oneof(
      { arbitrary: arbitraryChain(names('alu', 'end')), weight: 3 },
      { arbitrary: arbitraryUpdate(names('load'), names('store'), names('alu', 'end'), places), weight: 2 },
      { arbitrary: arbitraryRun(rows, places), weight: 1 },
    ),
    conditions: conditions(options),
  };
}

/** Statements that may contain others, so many levels deep. */
export function statements(options: ProgramOptions, sorts: Sorts, depth: number): fc.Arbitrary<StatementShape> {
  const { isa = 'v4', flavour = 'any' } = options;
  const simple = [
    { arbitrary: sorts.numbers, weight: 9 },
    { arbitrary: sorts.memory, weight: 9 },
    { arbitrary: sorts.idioms, weight: 3 },
    {
      arbitrary: fc.record({
        kind: fc.constant('call' as const),
        callee: picks,
        args: fc.array(picks, { minLength: 5, maxLength: 5, size: 'max' }),
        byRegister: fc.constantFrom(false, false, flavour === 'any' && isa >= 'v3'),
      }),
      weight: 3,
    },
    ...(flavour === 'any'
      ? [{ arbitrary: fc.record({ kind: fc.constant('helper' as const), argument: picks }), weight: 1 }]
      : []),
  ];
  if (depth === 0) return fc.oneof(...simple);
  const body = fc.array(statements(options, sorts, depth - 1), { maxLength: 5, size: 'max' });
  const far = isa >= 'v4' ? fc.constantFrom(false, true) : fc.constant(false);
  return fc.oneof(
    ...simple,
    {
      arbitrary: fc.record({
        kind: fc.constant('if' as const),
        condition: sorts.conditions,
        // One statement under a branch is what conditional moves are made of.
        then: fc.oneof(body, body, fc.tuple(sorts.numbers)),
        otherwise: fc.oneof(body, fc.constant([])),
        leaves: fc.constantFrom(false, false, false, false, false, false, false, true),
        far,
      }),
      weight: 6,
    },
    {
      arbitrary: fc.record({
        kind: fc.constant('loop' as const),
        count: fc.integer({ min: 1, max: flavour === 'kernel' ? 5 : 9 }),
        form: fc.constantFrom('down', 'up', 'top', isa >= 'v4' ? 'may_goto' : 'down'),
        inMemory: fc.constantFrom(false, false, true),
        counter: picks,
        far,
        body,
      }),
      weight: 3,
    },
    { arbitrary: skips(options, body), weight: 1 },
  );
}

/** Code that is jumped over is refused by the kernel, but for may_goto. */
function skips(
  { isa = 'v4', flavour = 'any' }: ProgramOptions,
  body: fc.Arbitrary<readonly StatementShape[]>,
): fc.Arbitrary<StatementShape> {
  const ways = [
    ...(flavour === 'any' ? (['ja'] as const) : []),
    ...(flavour === 'any' && isa >= 'v4' ? (['ja32'] as const) : []),
    ...(isa >= 'v4' ? (['may_goto'] as const) : []),
  ];
  return fc.record({
    kind: fc.constant('skip' as const),
    by: ways.length === 0 ? fc.constant('ja' as const) : fc.constantFrom(...ways),
    body: ways.length === 0 ? fc.constant([]) : body,
  });
}

function conditions(options: ProgramOptions): fc.Arbitrary<ConditionShape> {
  const rows = generatedRows(options).filter(({ kind }) => kind === 'jmp');
  return fc.record({
    row: fc.constantFrom(...rows.map(({ name }) => name)),
    dst: picks,
    src: picks,
    imm: immediates,
    operands,
  });
}
