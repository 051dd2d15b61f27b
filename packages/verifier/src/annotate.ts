/** A program with what the verifier found out about each instruction, and where its work went. */
import type { NamedValue, SourcePlace } from './explain.ts';
import { FactCollector } from './facts.ts';
import { formatRegister } from './format-register.ts';
import type { VerifyInput } from './input.ts';
import { insnText } from './insn-text.ts';
import { namesOf } from './log-names.ts';
import { W_ID, W_TYPE } from './register-record.ts';
import { NOT_INIT, typeName } from './register-types.ts';
import { REGS } from './state.ts';
import { type VerifyOptions, watch } from './verify.ts';

/** One instruction. */
export interface AnnotatedInsn {
  readonly insn: number;
  /** As in the kernel's log. */
  readonly text: string;
  /** How often it was walked, over all paths. */
  readonly visits: number;
  /** States that were stored for it. */
  readonly states: number;
  /** Registers that are read from here on, joined over all visits. */
  readonly registers: readonly NamedValue[];
  readonly source: SourcePlace | undefined;
}

/** What a line of source cost. */
export interface LineProfile extends SourcePlace {
  readonly processed: number;
  readonly states: number;
  /** Registers that most often kept a state from being like the one before it, most frequent first. */
  readonly differs: readonly string[];
}

/** A program, annotated. Plain data. */
export interface Annotation {
  readonly insns: readonly AnnotatedInsn[];
  /** By line, the most expensive first; without source lines by instruction. */
  readonly profile: readonly LineProfile[];
  readonly subprograms: readonly { readonly start: number; readonly stackDepth: number }[];
}

/** Verifies, and says what was seen; also of programs that are refused, as far as the walk got. */
export function annotate(input: VerifyInput, options: VerifyOptions = {}): Annotation {
  const count = input.insns.length;
  const collector = new FactCollector(count, true);
  const { env } = watch(input, { ...options, logLevel: 0 }, collector, 'kernel');
  if (env === undefined) return { insns: [], profile: [], subprograms: [] };
  const names = namesOf(env);
  const lines = input.lines ?? [];
  const insns: AnnotatedInsn[] = [];
  const profile = new Map<string, { place: SourcePlace; processed: number; states: number; differs: number[] }>();
  for (let i = 0; i < count; i++) {
    const found = lines.findLast((line) => line.insn <= i);
    const source = found === undefined ? undefined : { file: found.file ?? '', line: found.line, text: found.text.trim() }; // prettier-ignore
    const registers: NamedValue[] = [];
    for (let reg = 0; reg < REGS; reg++) {
      const joined = collector.registers[i * REGS + reg];
      if (joined === undefined || joined.words[W_TYPE] === NOT_INIT) continue;
      joined.words[W_ID] = 0;
      const value = joined.mixed
        ? `${typeName(joined.words[W_TYPE]!)} or else`
        : formatRegister(joined.words, 0, 0, names);
      registers.push({ name: `R${reg}`, value });
    }
    const text = insnText(env, i, names);
    insns.push({ insn: i, text, visits: collector.visits[i]!, states: collector.states[i]!, registers, source });
    const place = source ?? { file: '', line: i, text };
    const key = `${place.file}:${place.line}`;
    const row = profile.get(key) ?? { place, processed: 0, states: 0, differs: new Array<number>(REGS).fill(0) };
    row.processed += collector.visits[i]!;
    row.states += collector.states[i]!;
    collector.different.get(i)?.forEach((times, reg) => (row.differs[reg] = row.differs[reg]! + times));
    profile.set(key, row);
    if (env.opcode[i] === 0x18) i++;
  }
  return {
    insns,
    profile: [...profile.values()]
      .filter(({ processed }) => processed > 0)
      .sort((a, b) => b.processed - a.processed)
      .map(({ place, processed, states, differs }) => ({
        ...place,
        processed,
        states,
        differs: mostFrequent(differs),
      })),
    subprograms: env.subprograms.map(({ start, stackDepth }) => ({ start, stackDepth })),
  };
}

function mostFrequent(counts: readonly number[]): string[] {
  return counts
    .map((times, reg) => ({ times, reg }))
    .filter(({ times }) => times > 0)
    .sort((a, b) => b.times - a.times)
    .slice(0, 3)
    .map(({ reg }) => `R${reg}`);
}

/** Lines of text: each instruction with its visits and state, source lines between. */
export function formatAnnotation(annotation: Annotation): string {
  const lines: string[] = ['visits states'];
  let last = '';
  let subprogram = 0;
  for (const { insn, text, visits, states, registers, source } of annotation.insns) {
    if (annotation.subprograms[subprogram]?.start === insn) {
      lines.push(`; function at ${insn}: stack depth ${annotation.subprograms[subprogram]!.stackDepth}`);
      subprogram++;
    }
    if (source !== undefined) {
      const shown = `; ${source.text} @ ${source.file.slice(source.file.lastIndexOf('/') + 1)}:${source.line}`;
      if (shown !== last) lines.push(shown);
      last = shown;
    }
    const state = registers.map(({ name, value }) => `${name}=${value}`).join(' ');
    const head = `${String(visits).padStart(6)} ${states === 0 ? '      ' : String(states).padStart(6)} ${insn}: ${text}`;
    lines.push(
      visits === 0 ? `${head.padEnd(52)} ; not reached` : state === '' ? head : `${head.padEnd(52)} ; ${state}`,
    );
  }
  const rows = annotation.profile.slice(0, 12);
  if (rows.length > 0) {
    lines.push('', 'where the work went:', 'processed states line');
    for (const { processed, states, file, line, text, differs } of rows) {
      const place = file === '' ? `insn ${line}` : `${file.slice(file.lastIndexOf('/') + 1)}:${line}`;
      const why = differs.length === 0 || states < 2 ? '' : `  (states differ in ${differs.join(', ')})`;
      lines.push(`${String(processed).padStart(9)} ${String(states).padStart(6)} ${place} | ${text}${why}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
