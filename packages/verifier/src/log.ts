/** The verifier's log in the kernel's words. Exists only when it is asked for. */
import type { Env } from './env.ts';

/** Collects lines. */
export class VerifierLog {
  private readonly lines: string[] = [];

  readonly level: number;

  constructor(level: number) {
    this.level = level;
  }

  /** Position for {@link cut}. */
  get length(): number {
    return this.lines.length;
  }

  /** Forgets what came after a position: what was said on a path that turned out well is of no interest. */
  cut(length: number): void {
    this.lines.length = length;
  }

  line(text: string): void {
    this.lines.push(text);
  }

  text(): string {
    return this.lines.length === 0 ? '' : `${this.lines.join('\n')}\n`;
  }

  /** The path ends in a state that is known. */
  safe(env: Env, arrived: boolean): void {
    this.line(arrived ? `\nfrom ${env.previousInsn} to ${env.insn}: safe` : `${env.insn}: safe`);
  }

  /** An insn is about to be walked. */
  insn(env: Env, arrived: boolean): void {
    this.line(arrived ? `from ${env.previousInsn} to ${env.insn}` : `${env.insn}`);
  }

  /** Everything may have changed. */
  touchAll(): void {
    // as above
  }

  /** A function was entered. */
  calls(_env: Env, _caller: number, _callee: number): void {
    // as above
  }

  /** A function was left. */
  returns(_env: Env, _callee: number, _caller: number, _next: number): void {
    // as above
  }

  /** The liveness of a function was computed anew. */
  livenessUpdate(chain: string, rounds: number): void {
    this.line(`${chain} live stack update done in ${rounds} iterations`);
  }
}
