/** Reads a log of the kernel's verifier, of any release, and says what it means. */
import { adviseOn, type Advice } from './advice.ts';
import { insnInWords } from './insn-words.ts';

/** A line of a log. */
export interface LogLine {
  readonly kind: 'insn' | 'state' | 'from' | 'source' | 'precision' | 'figures' | 'message' | 'report' | 'other';
  /** Number from 1. */
  readonly line: number;
  readonly text: string;
  /** Instruction that the line is about. */
  readonly insn: number | undefined;
  /** Registers and slots that the line shows, by name. */
  readonly values: Readonly<Record<string, string>>;
  /** What the line means; '' when it speaks for itself. */
  readonly note: string;
}

/** Sections of a report in the form of kernel 7.3. */
export interface ModernReport {
  readonly category: string;
  readonly title: string;
  readonly reason: string;
  readonly at: string;
  readonly causalPath: string;
  readonly suggestion: string;
}

/** A value of a register and the instruction that gave it. */
export interface LogOrigin {
  readonly name: string;
  readonly insn: number;
  readonly text: string;
  readonly value: string;
}

/** A log, read. Plain data. */
export interface ReadLog {
  /** 2 when the log has the details of level 2, else 1. */
  readonly level: 1 | 2;
  readonly accepted: boolean;
  readonly message: string;
  /** Instruction at which it ended. */
  readonly insn: number | undefined;
  readonly advice: Advice | undefined;
  readonly report: ModernReport | undefined;
  /** Values of the register that the message is about, oldest first, along the last path of the log. */
  readonly origins: readonly LogOrigin[];
  readonly lines: readonly LogLine[];
}

const INSN = /^(\d+): \(([0-9a-f]{2})\) ([^;]*?)\s*(?:;\s?(.*))?$/;
const STATE = /^(\d+):((?: frame\d+:)? (?:R\d|fp-).*)$/;
const FROM = /^from (\d+) to (\d+)( \(speculative execution\))?:(.*)$/;
const FIGURES = /^(?:processed \d+ insns|verification time|stack depth)/;
const NO_MESSAGE =
  /^(?:func#\d+|Live regs|\s*\d*\s*\d+: [.\d]|\(\d|caller:|callee:|returning from|to caller|\s(?:frame\d+: )?R\d|cur state|old state|SCC |frame \d+: propagating|Validating |Func#|-- )/;

/** Registers and slots of a state: `R1=ctx() R10=fp0`; the liveness marks of older kernels are left out. */
function valuesOf(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  const frame = /frame(\d+):/.exec(text)?.[1];
  const start = /(?:^|\s)(R\d+|fp-\d+)(?:_[rwP]+)?=/g;
  const found = [...text.matchAll(start)];
  found.forEach((match, i) => {
    const from = match.index + match[0].length;
    const to = found[i + 1]?.index ?? text.length;
    const value = text
      .slice(from, to)
      .replace(/ (?:refs=|cb$|async_cb$).*$/, '')
      .trim();
    values[frame === undefined ? match[1]! : `frame${frame}:${match[1]!}`] = value;
  });
  return values;
}

/** Reads a log: classic level 1 or 2, or with the report of kernel 7.3. */
export function readLog(text: string): ReadLog {
  const raw = text.replace(/\r/g, '').split('\n');
  const report = readReport(raw);
  const lines: LogLine[] = [];
  const origins = new Map<string, LogOrigin[]>();
  let message = '';
  let insn: number | undefined;
  let last: { insn: number; text: string } | undefined;
  let inReport = false;
  let refused = false;
  let hasSummary = false;
  const learn = (values: Record<string, string>): void => {
    for (const [name, value] of Object.entries(values)) {
      const list = origins.get(name) ?? [];
      if (list[list.length - 1]?.value === value && !writes(last?.text ?? '', name)) continue;
      if (last === undefined) continue;
      list.push({ name, insn: last.insn, text: last.text, value });
      origins.set(name, list);
    }
  };
  raw.flatMap(splitUnended).forEach((line, index) => {
    const push = (
      kind: LogLine['kind'],
      at: number | undefined,
      values: Record<string, string>,
      note: string,
    ): void => {
      lines.push({ kind, line: index + 1, text: line, insn: at, values, note });
    };
    if (FIGURES.test(line)) {
      inReport = false;
      hasSummary = true;
      return push('figures', undefined, {}, figuresNote(line));
    }
    if (line.startsWith('Verification failed:')) inReport = refused = true;
    if (inReport) return push('report', undefined, {}, '');
    let found = INSN.exec(line);
    if (found !== null) {
      insn = Number(found[1]);
      last = { insn, text: found[3]! };
      const values = valuesOf(found[4] ?? '');
      learn(values);
      message = '';
      return push('insn', insn, values, insnInWords(found[3]!, insn));
    }
    found = FROM.exec(line);
    if (found !== null) {
      const safe = found[4]!.trim() === 'safe';
      const values = valuesOf(found[4]!);
      // Another path begins: what was known is what this line says.
      if (Object.keys(values).length > 0) {
        last = { insn: Number(found[1]), text: `path from ${found[1]!}` };
        learn(values);
      }
      const speculative = found[3] === undefined ? '' : ', as a mispredicted branch would';
      return push('from', Number(found[2]), values, safe ? 'a state like this was found safe before' : `another path: from ${found[1]!} to ${found[2]!}${speculative}`); // prettier-ignore
    }
    found = STATE.exec(line);
    if (found !== null) {
      const values = valuesOf(found[2]!);
      learn(values);
      return push('state', Number(found[1]), values, '');
    }
    if (/^\d+: safe$/.test(line)) return push('from', undefined, {}, 'a state like this was found safe before');
    if (line.startsWith('mark_precise') || /^(?:last_idx|regs=|parent )/.test(line)) return push('precision', undefined, {}, ''); // prettier-ignore
    if (line.startsWith('; ')) return push('source', undefined, {}, '');
    if (line.trim() === '' || NO_MESSAGE.test(line)) return push('other', undefined, {}, '');
    message = line.replace(/^\d+: \([0-9a-f]{2}\).*?\)\s*/, '');
    refused = true;
    push('message', insn, {}, '');
  });
  const accepted = hasSummary && message === '' && !refused;
  const advice = message === '' ? undefined : adviseOn(message);
  const name = advice?.register === undefined ? undefined : `R${advice.register}`;
  return {
    level: /^Live regs before insn|^mark_precise|^from \d+ to \d+: R/m.test(text) ? 2 : 1,
    accepted,
    message,
    insn,
    advice,
    report,
    origins: name === undefined ? [] : chainOf(name, origins),
    lines,
  };
}

/** Some messages of the kernel end without a newline; the figures are on their line then. */
function splitUnended(line: string): string[] {
  const at = line.search(/(?<=[^\s;])processed \d+ insns \(limit/);
  return at <= 0 ? [line] : [line.slice(0, at), line.slice(at)];
}

function writes(text: string, name: string): boolean {
  const register = /R(\d+)$/.exec(name)?.[1];
  return register !== undefined && new RegExp(`^[rw]${register} `).test(text);
}

/** Values of a register back to the instruction that made it, through copies of registers. */
function chainOf(name: string, origins: ReadonlyMap<string, readonly LogOrigin[]>): LogOrigin[] {
  const chain: LogOrigin[] = [];
  let at = name;
  let before = Infinity;
  for (let hops = 0; hops < 12; hops++) {
    const list = origins.get(at) ?? [];
    const index = list.findLastIndex(({ insn }) => insn < before || before === Infinity);
    const origin = list[index];
    if (origin === undefined) break;
    chain.unshift(origin);
    before = origin.insn;
    const copied = /^[rw]\d+ = [rw](\d+)$/.exec(origin.text)?.[1];
    if (writes(origin.text, at) && copied !== undefined) at = `R${copied}`;
    else if (writes(origin.text, at) && /^[rw]\d+ = /.test(origin.text)) break;
  }
  return chain;
}

function figuresNote(line: string): string {
  const found = /^processed (\d+) insns \(limit (\d+)\)/.exec(line);
  return found === null ? '' : `${((100 * Number(found[1])) / Number(found[2])).toFixed(2)} % of what the verifier does at most`; // prettier-ignore
}

function readReport(lines: readonly string[]): ModernReport | undefined {
  const start = lines.findIndex((line) => line.startsWith('Verification failed:'));
  if (start < 0) return undefined;
  const [, category, title] = /^Verification failed:\s*([^:]*)(?::\s*(.*))?$/.exec(lines[start]!) ?? [];
  const sections = new Map<string, string[]>();
  let current: string[] | undefined;
  for (const line of lines.slice(start + 1)) {
    if (FIGURES.test(line)) break;
    const head = /^(Reason|At|Causal path|Suggestion):\s*$/.exec(line)?.[1];
    if (head !== undefined) sections.set(head, (current = []));
    else current?.push(line.replace(/^ {2}/, ''));
  }
  const section = (name: string): string => (sections.get(name) ?? []).join('\n').trim();
  return {
    category: category ?? '',
    title: title ?? '',
    reason: section('Reason'),
    at: section('At'),
    causalPath: section('Causal path'),
    suggestion: section('Suggestion'),
  };
}

/** Lines that two logs must share: without addresses, liveness marks, times, and blanks at the end. */
function comparable(line: string): string {
  return line
    .replace(/(\(18\) r\d+ = 0x)[0-9a-f]+\s*/, '$10 ')
    .replace(/(R\d+|fp-\d+)_[rwP]+=/g, '$1=')
    .replace(/map=\.?/, 'map=')
    .replace(/\bpc([+-]\d+)\s+;/, 'pc$1 ;')
    .replace(/\s+;/, ' ;')
    .trimEnd();
}

/** Where two logs part. */
export interface Divergence {
  /** Lines that were equal before it. */
  readonly equal: number;
  /** Line of the first log, from 1, and its text; undefined when it ended. */
  readonly line: number | undefined;
  readonly theirs: string | undefined;
  readonly ours: string | undefined;
}

/** The first line that differs; undefined when the logs say the same. */
export function firstDivergence(theirs: string, ours: string): Divergence | undefined {
  const keep = (text: string): { text: string; line: number }[] =>
    text
      .split('\n')
      .map((line, i) => ({ text: line, line: i + 1 }))
      .filter((line) => line.text.trim() !== '' && !line.text.startsWith('verification time'));
  const a = keep(theirs);
  const b = keep(ours);
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a[i];
    const right = b[i];
    if (left !== undefined && right !== undefined && comparable(left.text) === comparable(right.text)) continue;
    return { equal: i, line: left?.line, theirs: left?.text, ours: right?.text };
  }
  return undefined;
}
