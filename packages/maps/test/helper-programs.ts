/** Small programs that do one map operation each on arguments in a memory that is shared with this process. */
import { assemble } from '@polybpf/asm';
import { type Insn, makeInsn } from '@polybpf/isa';
import type { LiveKernel } from '@polybpf/kernel';
import { closeRaw, createRawMap, mapMemory, runRaw } from './raw-bpf.ts';

const IO_BYTES = 65536;
/** Places in the shared memory. */
const RESULT = 0;
const FLAGS = 8;
const CPU = 16;
const KEY = 64;
const VALUE = 4096;
const OUT = 16384;

const HELPER = { lookup: 1, update: 2, delete: 3, push: 87, pop: 88, peek: 89, lookupPercpu: 195 } as const;

/** What a program did. */
export class HelperPrograms {
  readonly #kernel: LiveKernel;
  readonly #mapFd: number;
  readonly #valueSize: number;
  readonly #ioFd: number;
  readonly #io: Uint8Array;
  readonly #view: DataView;
  readonly #fds = new Map<string, number>();

  constructor(kernel: LiveKernel, mapFd: number, valueSize: number) {
    this.#kernel = kernel;
    this.#mapFd = mapFd;
    this.#valueSize = valueSize;
    this.#ioFd = createRawMap({ type: 2, keySize: 4, valueSize: IO_BYTES, maxEntries: 1, flags: 0x400 });
    const io = mapMemory(this.#ioFd, IO_BYTES);
    if (io === undefined) throw new Error('mmap of an array map');
    this.#io = io;
    this.#view = new DataView(io.buffer);
  }

  /** The value that a lookup gives, or undefined. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    this.#io.set(key, KEY);
    return this.#run('lookup', () => this.#lookupCode(HELPER.lookup)) === 1n ? this.#out() : undefined;
  }

  lookupPercpu(key: Uint8Array, cpu: number): Uint8Array | undefined {
    this.#io.set(key, KEY);
    this.#view.setUint32(CPU, cpu, true);
    return this.#run('lookupPercpu', () => this.#lookupCode(HELPER.lookupPercpu)) === 1n ? this.#out() : undefined;
  }

  /** Looks up, and writes the value through the pointer; false when there is none. */
  poke(key: Uint8Array, value: Uint8Array): boolean {
    this.#io.set(key, KEY);
    this.#io.set(value, VALUE);
    const code = (): Insn[] => [
      ...this.#mapInR1(),
      ...asm(`r2 = r6`, `r2 += ${KEY}`, `call 1`, `if r0 == 0 goto +${2 * parts(this.#valueSize).length + 2}`),
      ...this.#copy('r0', 0, 'r6', VALUE),
      ...asm('r1 = 1', `*(u64 *)(r6 + ${RESULT}) = r1`),
    ];
    return this.#run('poke', code) === 1n;
  }

  update(key: Uint8Array, value: Uint8Array, flags: bigint): number {
    this.#io.set(key, KEY);
    this.#io.set(value, VALUE);
    this.#view.setBigUint64(FLAGS, flags, true);
    return Number(
      this.#run('update', () => [
        ...this.#mapInR1(),
        ...asm('r2 = r6', `r2 += ${KEY}`, 'r3 = r6', `r3 += ${VALUE}`, `r4 = *(u64 *)(r6 + ${FLAGS})`, 'call 2'),
        ...asm(`*(u64 *)(r6 + ${RESULT}) = r0`),
      ]),
    );
  }

  delete(key: Uint8Array): number {
    this.#io.set(key, KEY);
    return Number(
      this.#run('delete', () => [
        ...this.#mapInR1(),
        ...asm('r2 = r6', `r2 += ${KEY}`, 'call 3', `*(u64 *)(r6 + ${RESULT}) = r0`),
      ]),
    );
  }

  push(value: Uint8Array, flags: bigint): number {
    this.#io.set(value, VALUE);
    this.#view.setBigUint64(FLAGS, flags, true);
    return Number(
      this.#run('push', () => [
        ...this.#mapInR1(),
        ...asm('r2 = r6', `r2 += ${VALUE}`, `r3 = *(u64 *)(r6 + ${FLAGS})`, `call ${HELPER.push}`),
        ...asm(`*(u64 *)(r6 + ${RESULT}) = r0`),
      ]),
    );
  }

  /** Result, and the value that came out. */
  take(helper: 'pop' | 'peek', value: Uint8Array): { errno: number; value: Uint8Array } {
    this.#io.set(value, OUT);
    const errno = this.#run(helper, () => [
      ...this.#mapInR1(),
      ...asm('r2 = r6', `r2 += ${OUT}`, `call ${HELPER[helper]}`, `*(u64 *)(r6 + ${RESULT}) = r0`),
    ]);
    return { errno: Number(errno), value: this.#out() };
  }

  /** Any other program: `code` has the shared memory in r6. */
  runCode(name: string, code: () => Insn[], before?: (io: Uint8Array, view: DataView) => void): bigint {
    before?.(this.#io, this.#view);
    return this.#run(name, code);
  }

  get io(): Uint8Array {
    return this.#io;
  }

  close(): void {
    for (const fd of this.#fds.values()) this.#kernel.close(fd);
    closeRaw(this.#ioFd);
  }

  #out(): Uint8Array {
    return this.#io.slice(OUT, OUT + this.#valueSize);
  }

  #mapInR1(): Insn[] {
    return [makeInsn(0x18, 1, 1, 0, this.#mapFd), makeInsn(0, 0, 0, 0, 0)];
  }

  #copy(to: string, toAt: number, from: string, fromAt: number): Insn[] {
    return parts(this.#valueSize).flatMap(({ at, bits }) =>
      asm(`r1 = *(u${bits} *)(${from} + ${fromAt + at})`, `*(u${bits} *)(${to} + ${toAt + at}) = r1`),
    );
  }

  #lookupCode(helper: number): Insn[] {
    return [
      ...this.#mapInR1(),
      ...asm('r2 = r6', `r2 += ${KEY}`, `r3 = *(u32 *)(r6 + ${CPU})`, `call ${helper}`),
      ...asm(`if r0 == 0 goto +${2 * parts(this.#valueSize).length + 2}`),
      ...this.#copy('r6', OUT, 'r0', 0),
      ...asm('r1 = 1', `*(u64 *)(r6 + ${RESULT}) = r1`),
    ];
  }

  #run(name: string, code: () => Insn[]): bigint {
    let fd = this.#fds.get(name);
    if (fd === undefined) {
      const insns = [makeInsn(0x18, 6, 2, 0, this.#ioFd), makeInsn(0, 0, 0, 0, 0), ...code(), ...asm('r0 = 0', 'exit')];
      const outcome = this.#kernel.load(insns, { type: 'sched_cls', logLevel: 1 });
      if (!outcome.accepted) throw new Error(`${name}: ${outcome.errnoName}\n${outcome.log}`);
      fd = outcome.fd;
      this.#fds.set(name, fd);
    }
    this.#view.setBigInt64(RESULT, 0n, true);
    const r0 = runRaw(fd);
    if (r0 !== 0) throw new Error(`${name}: test run gave ${r0}`);
    return this.#view.getBigInt64(RESULT, true);
  }
}

/** Insns of assembly text. */
export function asm(...lines: string[]): Insn[] {
  return [...assemble(lines.join('\n'), { endian: 'little' }).insns];
}

function parts(size: number): { at: number; bits: number }[] {
  const list: { at: number; bits: number }[] = [];
  for (let at = 0; at < size;) {
    const width = [8, 4, 2, 1].find((w) => at + w <= size)!;
    list.push({ at, bits: 8 * width });
    at += width;
  }
  return list;
}
