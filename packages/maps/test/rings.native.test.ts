/** Ring buffers, user ring buffers and perf events: what programs write and what a reader finds, byte for byte. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMap, createMapArena, type GuestMap, MAP_TYPE, toHex } from '@polybpf/maps';
import { type Insn, makeInsn } from '@polybpf/isa';
import { type LiveKernel, openLiveKernel, possibleCpus } from '@polybpf/kernel';
import { asm, FLAGS, HelperPrograms, OUT, RESULT, VALUE } from './helper-programs.native.ts';
import { Random } from './operations.native.ts';
import { closeRaw, createRawMap, mapMemory, openPerfBuffer, pinToCpu, RawMap, unpin } from './raw-bpf.native.ts';
import { CALLBACK_FUNCTION, loadTestBtf, MAIN_FUNCTION } from './test-btf.native.ts';
import { describeKernel, OPERATION_COUNT, OPERATION_SEED } from './with-kernel.native.ts';

const PAGE = 4096;
const SIZE = 8192;
const LENGTHS = [0, 1, 7, 8, 13, 100, 1000, 2500, 4080, 8176, 8184, 8185];
const OUTPUT_FLAGS = [0n, 0n, 1n, 2n, 3n, 4n, 1n << 40n];
/** Place of a second result. */
const SECOND = 48;

let kernel: LiveKernel;
let btfFd: number;

const roundUp8 = (n: number): number => (n + 7) & ~7;

/** `call helper` with the map in r1 and more arguments, and its result at `to`. */
function callWith(programs: HelperPrograms, args: readonly string[], helper: number, to = RESULT): Insn[] {
  return [...programs.mapInR1(), ...asm(...args, `call ${helper}`, `*(u64 *)(r6 + ${to}) = r0`)];
}

/** The reader's side of a ring of the kernel, as libbpf does it. */
class RingReader {
  readonly #consumer: DataView;
  readonly #producer: DataView;
  readonly data: Uint8Array;
  readonly #view: DataView;

  constructor(fd: number) {
    const consumer = mapMemory(fd, PAGE)!;
    const rest = mapMemory(fd, PAGE + 2 * SIZE, PAGE, false)!;
    this.#consumer = new DataView(consumer.buffer, 0, 8);
    this.#producer = new DataView(rest.buffer, 0, 8);
    this.data = rest.subarray(PAGE, PAGE + 2 * SIZE);
    this.#view = new DataView(this.data.buffer, this.data.byteOffset);
  }

  drain(limit: number): Uint8Array[] {
    const records: Uint8Array[] = [];
    let consumer = Number(this.#consumer.getBigUint64(0, true));
    const producer = Number(this.#producer.getBigUint64(0, true));
    while (consumer < producer && records.length < limit) {
      const at = consumer % SIZE;
      const header = this.#view.getUint32(at, true);
      if (header >= 0x80000000) break;
      const size = header & 0x3fffffff;
      if ((header & 0x40000000) === 0) records.push(this.data.slice(at + 8, at + 8 + size));
      consumer += roundUp8(size + 8);
    }
    this.#consumer.setBigUint64(0, BigInt(consumer), true);
    return records;
  }
}

interface Pair {
  readonly map: GuestMap;
  readonly fd: number;
  readonly programs: HelperPrograms;
  readonly view: (at: number) => bigint;
  readonly fill: (random: Random, length: number, flags: bigint) => Uint8Array;
  readonly arena: ReturnType<typeof createMapArena>;
}

function open(type: number): Pair {
  const def = { type, keySize: 0, valueSize: 0, maxEntries: SIZE };
  const arena = createMapArena();
  const map = createMap(def, { arena, endian: 'little' });
  const fd = createRawMap(def);
  const programs = new HelperPrograms(kernel, fd, 8);
  const io = new DataView(programs.io.buffer, programs.io.byteOffset);
  return {
    map,
    fd,
    programs,
    arena,
    view: (at) => io.getBigInt64(at, true),
    fill(random, length, flags) {
      const bytes = random.bytes(length);
      programs.io.set(bytes, VALUE);
      io.setBigUint64(FLAGS, flags, true);
      return bytes;
    },
  };
}

/** Copies the first 8 bytes of the value, if they fit, to the record in `register`. */
const mark = (register: string, length: number): Insn[] =>
  length < 8 ? [] : asm(`r1 = *(u64 *)(r6 + ${VALUE})`, `*(u64 *)(${register} + 0) = r1`);

function reserveOne(pair: Pair, random: Random, length: number, discard: boolean): [string, string] {
  const { programs, map, arena } = pair;
  const flags = random.pick(OUTPUT_FLAGS);
  const bytes = pair.fill(random, 8, flags);
  const program = (): Insn[] => {
    const use = [...mark('r7', length), ...asm('r1 = r7', `r2 = *(u64 *)(r6 + ${FLAGS})`, `call ${discard ? 133 : 132}`, 'r1 = 1', `*(u64 *)(r6 + ${RESULT}) = r1`)]; // prettier-ignore
    return [
      ...programs.mapInR1(),
      ...asm(`r2 = ${length}`, 'r3 = 0', 'call 131', 'r7 = r0', `if r0 == 0 goto +${use.length}`),
      ...use,
    ];
  };
  const theirs = programs.runCode(`reserve ${length} ${discard}`, program);
  const address = map.ring!.reserve(length);
  if (address !== 0n) {
    if (length >= 8) arena.view(address, length).set(bytes);
    if (discard) map.ring!.discard(address, flags);
    else map.ring!.submit(address, flags);
  }
  return [String(address !== 0n), String(theirs === 1n)];
}

/** Holds a record while a second one is written; the first goes last. */
function nested(pair: Pair, random: Random, first: number, second: number): [string, string] {
  const { programs, map, arena } = pair;
  const bytes = pair.fill(random, 8192, 0n);
  const program = (): Insn[] => {
    const use = [
      ...mark('r7', first),
      ...callWith(programs, [`r2 = r6`, `r2 += ${VALUE}`, `r3 = ${second}`, 'r4 = 0'], 130, SECOND),
      ...callWith(programs, ['r2 = 0'], 134, OUT),
      ...asm('r1 = r7', 'r2 = 0', 'call 133', 'r1 = 1', `*(u64 *)(r6 + ${RESULT}) = r1`),
    ];
    return [
      ...programs.mapInR1(),
      ...asm(`r2 = ${first}`, 'r3 = 0', 'call 131', 'r7 = r0', `if r0 == 0 goto +${use.length}`),
      ...use,
    ];
  };
  const theirs = programs.runCode(`nested ${first} ${second}`, program);
  const address = map.ring!.reserve(first);
  if (address === 0n) return ['none', theirs === 0n ? 'none' : 'some'];
  if (first >= 8) arena.view(address, first).set(bytes.subarray(0, 8));
  const result = map.ring!.output(bytes.subarray(0, second));
  const available = map.ring!.query(0);
  map.ring!.discard(address);
  return [`${result} ${available}`, theirs === 0n ? 'none' : `${pair.view(SECOND)} ${pair.view(OUT)}`];
}

function ringStep(pair: Pair, reader: RingReader, random: Random): [what: string, model: string, kernel: string] {
  const { programs, map } = pair;
  const length = random.pick(LENGTHS);
  switch (random.below(8)) {
    case 0:
    case 1: {
      const flags = random.pick(OUTPUT_FLAGS);
      const bytes = pair.fill(random, length, flags);
      const args = ['r2 = r6', `r2 += ${VALUE}`, `r3 = ${length}`, `r4 = *(u64 *)(r6 + ${FLAGS})`];
      const theirs = programs.runCode(`output ${length}`, () => callWith(programs, args, 130));
      return [`output ${length} ${flags}`, String(map.ring!.output(bytes, flags)), String(theirs)];
    }
    case 2:
      return [`submit ${length}`, ...reserveOne(pair, random, length, false)];
    case 3:
      return [`discard ${length}`, ...reserveOne(pair, random, length, true)];
    case 4: {
      const second = random.pick([0, 13, 1000]);
      return [`nested ${length} ${second}`, ...nested(pair, random, length, second)];
    }
    case 5: {
      const flags = BigInt(random.below(6));
      pair.fill(random, 0, flags);
      const theirs = programs.runCode('query', () => callWith(programs, [`r2 = *(u64 *)(r6 + ${FLAGS})`], 134));
      return [`query ${flags}`, String(map.ring!.query(flags)), String(theirs)];
    }
    default: {
      const limit = random.below(5);
      const show = (records: readonly Uint8Array[]): string => records.map(toHex).join(' ');
      return [`drain ${limit}`, show(map.ring!.drain(limit)), show(reader.drain(limit))];
    }
  }
}

/** The whole ring of the model as hex, from its snapshot. */
const ringBytes = (map: GuestMap): string => map.snapshot().state!['data'] as string;

describeKernel('rings against the live kernel', () => {
  beforeAll(() => {
    kernel = openLiveKernel();
    btfFd = loadTestBtf(kernel);
    pinToCpu(0);
  });
  afterAll(() => {
    unpin();
    kernel?.[Symbol.dispose]();
  });

  test('ring buffer: reserve, submit, discard, output, query, read', () => {
    const pair = open(MAP_TYPE.RINGBUF);
    const reader = new RingReader(pair.fd);
    const random = new Random(OPERATION_SEED);
    const history: string[] = [];
    for (let i = 0; i < OPERATION_COUNT; i++) {
      const [what, model, live] = ringStep(pair, reader, random);
      history.push(`${what} -> ${live.slice(0, 60)}`);
      if (model !== live)
        expect.fail(`operation ${i}\nmodel:  ${model}\nkernel: ${live}\n${history.slice(-12).join('\n')}`);
      if (i % 16 !== 0) continue;
      const [ours, theirs] = [ringBytes(pair.map), toHex(reader.data.subarray(0, SIZE))];
      if (ours === theirs) continue;
      const at = [...ours].findIndex((digit, k) => digit !== theirs[k]);
      expect.fail(
        `operation ${i}: byte ${at >> 1}: ${ours.slice(at, at + 32)} ${theirs.slice(at, at + 32)}\n${history.slice(-20).join('\n')}`,
      );
    }
    pair.programs.close();
    closeRaw(pair.fd);
  });

  test('user ring buffer: what a program is given', () => {
    const pair = open(MAP_TYPE.USER_RINGBUF);
    const { programs, map } = pair;
    const consumer = new DataView(mapMemory(pair.fd, PAGE, 0, false)!.buffer);
    const rest = mapMemory(pair.fd, PAGE + 2 * SIZE, PAGE)!;
    const producer = new DataView(rest.buffer, 0, 8);
    const random = new Random(OPERATION_SEED);
    const drain = (): Insn[] => {
      const main = [
        ...programs.mapInR1(),
        makeInsn(0x18, 2, 4, 0, 0),
        makeInsn(0, 0, 0, 0, 0),
        ...asm('r3 = 0', `r4 = *(u64 *)(r6 + ${FLAGS})`, 'call 209', `*(u64 *)(r6 + ${RESULT}) = r0`, 'r0 = 0', 'exit'),
      ];
      main[2] = makeInsn(0x18, 2, 4, 0, 2 + main.length - 4 - 1);
      // Reads the first 8 bytes of the record to the next note: bpf_dynptr_read(dst, len, src, offset, flags).
      const callback = [
        makeInsn(0x18, 6, 2, 0, programs.ioFd),
        makeInsn(0, 0, 0, 0, 0),
        ...asm(
          `r7 = *(u64 *)(r6 + ${SECOND})`,
          'if r7 > 1000 goto +12',
          'r8 = r7',
          'r8 *= 8',
          'r8 += r6',
          `r8 += ${OUT}`,
        ),
        ...asm(
          'r3 = r1',
          'r1 = r8',
          'r2 = 8',
          'r4 = 0',
          'r5 = 0',
          'call 201',
          'r7 += 1',
          `*(u64 *)(r6 + ${SECOND}) = r7`,
        ),
        ...asm('r0 = 0', 'if r7 != 3 goto +1', 'r0 = 1', 'exit'),
      ];
      return [...main, ...callback];
    };
    const words = new Uint32Array([0, MAIN_FUNCTION, 12, CALLBACK_FUNCTION]);
    const load = { btfFd, funcInfo: { recordSize: 8, bytes: new Uint8Array(words.buffer) } };
    const io = new DataView(programs.io.buffer, programs.io.byteOffset);
    for (let i = 0; i < OPERATION_COUNT; i++) {
      if (random.below(4) > 0) {
        const bytes = random.bytes(random.pick([8, 9, 100, 1000, 4000, 8184]));
        const discarded = random.below(5) === 0;
        const ours = discarded ? map.userRing!.produceDiscarded(bytes.length) : map.userRing!.produce(bytes);
        const [from, to] = [Number(consumer.getBigUint64(0, true)), Number(producer.getBigUint64(0, true))];
        const total = roundUp8(bytes.length + 8);
        const theirs = total > SIZE ? -7 : total > SIZE - (to - from) ? -28 : 0;
        expect(ours).toBe(theirs);
        if (theirs !== 0) continue;
        const at = PAGE + (to % SIZE);
        new DataView(rest.buffer).setUint32(at, (bytes.length | (discarded ? 0x40000000 : 0)) >>> 0, true);
        if (!discarded) rest.set(bytes, at + 8);
        producer.setBigUint64(0, BigInt(to + total), true);
        continue;
      }
      const flags = random.pick(OUTPUT_FLAGS);
      io.setBigUint64(FLAGS, flags, true);
      io.setBigUint64(SECOND, 0n, true);
      const theirs = programs.runCode('drain', drain, load);
      const notes = Array.from({ length: Number(io.getBigUint64(SECOND, true)) }, (_, k) => toHex(programs.io.slice(OUT + 8 * k, OUT + 8 * k + 8))); // prettier-ignore
      const ours: string[] = [];
      const result = map.userRing!.drain(({ data, address }) => {
        const same = pair.arena.view(address, data.length);
        if (same.at(-1) !== data.at(-1) || same[7] !== data[7]) expect(same).toEqual(data);
        return ours.push(toHex(data.subarray(0, 8))) === 3 ? 1 : 0;
      }, flags);
      expect(`${result} ${ours.join(' ')}`).toBe(`${theirs} ${notes.join(' ')}`);
    }
    programs.close();
    closeRaw(pair.fd);
  });

  test('perf events: errno values and sizes of records', () => {
    const def = { type: MAP_TYPE.PERF_EVENT_ARRAY, keySize: 4, valueSize: 4, maxEntries: possibleCpus() + 1 };
    const cpu = { current: 0 };
    const map = createMap(def, { arena: createMapArena(), endian: 'little', cpus: possibleCpus(), currentCpu: () => cpu.current }); // prettier-ignore
    const fd = createRawMap(def);
    const programs = new HelperPrograms(kernel, fd, 8);
    const io = new DataView(programs.io.buffer, programs.io.byteOffset);
    const output = (flags: bigint, bytes: Uint8Array): number => {
      programs.io.set(bytes, VALUE);
      io.setBigUint64(FLAGS, flags, true);
      const code = (): Insn[] => [
        ...asm('r7 = r1'),
        ...[makeInsn(0x18, 2, 1, 0, fd), makeInsn(0, 0, 0, 0, 0)],
        ...asm(
          'r1 = r7',
          `r3 = *(u64 *)(r6 + ${FLAGS})`,
          'r4 = r6',
          `r4 += ${VALUE}`,
          `r5 = ${bytes.length}`,
          'call 25',
        ),
        ...asm(`*(u64 *)(r6 + ${RESULT}) = r0`),
      ];
      return Number(programs.runCode(`perf ${bytes.length}`, code));
    };
    const random = new Random(OPERATION_SEED);
    const step = (flags: bigint): void => {
      const bytes = random.bytes(random.pick([1, 4, 5, 12, 100, 777]));
      expect(`${flags} ${map.events!.output(flags, bytes)}`).toBe(`${flags} ${output(flags, bytes)}`);
    };
    const flags = [0n, 1n, 2n, 3n, 0xffffffffn, 0xfffffffen];
    for (let i = 0; i < 50; i++) step(random.pick(flags));
    // Buffers of 2 pages: the data of perf_event_open begins after its first page.
    const buffer = openPerfBuffer(0, 2);
    const raw = new Uint8Array(4);
    new DataView(raw.buffer).setUint32(0, buffer.fd, true);
    const key = new Uint8Array(4);
    createRawUpdate(fd, key, raw);
    map.objects!.set(key, map.events!.buffer(0, 2 * PAGE));
    const positions = new DataView(buffer.memory.buffer, 1024, 16);
    const drain = (): string[] => {
      const [head, tail] = [Number(positions.getBigUint64(0, true)), Number(positions.getBigUint64(8, true))];
      const ring = (at: number): number => buffer.memory[PAGE + (at % (2 * PAGE))]!;
      const u16 = (at: number): number => ring(at) | (ring(at + 1) << 8);
      const list: string[] = [];
      for (let at = tail; at < head; at += u16(at + 6)) {
        // PERF_RECORD_SAMPLE; of records that are lost perf tells with a record of another type.
        if (u16(at) !== 9) continue;
        const size = u16(at + 8);
        list.push(`${size} ${toHex(Uint8Array.from({ length: size }, (_, k) => ring(at + 12 + k)))}`);
      }
      positions.setBigUint64(8, BigInt(head), true);
      return list;
    };
    for (let i = 0; i < Math.min(OPERATION_COUNT, 20000); i++) {
      step(random.pick(flags));
      if (random.below(60) !== 0) continue;
      const ours = map.events!.drain().map(({ data, paddedSize }) => `${paddedSize} ${toHex(data)}`);
      expect(ours).toEqual(drain().map((line, k) => line.slice(0, ours[k]?.length)));
    }
    programs.close();
    closeRaw(fd);
    closeRaw(buffer.fd);
  });

  test('stack ids are the hash of the frames', () => {
    const def = { type: MAP_TYPE.STACK_TRACE, keySize: 4, valueSize: 8 * 40, maxEntries: 1024 };
    const fd = createRawMap(def);
    const raw = new RawMap(fd, 4, def.valueSize);
    const programs = new HelperPrograms(kernel, fd, 8);
    const io = new DataView(programs.io.buffer, programs.io.byteOffset);
    for (const flags of [0n, 1n, 2n, 3n, 200n, 1n << 9n, 1n << 11n, 1n << 40n]) {
      const insns = [
        ...[makeInsn(0x18, 6, 2, 0, programs.ioFd), makeInsn(0, 0, 0, 0, 0)],
        ...[makeInsn(0x18, 2, 1, 0, fd), makeInsn(0, 0, 0, 0, 0)],
        ...asm(`r3 = *(u64 *)(r6 + ${FLAGS})`, 'call 27', `*(u64 *)(r6 + ${RESULT}) = r0`, 'r0 = 0', 'exit'),
      ];
      const outcome = kernel.load(insns, { type: 'raw_tracepoint' });
      if (!outcome.accepted) throw new Error(outcome.message);
      io.setBigUint64(FLAGS, flags, true);
      kernel.testRun(outcome.fd);
      const id = Number(io.getBigInt64(RESULT, true));
      const map = createMap(def, { arena: createMapArena(), endian: 'little' });
      if (id < 0) {
        expect(`${flags} ${map.stacks!.store([1n, 2n, 3n, 4n], flags)}`).toBe(`${flags} ${id}`);
        continue;
      }
      const key = new Uint8Array(Uint32Array.of(id).buffer);
      const value = raw.lookup(key, 0n) as Uint8Array;
      const frames = [...new BigUint64Array(value.slice().buffer)].filter((frame) => frame !== 0n);
      expect(frames.length).toBeGreaterThan(0);
      expect(map.stacks!.store(frames, 0)).toBe(id);
      expect(map.user.lookup(key)).toEqual(value);
    }
    programs.close();
    closeRaw(fd);
  });
});

function createRawUpdate(fd: number, key: Uint8Array, value: Uint8Array): void {
  expect(new RawMap(fd, 4, 4).update(key, value, 0n)).toBe(0);
}
