/** Why a program is refused: what was needed, what was known, where it was lost, and the way that leads there. */
import { adviseOn } from './advice.ts';
import type { Env } from './env.ts';
import { formatRegister } from './format-register.ts';
import { formatSlotText, type StateNames } from './format-state.ts';
import type { LineInfo, VerifyInput } from './input.ts';
import { type InsnNames, insnText } from './insn-text.ts';
import { namesOf } from './log-names.ts';
import { type FrameValues, PathRecorder, type Step, type Value } from './path-recorder.ts';
import { W_OFF, W_SMIN, W_TYPE, W_UMAX, W_VAR } from './register-record.ts';
import { NOT_INIT, PTR_MAYBE_NULL, PTR_TO_STACK, SCALAR_VALUE } from './register-types.ts';
import { REGS } from './state.ts';
import { CLASS_ALU, CLASS_ALU64, CLASS_JMP, CLASS_JMP32, CLASS_LDX, CLASS_ST, CLASS_STX, OP_CALL, OP_EXIT, OP_JA } from './successors.ts'; // prettier-ignore
import { type VerifyOptions, watch } from './verify.ts';
import { toDouble } from './word64.ts';

/** A line of C. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** An instruction, and the source that it is of. */
export interface InsnPlace {
  readonly insn: number;
  /** As in the kernel's log: `(07) r1 += 8`. */
  readonly text: string;
  readonly source: SourcePlace | undefined;
}

/** A register or slot and its state: `R1`, `fp-8`, `frame1:R6`. */
export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** A step in the history of a value. */
export interface Cause extends InsnPlace {
  /** `set`: the instruction gave the value; `learnt`: it only said more about it. */
  readonly kind: 'set' | 'learnt';
  readonly name: string;
  readonly value: string;
  /** Of what was learnt: the value before. */
  readonly before: string | undefined;
}

/** One instruction of the path from the entry. */
export interface PathStep extends InsnPlace {
  readonly branch: 'taken' | 'not taken' | undefined;
  /** What the instruction changed. */
  readonly changes: readonly NamedValue[];
}

/** A refusal, explained. Plain data. */
export interface Explanation {
  readonly code: string;
  readonly category: string;
  readonly title: string;
  readonly reason: string;
  /** The kernel's own lines. */
  readonly lines: readonly string[];
  readonly message: string;
  readonly errno: number;
  readonly at: InsnPlace | undefined;
  /** State at that instruction: the innermost frame, registers and then slots. */
  readonly state: readonly NamedValue[];
  /** Register or slot that it is about. */
  readonly subject: string | undefined;
  readonly required: string;
  /** What the verifier knew of the subject. */
  readonly known: string;
  /** Where what was required was lost, or never came to be. */
  readonly lost: Cause | undefined;
  /** History of the subject, oldest first. */
  readonly causes: readonly Cause[];
  /** The way from the entry; `skipped` steps after the first {@link PATH_HEAD} are left out. */
  readonly path: readonly PathStep[];
  readonly skipped: number;
  readonly suggestion: string;
}

/** Steps of a long path that are kept at its beginning, and at its end. */
export const PATH_HEAD = 60;
const PATH_TAIL = 240;
const MAX_CAUSES = 24;

/** Verifies once more, and remembers the way; undefined for a program that is not refused. */
export function explain(input: VerifyInput, options: VerifyOptions = {}): Explanation | undefined {
  const recorder = new PathRecorder();
  const { report, env } = watch(input, { ...options, logLevel: 0 }, recorder, 'kernel');
  if (report.verdict !== 'reject') return undefined;
  const advice = adviseOn(report.message);
  const explainer = env === undefined ? undefined : new Explainer(env, input.lines ?? []);
  const last = recorder.last;
  const walked = last !== undefined && explainer !== undefined && env!.processed > 0 && report.insn === last.insn;
  const subject = walked ? explainer.subject(last, advice.register, report.message) : undefined;
  const causes = subject === undefined ? [] : explainer!.history(subject);
  const known = subject === undefined ? '' : explainer!.text(subject.value, subject.frameno);
  const insn = report.insn ?? namedInsn(report.message);
  const path = walked ? explainer.path(last) : [];
  const long = path.length > PATH_HEAD + PATH_TAIL;
  return {
    code: report.code ?? advice.code,
    category: advice.category,
    title: advice.title,
    reason: advice.reason,
    lines: report.lines,
    message: report.message,
    errno: report.errno,
    at: insn === undefined || explainer === undefined || insn >= env!.count ? undefined : explainer.place(insn),
    state: walked ? explainer.stateOf(last.frames[last.frames.length - 1]!) : [],
    subject: subject?.name,
    required: advice.required,
    known,
    lost: lostAt(
      causes.map(({ cause }) => cause),
      causes.map(({ value }) => value),
    ),
    causes: causes.map(({ cause }) => cause),
    path: long ? [...path.slice(0, PATH_HEAD), ...path.slice(-PATH_TAIL)] : path,
    skipped: long ? path.length - PATH_HEAD - PATH_TAIL : 0,
    suggestion: advice.suggestion,
  };
}

function namedInsn(message: string): number | undefined {
  const found = /\binsn (\d+)/.exec(message)?.[1];
  return found === undefined ? undefined : Number(found);
}

interface Subject {
  readonly name: string;
  readonly value: Value;
  readonly frameno: number;
}

/** What is wrong with a value, roughly: where it changes, something was lost. */
function defect({ words, kinds }: Value): string {
  const type = words[W_TYPE]!;
  if (kinds !== undefined && type === NOT_INIT) return 'bytes';
  if (type === NOT_INIT) return 'unreadable';
  if ((type & PTR_MAYBE_NULL) !== 0) return 'maybe null';
  if (type !== SCALAR_VALUE) return `pointer ${type}`;
  return words[W_UMAX + 1] !== 0 || words[W_SMIN + 1]! < 0 ? 'unbounded' : 'bounded';
}

/** Oldest cause since which the value has been as unfit as it is at the end. */
function lostAt(causes: readonly Cause[], values: readonly Value[]): Cause | undefined {
  if (causes.length === 0) return undefined;
  const final = defect(values[values.length - 1]!);
  // A pointer is what it was made; what comparisons taught about it was not enough.
  if (final.startsWith('pointer')) return causes.findLast(({ kind }) => kind === 'set');
  let at = causes.length - 1;
  while (at > 0 && defect(values[at - 1]!) === final) at--;
  return causes[at];
}

class Explainer {
  private readonly env: Env;
  private readonly sources: readonly LineInfo[];
  private readonly names: StateNames & InsnNames;

  constructor(env: Env, sources: readonly LineInfo[]) {
    this.env = env;
    this.sources = sources;
    this.names = namesOf(env);
  }

  place(insn: number): InsnPlace {
    const found = this.sources.findLast((line) => line.insn <= insn);
    const source = found === undefined ? undefined : { file: found.file ?? '', line: found.line, text: found.text.trim() }; // prettier-ignore
    return { insn, text: insnText(this.env, insn, this.names), source };
  }

  text({ words, kinds }: Value, frameno: number): string {
    if (kinds !== undefined) return formatSlotText(words, kinds, frameno, this.names);
    return words[W_TYPE] === NOT_INIT ? 'no value' : formatRegister(words, 0, frameno, this.names);
  }

  stateOf(frame: FrameValues): NamedValue[] {
    const named: NamedValue[] = [];
    frame.registers.forEach((value, reg) => {
      if (value.words[W_TYPE] !== NOT_INIT) named.push({ name: `R${reg}`, value: this.text(value, frame.frameno) });
    });
    frame.slots.forEach((value, slot) => {
      const text = this.text(value, frame.frameno);
      if (text !== '') named.push({ name: `fp${-8 * (slot + 1)}`, value: text });
    });
    return named;
  }

  /** The register or slot that the message is about. */
  subject(last: Step, named: number | undefined, message: string): Subject | undefined {
    const frame = last.frames[last.frames.length - 1]!;
    const slot = /^invalid read from stack (?:R\d+ )?off (-?\d+)\+(\d+)/.exec(message);
    if (slot !== null) {
      const index = (-(Number(slot[1]) + Number(slot[2])) - 1) >> 3;
      const value = frame.slots[index];
      if (value !== undefined) return { name: this.named(frame.frameno, REGS + index), value, frameno: frame.frameno };
    }
    const reg = named ?? this.baseRegister(last.insn);
    const value = reg === undefined || reg >= REGS ? undefined : frame.registers[reg];
    return value === undefined ? undefined : { name: this.named(frame.frameno, reg!), value, frameno: frame.frameno };
  }

  private baseRegister(insn: number): number | undefined {
    const { opcode, dst, src } = this.env;
    switch (opcode[insn]! & 7) {
      case CLASS_LDX:
        return src[insn];
      case CLASS_ST:
      case CLASS_STX:
      case CLASS_ALU:
      case CLASS_ALU64:
        return dst[insn];
      default:
        return opcode[insn] === 0x95 ? 0 : undefined;
    }
  }

  private named(frameno: number, place: number): string {
    const name = place < REGS ? `R${place}` : `fp${-8 * (place - REGS + 1)}`;
    return frameno === 0 ? name : `frame${frameno}:${name}`;
  }

  /** Where a value comes from, back through copies, arithmetic, and the stack; oldest first. */
  history(start: Subject): { cause: Cause; value: Value }[] {
    const found: { cause: Cause; value: Value; depth: number }[] = [];
    const done = new Set<Value>();
    const queue: { value: Value; name: string; frameno: number }[] = [start];
    while (queue.length > 0 && found.length < MAX_CAUSES) {
      const { value, name, frameno } = queue.shift()!;
      if (done.has(value)) continue;
      done.add(value);
      const { by, before } = value;
      if (by === undefined) continue;
      const cause: Cause = {
        ...this.place(by.insn),
        kind: before === undefined ? 'set' : 'learnt',
        name,
        value: this.text(value, frameno),
        before: before === undefined ? undefined : this.text(before, frameno),
      };
      found.push({ cause, value, depth: by.depth });
      if (before !== undefined) queue.push({ value: before, name, frameno });
      else queue.push(...this.origins(by, name, frameno));
    }
    return found.sort((a, b) => a.depth - b.depth);
  }

  /** What the insn of a step computed a value from. */
  private origins(by: Step, name: string, frameno: number): Subject[] {
    const { opcode, dst, src, off } = this.env;
    const { insn } = by;
    const code = opcode[insn]!;
    const frame = by.frames[by.frames.length - 1]!;
    const register = (reg: number): Subject[] => {
      const value = frame.registers[reg];
      return value === undefined ? [] : [{ name: this.named(frame.frameno, reg), value, frameno: frame.frameno }];
    };
    const isSlot = name.includes('fp-');
    switch (code & 7) {
      case CLASS_ALU:
      case CLASS_ALU64: {
        const isMove = (code & 0xf0) === 0xb0;
        const other = (code & 8) !== 0 && (code & 0xf0) !== 0xd0 ? register(src[insn]!) : [];
        return isMove ? other : [...register(dst[insn]!), ...other];
      }
      case CLASS_LDX: {
        const base = frame.registers[src[insn]!]!;
        if (base.words[W_TYPE] !== PTR_TO_STACK) return register(src[insn]!);
        const at = base.words[W_OFF]! + toDouble(base.words, W_VAR) + off[insn]!;
        const index = (-at - 1) >> 3;
        const slot = frame.slots[index];
        return slot === undefined ? [] : [{ name: this.named(frame.frameno, REGS + index), value: slot, frameno: frame.frameno }]; // prettier-ignore
      }
      case CLASS_STX:
        return isSlot ? register(src[insn]!) : [];
      case CLASS_JMP:
      case CLASS_JMP32: {
        const number = /R(\d+)$/.exec(name)?.[1];
        if (number === undefined) return [];
        // An argument of a function comes from its caller, a result from its callee.
        if (code === 0x85 && src[insn] === 1 && frameno > frame.frameno) return register(Number(number));
        if ((code & 0xf0) === OP_EXIT && number === '0') return register(0);
        return [];
      }
      default:
        return [];
    }
  }

  /** The way from the entry to a step. */
  path(last: Step): PathStep[] {
    const steps: Step[] = [];
    for (let step: Step | undefined = last; step !== undefined; step = step.previous) steps.unshift(step);
    return steps.map((step, i) => {
      const next = steps[i + 1];
      return { ...this.place(step.insn), branch: this.branch(step, next), changes: this.changes(step, next) };
    });
  }

  private branch({ insn }: Step, next: Step | undefined): PathStep['branch'] {
    const code = this.env.opcode[insn]!;
    const op = code & 0xf0;
    const jumps = (code & 7) === CLASS_JMP || (code & 7) === CLASS_JMP32;
    if (!jumps || op === OP_CALL || op === OP_EXIT || op === OP_JA || next === undefined) return undefined;
    return next.insn === insn + 1 ? 'not taken' : 'taken';
  }

  private changes(step: Step, next: Step | undefined): NamedValue[] {
    const changed: NamedValue[] = [];
    for (const frame of next?.frames ?? []) {
      [...frame.registers, ...frame.slots].forEach((value, place) => {
        if (value.by !== step || (place < REGS && value.words[W_TYPE] === NOT_INIT)) return;
        changed.push({ name: this.named(frame.frameno, place), value: this.text(value, frame.frameno) });
      });
    }
    return changed;
  }
}
