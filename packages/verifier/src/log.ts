/** The verifier's log in the kernel's words. Exists only when it is asked for. */
import type { Wanted } from './backtrack.ts';
import type { Env } from './env.ts';
import { formatFrame, SHOW_ALL, type Shown, type StateNames } from './format-state.ts';
import type { LineInfo } from './input.ts';
import { type InsnNames, insnText } from './insn-text.ts';
import { namesOf } from './log-names.ts';
import type { Frame, State } from './state.ts';

/** Columns that the text of an insn is filled up to before its state (kernel: vlog_alignment). */
const COLUMN = 40;
const STEP = 8;

/** Registers and slots that were used since the state was last shown. */
class Touched implements Shown {
  registers = 0;
  low = 0;
  high = 0;

  hasSlot(slot: number): boolean {
    return slot < 32 ? (this.low & (1 << slot)) !== 0 : (this.high & (1 << (slot - 32))) !== 0;
  }

  addSlot(slot: number): void {
    if (slot < 32) this.low |= 1 << slot;
    else this.high |= 1 << (slot - 32);
  }

  all(): void {
    this.registers = 0x7ff;
    this.low = -1;
    this.high = -1;
  }

  clear(): void {
    this.registers = this.low = this.high = 0;
  }

  get isEmpty(): boolean {
    return (this.registers | this.low | this.high) === 0;
  }
}

function bits(mask: number): number[] {
  const found: number[] = [];
  for (let i = 0; i < 32; i++) if ((mask & (1 << i)) !== 0) found.push(i);
  return found;
}

/** Messages that the kernel prints without a newline. */
const UNENDED: ReadonlySet<string> = new Set(['expected prog array map for tail call']);

/** Slots by bit: the first 32, and the others. */
export type SlotMask = readonly [low: number, high: number];

function slotNumbers(low: number, high: number): number[] {
  return [...bits(low), ...bits(high).map((slot) => slot + 32)].map((slot) => -8 * (slot + 1));
}

function slotsOf(want: Wanted, frame: number): string[] {
  return slotNumbers(want.slots[2 * frame]!, want.slots[2 * frame + 1]!).map((offset) => `fp${offset}`);
}

function wantedText(want: Wanted, frame: number): string {
  const registers = bits(want.regs[frame]!).map((reg) => `r${reg}`);
  const slots = slotsOf(want, frame).map((name) => name.slice(2));
  return `regs=${registers.join(',')} stack=${slots.join(',')}`;
}

/** Collects lines. */
export class VerifierLog {
  private readonly lines: string[] = [];
  private readonly touched: Touched = new Touched();
  private readonly sources: readonly LineInfo[];
  /** Line that ends with the current insn; -1 when something else came after it. */
  private insnLine = -1;
  private insnLength = 0;
  /** Length that an insn's line had before its state was added. */
  private readonly completed: Map<number, number> = new Map();
  private joins = false;
  private lastSource: LineInfo | undefined = undefined;
  private names: (StateNames & InsnNames) | undefined = undefined;

  readonly level: number;

  constructor(level: number, sources: readonly LineInfo[] = []) {
    this.level = level;
    this.sources = sources;
    this.touched.all();
  }

  /** Position for {@link cut}: lines, and whether the last one is an insn that still waits for its state. */
  get length(): number {
    return this.lines.length * 2 + (this.insnLine >= 0 ? 1 : 0);
  }

  /** Forgets what came after a position: what was said on a path that turned out well is of no interest. */
  cut(length: number): void {
    const last = (length >> 1) - 1;
    this.lines.length = last + 1;
    this.insnLine = -1;
    const was = this.completed.get(last);
    if ((length & 1) === 0 || was === undefined) return;
    // The kernel has written over the newline by then, and only cuts: what comes next is on the same line.
    this.lines[last] = `${this.lines[last]!.slice(0, was)} `;
    this.joins = true;
  }

  line(text: string): void {
    this.insnLine = -1;
    if (this.joins) this.lines[this.lines.length - 1] += text;
    else this.lines.push(text);
    this.joins = UNENDED.has(text);
  }

  text(): string {
    return this.lines.length === 0 ? '' : `${this.lines.join('\n')}\n`;
  }

  /** The trace is wanted. */
  private get traces(): boolean {
    return (this.level & 3) !== 0;
  }

  /** Details too. */
  get detailed(): boolean {
    return (this.level & 2) !== 0;
  }

  private namesFor(env: Env): StateNames & InsnNames {
    return (this.names ??= namesOf(env));
  }

  /** The path ends in a state that is known. */
  safe(env: Env, arrived: boolean): void {
    if (!this.traces) return;
    this.line(arrived ? `\n${this.arrival(env)}: safe` : `${env.insn}: safe`);
  }

  private arrival(env: Env): string {
    const mode = env.state.speculative ? ' (speculative execution)' : '';
    return `from ${env.previousInsn} to ${env.insn}${mode}`;
  }

  /** An insn is about to be walked. */
  insn(env: Env, arrived: boolean): void {
    if (arrived && this.detailed) this.line(`\n${this.arrival(env)}:${this.frameText(env, env.frame, SHOW_ALL)}`);
    if (!this.traces) return;
    if (!this.touched.isEmpty) this.state(env);
    this.source(env.insn);
    const before = `${env.insn}: `;
    const text = insnText(env, env.insn, this.namesFor(env));
    this.line(before + text);
    this.insnLine = this.lines.length - 1;
    this.insnLength = before.length + text.length + 1;
  }

  /** What was used since it was last shown, on the line of the insn where that is still open (kernel: print_insn_state). */
  state(env: Env): void {
    if (!this.traces) return;
    const text = this.frameText(env, env.frame, this.touched);
    this.touched.clear();
    if (this.insnLine >= 0) {
      const wanted = Math.ceil(Math.max(this.insnLength + STEP / 2, COLUMN) / STEP) * STEP;
      this.completed.set(this.insnLine, this.lines[this.insnLine]!.length);
      this.lines[this.insnLine] += `${' '.repeat(wanted - this.insnLength - 1)};${text}`;
      this.insnLine = -1;
    } else this.line(`${env.insn}:${text}`);
  }

  private frameText(env: Env, frame: Frame, shown: Shown): string {
    return formatFrame(env.state, frame, this.namesFor(env), shown);
  }

  /** One frame of a state, all of it. */
  stateText(env: Env, state: State, frameno: number): string {
    return formatFrame(state, state.frames[frameno]!, this.namesFor(env), SHOW_ALL);
  }

  /** The source of an insn, when it is of another line than the last one (kernel: verbose_linfo). */
  source(insn: number): void {
    const found = this.sources.findLast((line) => line.insn <= insn);
    if (found === undefined || found === this.lastSource) return;
    const last = this.lastSource;
    const same = last !== undefined && found.file === last.file && found.line === last.line && found.text === last.text;
    if (same) return;
    this.lastSource = found;
    const file = found.file ?? '';
    this.line(`; ${found.text.trimStart()} @ ${file.slice(file.lastIndexOf('/') + 1)}:${found.line}`);
  }

  touchRegister(reg: number): void {
    this.touched.registers |= 1 << reg;
  }

  touchCallerSaved(): void {
    this.touched.registers |= 0x3f;
  }

  touchSlot(slot: number): void {
    this.touched.addSlot(slot);
  }

  /** Everything may have changed. */
  touchAll(): void {
    this.touched.all();
  }

  /** A function was entered. */
  calls(env: Env, caller: number, callee: number): void {
    this.touchAll();
    if (!this.traces) return;
    this.line(`caller:\n${this.stateText(env, env.state, caller)}\ncallee:\n${this.stateText(env, env.state, callee)}`);
  }

  /** A function was left. */
  returns(env: Env, callee: number, caller: number, next: number): void {
    if (!this.traces) return;
    const from = this.stateText(env, env.state, callee);
    this.line(`returning from callee:\n${from}\nto caller at ${next}:\n${this.stateText(env, env.state, caller)}`);
  }

  /** What is known of the stack slots before an insn changes (kernel: log_mask_change). */
  livenessChange(
    chain: string,
    kind: 'live' | 'written',
    frame: number,
    insn: number,
    was: SlotMask,
    is: SlotMask,
  ): void {
    const more = slotNumbers(is[0] & ~was[0], is[1] & ~was[1]);
    const less = slotNumbers(was[0] & ~is[0], was[1] & ~is[1]);
    if (more.length + less.length === 0) return;
    const gained = more.length === 0 ? '' : `+${kind} ${more.join(',')} `;
    this.line(`${chain} frame ${frame} insn ${insn} ${gained}${less.length === 0 ? '' : `-${kind} ${less.join(',')}`}`);
  }

  /** The liveness of a function was computed anew. */
  livenessUpdate(chain: string, rounds: number): void {
    this.line(`${chain} live stack update done in ${rounds} iterations`);
  }

  /** Registers that are read later, before each insn (kernel: compute_live_registers). */
  liveRegisters(env: Env): void {
    if (!this.detailed) return;
    this.line('Live regs before insn:');
    const names = this.namesFor(env);
    for (let i = 0; i < env.count; i++) {
      let registers = '';
      for (let reg = 0; reg < 10; reg++) registers += (env.liveRegs[i]! & (1 << reg)) !== 0 ? String(reg) : '.';
      const loop = env.loop[i] === 0 ? '    ' : `${String(env.loop[i]!).padStart(3)} `;
      this.line(`${loop}${String(i).padStart(3)}: ${registers} ${insnText(env, i, names)}`);
      if (env.opcode[i] === 0x18) i++;
    }
  }

  /** Backtracking begins in a state (kernel: __mark_chain_precision). */
  backtrack(frame: number, last: number, first: number, next: number): void {
    this.line(`mark_precise: frame${frame}: last_idx ${last} first_idx ${first} subseq_idx ${next} `);
  }

  /** Backtracking looks at an insn. */
  backtrackInsn(env: Env, want: Wanted, insn: number): void {
    if (env.opcode[insn] === 0) return;
    const text = insnText(env, insn, this.namesFor(env));
    this.line(`mark_precise: frame${want.frame}: ${wantedText(want, want.frame)} before ${insn}: ${text}`);
  }

  /** Backtracking goes on in the parent of a state. */
  backtrackParent(env: Env, state: State, want: Wanted): void {
    for (let f = want.frame; f >= 0; f--) {
      const text = this.stateText(env, state, f);
      this.line(`mark_precise: frame${f}: parent state ${wantedText(want, f)}: ${text}`);
    }
  }

  /** Marks of a stored state go to the path that ended in it (kernel: propagate_precision). */
  propagates(want: Wanted, frame: number): void {
    if (!this.detailed) return;
    for (let f = frame; f >= 0; f--) {
      const parts = [...bits(want.regs[f]!).map((reg) => `r${reg}`), ...slotsOf(want, f)];
      if (parts.length > 0) this.line(`frame ${f}: propagating ${parts.join(',')}`);
    }
  }

  /** The two states that an endless loop showed. */
  infiniteLoop(env: Env, { cur, old }: { readonly cur: State; readonly old: State }): void {
    this.line(`cur state:${this.stateText(env, cur, cur.curframe)}`);
    this.line(`old state:${this.stateText(env, old, old.curframe)}`);
  }

  /** An insn, for what is said about it in passing. */
  insnText(env: Env, insn: number): string {
    return insnText(env, insn, this.namesFor(env));
  }
}
