/** What the speed bench found: as tables, and whether the bars are met. */
import type { CompileRow, Throughput } from './bench-compile.ts';
import type { InterpreterRow } from './bench-interpreter.ts';
import type { NativeReport, NativeRow } from './bench-native.ts';
import type { PeerRow } from './bench-peers.ts';
import type { SandboxReport, SandboxRow } from './bench-sandbox.ts';
import type { TextRow } from './bench-text.ts';
import type { VerifierLimits } from './bench-verifier-limits.ts';
import type { VerifierRow } from './bench-verifier.ts';
import { type WasmRow, wasmRatio } from './bench-wasm.ts';
import { geometricMean, type Summary } from './statistics.ts';
import { formatNumber } from './table.ts';

export interface SpeedReport {
  readonly environment: Readonly<Record<string, string>>;
  /** Inputs: of the interpreter, of compiled code. */
  readonly inputs: { readonly origin: 'shared' | 'examples'; readonly interpreter: string; readonly native: string };
  readonly interpreter?: readonly InterpreterRow[] | undefined;
  readonly wasm?: readonly WasmRow[] | undefined;
  readonly native?: NativeReport | undefined;
  readonly sandbox?: SandboxReport | undefined;
  readonly compile?: readonly CompileRow[] | undefined;
  readonly text?: readonly TextRow[] | undefined;
  readonly verifier?: readonly VerifierRow[] | undefined;
  readonly verifierLimits?: VerifierLimits | undefined;
  /** Other runtimes, where `--peer` names some. */
  readonly peers?: readonly PeerRow[] | undefined;
  /** Parts that could not be measured here, and why. */
  readonly missing: readonly string[];
}

/** A figure that a release must reach. */
export interface Bar {
  readonly what: string;
  readonly bar: string;
  readonly value: string;
  readonly met: boolean;
}

/** A titled table; the first row is its head. */
export interface Section {
  readonly title: string;
  readonly rows: readonly (readonly string[])[];
}

/** Most that an interpreted instruction may take, in nanoseconds. */
const INTERPRETER_BAR = 12;
/** Code for this host: most times the time of C, of the mean and of one workload; bytes of code for a slot. */
const NATIVE_BAR = { mean: 1.2, most: 1.8, bytes: 4 };
/** WebAssembly: most times the time of C, of the mean and of one workload; the same with facts; ns of the interpreter. */
const WASM_BAR = { mean: 1.3, most: 2.2, facts: 1.2, interpreter: 2.5 };
/** Most that the first call of a program of 500 slots may take, in nanoseconds. */
const FIRST_CALL_BAR = 1e6;
/** Fewest slots that a target must compile in a second. */
const COMPILE_BAR = 1e6;
/** Of the compiler to WebAssembly: 250 ns an instruction. */
const WASM_COMPILE_BAR = 4e6;
/** Most times the time of the kernel's verifier, in the geometric mean. */
const VERIFIER_BAR = 4;
/** Of a loop that runs into the limit of the verifier: ms and MB; of the first program in a worker: ms. */
const LIMITS_BAR = { ms: 1500, megabytes: 256, first: 20 };
/** Most that the checks of the sandbox may cost, geometric mean. */
const SANDBOX_BAR = 1.3;

/** The report as tables. */
export function speedSections(report: SpeedReport): Section[] {
  const sections: Section[] = [];
  const { inputs } = report;
  if (report.interpreter !== undefined) {
    sections.push({
      title: `interpreter, checks and budget on: ns per instruction (${inputs.interpreter} inputs)`,
      rows: [
        ['workload', 'insns', 'min', 'median', 'spread'],
        ...report.interpreter.map(interpreterCells),
        ['geometric mean', '', formatNumber(interpreterMean(report.interpreter)), '', ''],
      ],
    });
  }
  if (report.wasm !== undefined) {
    const rows = report.wasm;
    const mean = (column: 'wasm' | 'facts' | 'interpreter'): string =>
      formatNumber(geometricMean(rows.flatMap(({ ns, wrong }) => (wrong === undefined ? [ns[column].min] : []))));
    const ratio = (column: 'wasm' | 'facts'): string => formatNumber(wasmRatio(rows, column).mean);
    sections.push({
      title: `WebAssembly: ns per instruction, beside C by gcc -O2 (${inputs.interpreter} inputs)`,
      rows: [
        ['workload', 'insns', 'interpreter', 'compiled', 'with facts', 'C', 'ratio to C', 'with facts', 'first call', 'bytes'],
        ...rows.map(wasmCells),
        ['geometric mean', '', mean('interpreter'), mean('wasm'), mean('facts'), '', ratio('wasm'), ratio('facts'), '', ''],
      ],
    }); // prettier-ignore
  }
  if (report.native !== undefined) {
    const { target, rows } = report.native;
    sections.push({
      title: `code for ${target}: ns per executed BPF instruction, beside C by gcc -O2 and clang -O2 and the live kernel (${inputs.native} inputs)`, // prettier-ignore
      rows: [
        ['workload', 'insns', 'min', 'spread', 'C', 'ratio to C', 'clang', 'clang to C', 'kernel', 'kernel to C', 'first call', 'bytes', 'a slot', 'C bytes'],
        ...rows.map(nativeCells),
        ['geometric mean', '', formatNumber(meanOf(rows, ({ ns }) => ns.min)), '', formatNumber(meanOf(rows, ({ cNs }) => cNs?.min)), formatNumber(nativeRatio(rows)), '', ratioMean(rows, ({ clangNs }) => clangNs), '', ratioMean(rows, ({ kernelNs }) => kernelNs), '', '', formatNumber(meanOf(rows, ({ bytes, slots }) => bytes / slots)), ''],
      ],
    }); // prettier-ignore
  }
  if (report.sandbox !== undefined) {
    const { target, rows } = report.sandbox;
    sections.push({
      title: `checks of the sandbox, ${target}: us per call with --bounds none and sandbox (${inputs.native} inputs)`,
      rows: [
        ['workload', 'none', 'spread', 'sandbox', 'spread', 'ratio', 'bytes none', 'bytes sandbox'],
        ...rows.map(sandboxCells),
        ['geometric mean', '', '', '', '', sandboxRatio(rows).toFixed(2), '', ''],
      ],
    });
  }
  if (report.compile !== undefined) {
    sections.push({
      title: 'compilation',
      rows: [
        ['target', 'programs, M slots/s', 'spread', 'large function, M slots/s', 'spread', 'bytes a slot', 'small program'],
        ...report.compile.map((row) => [
          row.target,
          megaSlots(row.programs),
          percent(row.programs.ns),
          megaSlots(row.concatenation),
          percent(row.concatenation.ns),
          formatNumber(row.concatenation.bytes / row.concatenation.slots),
          `${row.small.slots} slots, ${formatNumber(row.small.ns.median / 1000)} us`,
        ]),
      ],
    }); // prettier-ignore
  }
  if (report.text !== undefined) {
    sections.push({
      title: 'reading and writing',
      rows: [
        ['what', 'M slots/s', 'MB/s', 'spread'],
        ...report.text.map((row) => [row.name, megaSlots(row), formatNumber((row.bytes * 1000) / row.ns.min), percent(row.ns)]), // prettier-ignore
      ],
    });
  }
  if (report.verifier !== undefined) {
    sections.push({
      title: "verifier: ms per program, beside the kernel's own figure",
      rows: [
        ['program', 'slots', 'walked', 'min', 'spread', 'ns an instruction', 'kernel', 'ratio'],
        ...report.verifier.map(verifierCells),
        ['geometric mean', '', '', '', '', '', '', formatNumber(verifierRatio(report.verifier))],
      ],
    });
  }
  if (report.verifierLimits !== undefined) sections.push(limitsSection(report.verifierLimits));
  if (report.peers !== undefined) sections.push(peerSection(report.peers));
  return sections;
}

function peerSection(rows: readonly PeerRow[]): Section {
  const names = [...new Set(rows.map(({ peer }) => peer))];
  const workloads = [...new Set(rows.map(({ name }) => name))];
  const cells = (name: string): string[] =>
    names.flatMap((peer) => {
      const row = rows.find((candidate) => candidate.name === name && candidate.peer === peer);
      if (row?.ns === undefined) return row?.wrong === undefined ? ['-', '-'] : ['WRONG', row.wrong];
      return [formatNumber(row.ns.min), row.cNs === undefined ? '-' : (row.ns.min / row.cNs.min).toFixed(2)];
    });
  const means = names.flatMap((peer) => {
    const own = rows.flatMap(({ peer: of, ns, cNs }) => (of !== peer || ns === undefined ? [] : [{ ns: ns.min, ratio: ns.min / (cNs?.min ?? NaN) }])); // prettier-ignore
    return [geometricMean(own.map(({ ns }) => ns)), geometricMean(own.map(({ ratio }) => ratio))].map(formatNumber);
  });
  return {
    title: 'peers: ns per executed BPF instruction, beside C by gcc -O2 (quick inputs)',
    rows: [
      ['workload', ...names.flatMap((peer) => [peer, `${peer} to C`])],
      ...workloads.map((name) => [name, ...cells(name)]),
      ['geometric mean', ...means],
    ],
  };
}

/** The bars that the measured parts have. */
export function speedBars(report: SpeedReport): Bar[] {
  const bars: Bar[] = [];
  if (report.interpreter !== undefined) {
    const slowest = Math.max(...report.interpreter.map((row) => (row.wrong === undefined ? row.ns.min : Infinity)));
    bars.push({
      what: 'interpreter, slowest workload',
      bar: `at most ${INTERPRETER_BAR} ns an instruction`,
      value: `${formatNumber(slowest)} ns`,
      met: slowest <= INTERPRETER_BAR,
    });
  }
  if (report.wasm !== undefined) bars.push(...wasmBars(report.wasm));
  if (report.native !== undefined) bars.push(...nativeBars(report.native));
  for (const { target, programs, concatenation } of report.compile ?? []) {
    // A module of its own has the memory of its machine in it, whatever its size: small programs say nothing about emission.
    const measured = target === 'wasm' ? [concatenation] : [programs, concatenation];
    const slowest = Math.min(...measured.map(slotsPerSecond));
    const bar = target === 'wasm' ? WASM_COMPILE_BAR : COMPILE_BAR;
    bars.push({
      what: `compilation, ${target}`,
      bar: `at least ${bar / 1e6} M slots a second`,
      value: `${formatNumber(slowest / 1e6)} M`,
      met: slowest >= bar,
    });
  }
  if (report.sandbox !== undefined) {
    const ratio = sandboxRatio(report.sandbox.rows);
    bars.push({
      what: `sandbox, ${report.sandbox.target}, time with checks to time without`,
      bar: `at most ${SANDBOX_BAR}`,
      value: ratio.toFixed(2),
      met: ratio <= SANDBOX_BAR,
    });
  }
  if (report.verifier?.some(({ kernelNs }) => kernelNs !== undefined)) {
    const ratio = verifierRatio(report.verifier);
    bars.push({
      what: "verifier, time to the kernel's, mean",
      bar: `at most ${VERIFIER_BAR}`,
      value: formatNumber(ratio),
      met: ratio <= VERIFIER_BAR,
    });
  }
  if (report.verifierLimits !== undefined) bars.push(...limitsBars(report.verifierLimits));
  const results = [
    ...(report.interpreter ?? []),
    ...(report.wasm ?? []),
    ...(report.native?.rows ?? []),
    ...(report.sandbox?.rows ?? []),
    ...(report.verifier ?? []),
    ...(report.peers ?? []),
  ];
  const wrong = results.filter((row) => row.wrong !== undefined);
  if (results.length > 0) {
    bars.push({
      what: 'results',
      bar: 'all right',
      value: wrong.length === 0 ? 'all right' : `${wrong.length} WRONG`,
      met: wrong.length === 0,
    });
  }
  return bars;
}

function nativeBars({ target, rows }: NativeReport): Bar[] {
  const bar = (what: string, value: number, most: number, unit: string): Bar => ({
    what: `${target}, ${what}`,
    bar: `at most ${most}${unit}`,
    value: formatNumber(value),
    met: value <= most,
  });
  const ratios = rows.flatMap(({ ratio, wrong }) => (ratio === undefined || wrong !== undefined ? [] : [ratio]));
  if (ratios.length === 0) return [];
  return [
    bar('time to C, mean', geometricMean(ratios), NATIVE_BAR.mean, ''),
    bar('time to C, slowest workload', Math.max(...ratios), NATIVE_BAR.most, ''),
    bar(
      'code',
      meanOf(rows, ({ bytes, slots }) => bytes / slots),
      NATIVE_BAR.bytes,
      ' bytes a slot',
    ),
  ];
}

function wasmBars(rows: readonly WasmRow[]): Bar[] {
  const bar = (what: string, value: number, most: number, unit: string): Bar => ({
    what,
    bar: `at most ${most}${unit}`,
    value: `${formatNumber(value)}${unit}`,
    met: value <= most,
  });
  const interpreter = geometricMean(rows.map(({ ns }) => ns.interpreter.min));
  const first = Math.max(...rows.map(({ firstCallNs }) => firstCallNs));
  const bars = [
    bar('interpreter in WebAssembly, mean', interpreter, WASM_BAR.interpreter, ' ns'),
    bar('WebAssembly, slowest first call', first / 1000, FIRST_CALL_BAR / 1000, ' us'),
  ];
  if (rows.every(({ cNs }) => cNs === undefined)) return bars;
  const { mean, most } = wasmRatio(rows, 'wasm');
  return [
    ...bars,
    bar('WebAssembly, time to C, mean', mean, WASM_BAR.mean, ''),
    bar('WebAssembly, time to C, slowest workload', most, WASM_BAR.most, ''),
    bar('WebAssembly with facts, time to C, mean', wasmRatio(rows, 'facts').mean, WASM_BAR.facts, ''),
  ];
}

function wasmCells({ name, insns, ns, cNs, firstCallNs, bytes, wrong }: WasmRow): string[] {
  if (wrong !== undefined) return [name, String(insns), 'WRONG', wrong];
  const ratio = (own: Summary): string => (cNs === undefined ? '-' : (own.min / cNs.min).toFixed(2));
  return [
    name,
    String(insns),
    formatNumber(ns.interpreter.min),
    formatNumber(ns.wasm.min),
    formatNumber(ns.facts.min),
    cNs === undefined ? '-' : formatNumber(cNs.min),
    ratio(ns.wasm),
    ratio(ns.facts),
    `${formatNumber(firstCallNs / 1000)} us`,
    String(bytes),
  ];
}

/** Geometric mean of the least times of right results, ns. */
export function interpreterMean(rows: readonly InterpreterRow[]): number {
  return geometricMean(rows.flatMap((row) => (row.wrong === undefined ? [row.ns.min] : [])));
}

/** Geometric mean of the ratios to C. */
export function nativeRatio(rows: readonly NativeRow[]): number {
  return meanOf(rows, ({ ratio }) => ratio);
}

function meanOf(rows: readonly NativeRow[], value: (row: NativeRow) => number | undefined): number {
  return geometricMean(rows.flatMap((row) => (row.wrong === undefined ? (value(row) ?? []) : [])));
}

function interpreterCells({ name, insns, ns, wrong }: InterpreterRow): string[] {
  if (wrong !== undefined) return [name, String(insns), 'WRONG', wrong, ''];
  return [name, String(insns), formatNumber(ns.min), formatNumber(ns.median), percent(ns)];
}

/** Geometric mean of other engines' times to those of C. */
function ratioMean(rows: readonly NativeRow[], time: (row: NativeRow) => Summary | undefined): string {
  const ratio = (row: NativeRow): number | undefined => {
    const other = time(row);
    return other === undefined || row.cNs === undefined ? undefined : other.min / row.cNs.min;
  };
  return formatNumber(meanOf(rows, ratio));
}

function nativeCells({
  name,
  slots,
  insns,
  ns,
  cNs,
  clangNs,
  kernelNs,
  ratio,
  firstCallNs,
  bytes,
  cBytes,
  wrong,
}: NativeRow): string[] {
  if (wrong !== undefined) return [name, String(insns), 'WRONG', wrong];
  return [
    name,
    String(insns),
    formatNumber(ns.min),
    percent(ns),
    cNs === undefined ? '-' : formatNumber(cNs.min),
    ratio === undefined ? '-' : ratio.toFixed(2),
    ...[clangNs, kernelNs].flatMap((other) =>
      other === undefined || cNs === undefined
        ? ['-', '-']
        : [formatNumber(other.min), (other.min / cNs.min).toFixed(2)],
    ),
    `${formatNumber(firstCallNs / 1000)} us`,
    String(bytes),
    formatNumber(bytes / slots),
    cBytes === undefined ? '-' : String(cBytes),
  ];
}

/** Geometric mean of what checks cost. */
export function sandboxRatio(rows: readonly SandboxRow[]): number {
  return geometricMean(rows.flatMap((row) => (row.wrong === undefined ? [row.ratio] : [])));
}

function sandboxCells({ name, noneNs, sandboxNs, ratio, noneBytes, sandboxBytes, wrong }: SandboxRow): string[] {
  if (wrong !== undefined) return [name, 'WRONG', wrong];
  const micros = ({ min }: Summary): string => formatNumber(min / 1000);
  return [name, micros(noneNs), percent(noneNs), micros(sandboxNs), percent(sandboxNs), ratio.toFixed(2), String(noneBytes), String(sandboxBytes)]; // prettier-ignore
}

/** Geometric mean of the times of our verifier to those of the kernel's. */
export function verifierRatio(rows: readonly VerifierRow[]): number {
  return geometricMean(
    rows.flatMap(({ ns, kernelNs, wrong }) =>
      wrong === undefined && kernelNs !== undefined ? [ns.min / kernelNs.min] : [],
    ),
  );
}

function limitsSection({ limitMs, limitMegabytes, loadMs, firstMs, firstSlots }: VerifierLimits): Section {
  return {
    title: 'verifier: a loop into the limit, and a first program',
    rows: [
      ['what', 'ms', 'MB'],
      ['a loop of a million walked instructions', formatNumber(limitMs), formatNumber(limitMegabytes)],
      ['new worker: loading the verifier', formatNumber(loadMs), ''],
      [`new worker: a program of ${firstSlots} slots`, formatNumber(firstMs), ''],
    ],
  };
}

function limitsBars({ limitMs, limitMegabytes, loadMs, firstMs }: VerifierLimits): Bar[] {
  const bar = (what: string, most: number, value: number, unit: string): Bar => ({
    what,
    bar: `at most ${most} ${unit}`,
    value: `${formatNumber(value)} ${unit}`,
    met: value <= most,
  });
  return [
    bar('verifier, a loop into the limit', LIMITS_BAR.ms, limitMs, 'ms'),
    bar('verifier, memory for that', LIMITS_BAR.megabytes, limitMegabytes, 'MB'),
    bar('verifier, a first program in a worker', LIMITS_BAR.first, loadMs + firstMs, 'ms'),
  ];
}

function verifierCells({ name, slots, processed, ns, kernelNs, wrong }: VerifierRow): string[] {
  if (wrong !== undefined) return [name, String(slots), 'WRONG', wrong];
  const millis = ({ min }: Summary): string => formatNumber(min / 1e6);
  const kernel = kernelNs === undefined ? ['-', '-'] : [millis(kernelNs), (ns.min / kernelNs.min).toFixed(2)];
  return [name, String(slots), String(processed), millis(ns), percent(ns), formatNumber(ns.min / processed), ...kernel];
}

function slotsPerSecond({ slots, ns }: { readonly slots: number; readonly ns: Summary }): number {
  return (slots * 1e9) / ns.min;
}

function megaSlots(row: Throughput | TextRow): string {
  if (row.slots === 0) return '-';
  return formatNumber(slotsPerSecond(row) / 1e6);
}

/** How far the median is above the least, in percent. */
function percent({ spread }: Summary): string {
  return `+${(spread * 100).toFixed(0)}%`;
}
