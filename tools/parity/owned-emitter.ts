/** Programs with labels. */
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';

/** Collects slots, and sets jumps and calls at the end. */
export class Emitter {
  readonly insns: Insn[] = [];
  private readonly jumps: [insn: number, label: string][] = [];
  private readonly labels = new Map<string, number>();
  readonly references: [insn: number, label: string][] = [];
  readonly kfuncId: (name: string) => number;
  private count = 0;

  constructor(kfuncId: (name: string) => number) {
    this.kfuncId = kfuncId;
  }

  op(opcode: number, dst = 0, src = 0, off = 0, imm = 0): void {
    this.insns.push(makeInsn(opcode, dst, src, off, imm));
  }

  mov(dst: number, src: number): void {
    this.op(0xbf, dst, src);
  }

  set(dst: number, imm: number): void {
    this.op(0xb7, dst, 0, 0, imm);
  }

  add(dst: number, imm: number): void {
    if (imm !== 0) this.op(0x07, dst, 0, 0, imm);
  }

  helper(id: number): void {
    this.op(0x85, 0, 0, 0, id);
  }

  kfunc(name: string): void {
    this.op(0x85, 0, 2, 0, this.kfuncId(name));
  }

  fresh(): string {
    return `l${this.count++}`;
  }

  jump(opcode: number, dst: number, imm: number, label: string): void {
    this.jumps.push([this.insns.length, label]);
    this.op(opcode, dst, 0, 0, imm);
  }

  /** Call of a function of the program, or its address. */
  call(label: string): void {
    this.references.push([this.insns.length, label]);
    this.op(0x85, 0, 1);
  }

  address(dst: number, label: string): void {
    this.references.push([this.insns.length, label]);
    this.op(0x18, dst, 4);
    this.op(0);
  }

  label(name: string): void {
    this.labels.set(name, this.insns.length);
  }

  finish(): Insn[] {
    for (const [at, label] of this.jumps)
      this.insns[at] = { ...this.insns[at]!, offset: this.labels.get(label)! - at - 1 };
    for (const [at, label] of this.references) this.insns[at] = { ...this.insns[at]!, imm: this.labels.get(label)! - at - 1 }; // prettier-ignore
    return this.insns;
  }

  at(label: string): number | undefined {
    return this.labels.get(label);
  }
}
