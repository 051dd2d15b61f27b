/** Small programs that do one map operation each on arguments in a memory that is shared with this process. */
import { assemble } from '@polybpf/asm';
import { type Insn, makeInsn } from '@polybpf/isa';
import type { LiveKernel, LoadOptions } from '@polybpf/kernel';
import { closeRaw, createRawMap, mapMemory, runRaw } from './raw-bpf.native.ts';

const IO_BYTES = 65536;
/** Places in the shared memory: result, flags, number of a CPU, key, value, what came out. */
export const RESULT = 0;
export const FLAGS = 8;
const CPU = 16;
const KEY = 64;
export const VALUE = 4096;
export const OUT = 16384;

const HELPER = { lookup: 1, update: 2, delete: 3, push: 87, pop: 88, peek: 89, lookupPercpu: 195 } as const;

/** What a program did. */
export class HelperPrograms {
  readonly #kernel: LiveKernel;
  readonly #mapFd: number;
  readonly #valueSize: number;
  readonly #parts: readonly Part[];
  readonly #holes: readonly Hole[];
  readonly #ioFd: number;
  readonly #io: Uint8Array;
  readonly #view: DataView;
  readonly #fds = new Map<string, number>();

  /** @param holes - bytes of the value that programs may not touch: special fields */
  constructor(kernel: LiveKernel, mapFd: number, valueSize: number, holes: readonly Hole[] = []) {
    this.#parts = parts(valueSize, holes);
    this.#holes = holes;
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
      ...asm(`r2 = r6`, `r2 += ${KEY}`, `call 1`, `if r0 == 0 goto +${2 * this.#parts.length + 2}`),
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
  runCode(name: string, code: () => Insn[], load: Partial<LoadOptions> = {}): bigint {
    return this.#run(name, code, load);
  }

  /** Loads an address of the map into r1. */
  mapInR1(): Insn[] {
    return this.#mapInR1();
  }

  /** File descriptor of the shared memory. */
  get ioFd(): number {
    return this.#ioFd;
  }

  get io(): Uint8Array {
    return this.#io;
  }

  close(): void {
    for (const fd of this.#fds.values()) this.#kernel.close(fd);
    closeRaw(this.#ioFd);
  }

  #out(): Uint8Array {
    const value = this.#io.slice(OUT, OUT + this.#valueSize);
    for (const { offset, size } of this.#holes) value.fill(0, offset, offset + size);
    return value;
  }

  #mapInR1(): Insn[] {
    return [makeInsn(0x18, 1, 1, 0, this.#mapFd), makeInsn(0, 0, 0, 0, 0)];
  }

  #copy(to: string, toAt: number, from: string, fromAt: number): Insn[] {
    return this.#parts.flatMap(({ at, bits }) =>
      asm(`r1 = *(u${bits} *)(${from} + ${fromAt + at})`, `*(u${bits} *)(${to} + ${toAt + at}) = r1`),
    );
  }

  #lookupCode(helper: number): Insn[] {
    return [
      ...this.#mapInR1(),
      ...asm('r2 = r6', `r2 += ${KEY}`, `r3 = *(u32 *)(r6 + ${CPU})`, `call ${helper}`),
      ...asm(`if r0 == 0 goto +${2 * this.#parts.length + 2}`),
      ...this.#copy('r6', OUT, 'r0', 0),
      ...asm('r1 = 1', `*(u64 *)(r6 + ${RESULT}) = r1`),
    ];
  }

  #run(name: string, code: () => Insn[], load: Partial<LoadOptions> = {}): bigint {
    let fd = this.#fds.get(name);
    if (fd === undefined) {
      const insns = [
        makeInsn(0x18, 6, 2, 0, this.#ioFd),
        makeInsn(0, 0, 0, 0, 0),
        ...code(),
        ...(load.funcInfo === undefined ? asm('r0 = 0', 'exit') : []),
      ];
      const outcome = this.#kernel.load(insns, { type: 'sched_cls', logLevel: 1, ...load });
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

/** A stretch of a value. */
export interface Hole {
  readonly offset: number;
  readonly size: number;
}

interface Part {
  readonly at: number;
  readonly bits: number;
}

/** Loads and stores that cover a value but for its holes. */
function parts(size: number, holes: readonly Hole[]): Part[] {
  const list: Part[] = [];
  for (let at = 0; at < size;) {
    const hole = holes.find(({ offset, size: length }) => at >= offset && at < offset + length);
    if (hole !== undefined) {
      at = hole.offset + hole.size;
      continue;
    }
    const end = Math.min(size, ...holes.filter(({ offset }) => offset > at).map(({ offset }) => offset));
    const width = [8, 4, 2, 1].find((w) => at % w === 0 && at + w <= end)!;
    list.push({ at, bits: 8 * width });
    at += width;
  }
  return list;
}
