/** Local calls and helper calls: frames, saved registers, depth. */
import { type Draft, hex, set, type Topic } from '../draft.ts';

function calls(): Draft[] {
  const own = (name: string, asm: string[], extra: Partial<Draft> = {}): Draft => ({ id: name, asm, ...extra });
  const save = [6, 7, 8, 9].map((r) => `r${r} = ${r * 11}`);
  const fold = ['r0 *= 31', 'r0 += r6', 'r0 *= 31', 'r0 += r7', 'r0 *= 31', 'r0 += r8', 'r0 *= 31', 'r0 += r9'];
  const chain = (depth: number): string[] => {
    const lines = ['r1 = 1', 'call f1', 'exit'];
    for (let i = 1; i < depth; i++) {
      const next = i + 1 < depth ? [`r1 += ${i}`, `call f${i + 1}`] : ['r0 = r1'];
      lines.push(`f${i}:`, `*(u64 *)(r10 - 8) = r1`, ...next, 'r2 = *(u64 *)(r10 - 8)', 'r0 *= 3', 'r0 += r2', 'exit');
    }
    return lines;
  };
  const chainResult = (depth: number): bigint => {
    let argument = 1n;
    const saved: bigint[] = [];
    for (let i = 1n; i < depth; i++) {
      saved.push(argument);
      if (i + 1n < depth) argument += i;
    }
    return saved.reduceRight((result, slot) => result * 3n + slot, argument);
  };
  return [
    own('callee-saved-preserved', [
      ...save,
      'r1 = 5',
      'call f',
      ...fold,
      'exit',
      'f:',
      'r6 = 1',
      'r7 = 2',
      'r8 = 3',
      'r9 = 4',
      'r0 = r1',
      'r0 += r9',
      'exit',
    ]),
    own(
      'frames-are-apart',
      [
        'r1 = 77',
        '*(u64 *)(r10 - 8) = r1',
        'call f',
        'r1 = *(u64 *)(r10 - 8)',
        'r0 += r1',
        'exit',
        'f:',
        'r1 = 1000',
        '*(u64 *)(r10 - 8) = r1',
        'r0 = *(u64 *)(r10 - 8)',
        'exit',
      ],
      { flags: ['Frames'] },
    ),
    own(
      'nested-frames-same-slot',
      [
        'r1 = 1',
        '*(u64 *)(r10 - 8) = r1',
        'call f',
        'r1 = *(u64 *)(r10 - 8)',
        'r0 += r1',
        'exit',
        'f:',
        'r1 = 20',
        '*(u64 *)(r10 - 8) = r1',
        'call g',
        'r1 = *(u64 *)(r10 - 8)',
        'r0 += r1',
        'exit',
        'g:',
        'r1 = 300',
        '*(u64 *)(r10 - 8) = r1',
        'r0 = *(u64 *)(r10 - 8)',
        'exit',
      ],
      { flags: ['Frames'] },
    ),
    own(
      'pointer-to-callers-frame',
      [
        'r1 = 5',
        '*(u64 *)(r10 - 16) = r1',
        'r1 = r10',
        'r1 += -16',
        'call f',
        'r1 = *(u64 *)(r10 - 16)',
        'r0 += r1',
        'exit',
        'f:',
        'r2 = *(u64 *)(r1 + 0)',
        'r2 += 90',
        '*(u64 *)(r1 + 0) = r2',
        'r0 = 1000',
        'exit',
      ],
      { flags: ['Frames'] },
    ),
    own('five-arguments', [
      'r1 = 1',
      'r2 = 20',
      'r3 = 300',
      'r4 = 4000',
      'r5 = 50000',
      'call f',
      'exit',
      'f:',
      'r0 = r1',
      'r0 += r2',
      'r0 += r3',
      'r0 += r4',
      'r0 += r5',
      'exit',
    ]),
    own('two-calls-one-function', [
      'r1 = 3',
      'call f',
      'r6 = r0',
      'r1 = 5',
      'call f',
      'r0 += r6',
      'exit',
      'f:',
      'r0 = r1',
      'r0 *= r1',
      'exit',
    ]),
    own('result-feeds-argument', [
      'r1 = 2',
      'call f',
      'r1 = r0',
      'call f',
      'r1 = r0',
      'call f',
      'exit',
      'f:',
      'r0 = r1',
      'r0 *= r0',
      'r0 += 1',
      'exit',
    ]),
    own('call-in-loop', [
      'r6 = 0',
      'r7 = 0',
      'r1 = r6',
      'call f',
      'r7 += r0',
      'r6 += 1',
      'if r6 < 10 goto -5',
      'r0 = r7',
      'exit',
      'f:',
      'r0 = r1',
      'r0 *= 7',
      'exit',
    ]),
    ...[2, 3, 7].map((depth) => own(`depth-${depth}`, chain(depth), { flags: ['Frames'] })),
    // The wrapper that asks the kernel takes one frame, so it cannot be asked about eight.
    own('depth-8', chain(8), {
      flags: ['Frames', 'WrapperRefused'],
      spec: { source: 'rfc9669 4.3.2; Linux: 8 frames', expect: { r0: hex(chainResult(8)) } },
    }),
    own('exit-in-the-middle', ['r0 = 1', 'if r0 == 1 goto +1', 'exit', 'r0 = 42', 'exit']),
    own('dirty-argument-halves', [set(1, 0xdeadbeefcafebaben), 'call f', 'exit', 'f:', 'w0 = w1', 'r0 += r1', 'exit']),
    own('frame-of-512', [
      'r1 = 1',
      '*(u64 *)(r10 - 512) = r1',
      'r1 = 2',
      '*(u64 *)(r10 - 8) = r1',
      'r0 = *(u64 *)(r10 - 512)',
      'r1 = *(u64 *)(r10 - 8)',
      'r0 <<= 4',
      'r0 += r1',
      'exit',
    ]),
    ...frames(),
    ...helperCalls(),
  ];
}

const DIRTY = [0xfedcba9876543210n, 0x80000000ffffffffn, 0x0123456789abcdefn, -2n];
const setSaved = DIRTY.map((value, i) => set(6 + i, value));
const foldSaved = [6, 7, 8, 9].flatMap((r) => ['r0 *= 31', `r0 += r${r}`]);

/** What must survive a call, and what a frame must hold. */
function frames(): Draft[] {
  const clobberAll = [6, 7, 8, 9].map((r) => `r${r} = -1`);
  const loopBack = ['r1 += 1', '*(u64 *)(r10 - 8) = r1', 'r1 = *(u64 *)(r10 - 8)', 'if r1 < 5 goto -4'];
  return [
    { id: 'callee-saved-whole', asm: [...setSaved, 'call f', ...foldSaved, 'exit', 'f:', ...clobberAll, 'r0 = r9', 'exit'] },
    {
      id: 'callee-saved-through-two',
      asm: [
        ...setSaved, 'call f', ...foldSaved, 'exit',
        'f:', 'r6 = 11', 'r7 = 12', 'call g', 'r0 += r6', 'r0 += r7', 'exit',
        'g:', ...clobberAll, 'r0 = r8', 'exit',
      ],
    },
    {
      id: 'callee-saves-only-r9',
      asm: [...setSaved, 'call f', ...foldSaved, 'exit', 'f:', 'r9 = 5', 'call g', 'r0 += r9', 'exit', 'g:', 'r0 = 1', 'exit'],
    },
    {
      id: 'five-arguments-whole',
      asm: [
        ...[1, 2, 3, 4, 5].map((r) => set(r, 0x1111111111111111n * BigInt(r + 3))), 'call f', 'exit',
        'f:', 'r0 = 0', ...[1, 2, 3, 4, 5].flatMap((r) => ['r0 *= 33', `r0 ^= r${r}`]), 'exit',
      ],
    },
    {
      id: 'computed-arguments-whole',
      asm: [
        ...[1, 2, 3, 4, 5].flatMap((r) => [set(r, 0x1111111111111111n * BigInt(r + 3)), `r${r} *= r${r}`]), 'call f', 'exit',
        'f:', 'r0 = 0', ...[1, 2, 3, 4, 5].flatMap((r) => [`r${r} >>= 32`, 'r0 *= 33', `r0 ^= r${r}`]), 'exit',
      ],
    },
    ...argumentsAround(),
    {
      id: 'fetch-of-only-access',
      flags: ['Frames'],
      asm: [
        set(1, DIRTY[0]!), 'call f', 'r2 = 255', 'r2 = atomic_fetch_or((u64 *)(r10 - 8), r2)', 'r2 &= 0', 'r0 += r2', 'exit',
        'f:', 'r0 = r1', 'exit',
      ],
    },
    { id: 'computed-result-whole', asm: ['call f', 'r0 >>= 32', 'exit', 'f:', set(0, DIRTY[0]!), 'r0 *= r0', 'exit'] },
    { id: 'loop-to-first-insn', flags: ['Frames'], asm: [...loopBack, 'call f', 'exit', 'f:', 'r0 = r1', 'exit'] },
    {
      id: 'loop-to-first-insn-of-callee',
      flags: ['Frames'],
      asm: ['r1 = 1', 'r6 = 3', 'call f', 'r0 += r6', 'exit', 'f:', ...loopBack, 'r6 = 9', 'call g', 'r0 += r6', 'exit', 'g:', 'r0 = r1', 'exit'],
    },
    {
      id: 'two-exits-with-frame',
      flags: ['Frames'],
      asm: [
        ...setSaved, 'r1 = 1', 'call f', 'r6 += r0', 'r1 = 2', 'call f', ...foldSaved, 'exit',
        'f:', 'r6 = r1', '*(u64 *)(r10 - 80) = r6', 'call g', 'if r6 == 1 goto +3', 'r0 = *(u64 *)(r10 - 80)', 'r0 += 100', 'exit', 'r0 += r6', 'exit',
        'g:', 'r0 = 1000', 'exit',
      ],
    },
    // Linux gives all frames of a chain 512 bytes together.
    ...[[8, 8], [120, 120], [240, 240], [256, 8], [400, 8]].map(([depth, calleeDepth]): Draft => ({
      id: `frame-of-${depth}-with-call`,
      flags: ['Frames'],
      asm: [
        ...setSaved, set(1, DIRTY[0]!), `*(u64 *)(r10 - ${depth}) = r1`, 'r1 = 5', '*(u64 *)(r10 - 8) = r1', 'call f',
        `r1 = *(u64 *)(r10 - ${depth})`, 'r0 += r1', 'r1 = *(u64 *)(r10 - 8)', 'r0 += r1', ...foldSaved, 'exit',
        'f:', ...clobberAll, `*(u64 *)(r10 - ${calleeDepth}) = r6`, `r0 = *(u64 *)(r10 - ${calleeDepth})`, 'exit',
      ],
    })),
    ...[8, 120, 240, 256, 400].map((depth): Draft => ({
      id: `leaf-frame-of-${depth}`,
      flags: ['Frames'],
      asm: [
        ...setSaved, 'r1 = 77', 'call f', ...foldSaved, 'exit',
        'f:', 'r6 = r1', `*(u64 *)(r10 - ${depth}) = r6`, 'r6 += 1', `r0 = *(u64 *)(r10 - ${depth})`, 'r0 += r6', 'exit',
      ],
    })),
    {
      id: 'nine-frames',
      flags: ['Frames', 'LinuxRefuses'],
      asm: [...[1, 2, 3, 4, 5, 6, 7, 8].flatMap((n) => [...(n === 1 ? [] : [`f${n - 1}:`]), `call f${n}`, 'exit']), 'f8:', 'r0 = 7', 'exit'],
      spec: { source: 'Linux: 8 frames', expect: { error: 'E_RUN_CALL_DEPTH' } },
    },
    {
      id: 'frame-that-has-returned',
      flags: ['Frames', 'LinuxRefuses'],
      asm: ['call f', 'r0 = *(u64 *)(r0 - 8)', 'exit', 'f:', '*(u64 *)(r10 - 8) = 1', 'r0 = r10', 'exit'],
      spec: { source: 'a frame ends with its function', expect: { error: 'E_RUN_MEMORY' } },
    },
  ]; // prettier-ignore
}

/** Operations for which some CPU needs fixed registers, while all arguments of a call are there already. */
function argumentsAround(): Draft[] {
  const operations: [string, (d: number, s: number) => string][] = [
    ['lsh64', (d, s) => `r${d} <<= r${s}`], ['rsh32', (d, s) => `w${d} >>= w${s}`], ['arsh64', (d, s) => `r${d} s>>= r${s}`],
    ['div64', (d, s) => `r${d} /= r${s}`], ['mod32', (d, s) => `w${d} %= w${s}`], ['smod64', (d, s) => `r${d} s%= r${s}`],
    ['div64-constant', (d) => `r${d} /= 7`], ['sdiv32-constant', (d) => `w${d} s/= 16`],
    ['fetch-or32', (_, s) => `w${s} = atomic_fetch_or((u32 *)(r10 - 8), w${s})`],
    ['cmpxchg32', (_, s) => `w0 = cmpxchg32_32(r10 - 8, w0, w${s})`],
  ]; // prettier-ignore
  return operations.map(([name, line]): Draft => ({
    id: `${name}-between-arguments`,
    flags: ['Registers'],
    asm: [
      'r6 = 0',
      ...[1, 2, 3, 4, 5].flatMap((d) => [1, 2, 3, 4, 5].flatMap((s) => [
        ...[1, 2, 3, 4, 5].map((r) => set(r, 0x8111111111111113n * BigInt(r))), 'r0 = 5',
        '*(u64 *)(r10 - 8) = 0', '*(u32 *)(r10 - 8) = w1', line(d, s), 'r6 += r0', 'call f', 'r6 *= 31', 'r6 += r0',
      ])),
      'r0 = r6', 'exit',
      'f:', 'r0 = r1', ...[2, 3, 4, 5].flatMap((r) => ['r0 *= 33', `r0 ^= r${r}`]), 'exit',
    ],
  })); // prettier-ignore
}

/**
 * Helper 5 is called for what must survive it; its result, which differs between Linux (the time) and the public suite
 * (its argument, and the end of the program when that is 0), is not looked at.
 */
function helperCalls(): Draft[] {
  const call = ['r1 = 7', 'call 5'];
  const loadBack = (at: readonly number[]): string[] =>
    at.flatMap((k) => [`r1 = *(u64 *)(r10 - ${k})`, 'r0 *= 31', 'r0 += r1']);
  const store = (at: readonly number[]): string[] =>
    at.flatMap((k) => [set(1, 0x0101010101010101n * BigInt(k)), `*(u64 *)(r10 - ${k}) = r1`]);
  return [
    { id: 'helper-keeps-registers', asm: [...setSaved, ...call, 'r0 = 0', ...foldSaved, 'exit'] },
    { id: 'helper-keeps-registers-of-callee', asm: [...setSaved, 'call f', ...foldSaved, 'exit', 'f:', 'r6 = 3', 'r9 = 4', ...call, 'r0 = r6', 'r0 += r9', 'exit'] },
    { id: 'helper-keeps-stack', asm: [...store([8, 64, 512]), ...call, 'r0 = 0', ...loadBack([8, 64, 512]), 'exit'] },
    { id: 'helper-keeps-deeper-stack', asm: [...store([64]), ...call, ...store([8]), 'r0 = 0', ...loadBack([64, 8]), 'exit'] },
    {
      id: 'helper-keeps-buffer-behind-pointer',
      asm: [
        'r6 = r10', 'r6 += -64', ...[0, 8, 56].flatMap((at) => [set(1, 0x0303030303030303n + BigInt(at)), `*(u64 *)(r6 + ${at}) = r1`]), ...call,
        'r0 = 0', ...[0, 8, 56].flatMap((at) => [`r1 = *(u64 *)(r6 + ${at})`, 'r0 *= 31', 'r0 += r1']), 'r6 = 0', 'exit',
      ],
    },
    ...[232, 240, 248, 256, 264, 480, 488, 496, 504].map((depth): Draft => ({
      id: `frame-of-${depth}-with-helper`,
      flags: ['Frames'],
      asm: [...store([8, depth]), ...call, 'r0 = 0', ...loadBack([8, depth]), 'exit'],
    })),
    { id: 'frame-of-512-with-helper', flags: ['Frames'], asm: [...setSaved, ...store([8, 512]), ...call, 'r0 = 0', ...loadBack([8, 512]), ...foldSaved, 'exit'] },
    {
      id: 'frame-of-512-with-helper-in-callee',
      flags: ['Frames'],
      asm: [...setSaved, 'r1 = 5', 'call f', ...foldSaved, 'exit', 'f:', 'r6 = r1', 'r7 = 8', ...store([8, 400]), ...call, 'r0 = r6', 'r0 += r7', ...loadBack([8, 400]), 'exit'],
    },
    {
      id: 'helper-keeps-every-slot',
      asm: [...store([64, 56, 48, 40, 32, 24, 16]), ...call, ...store([8]), 'r0 = 0', ...loadBack([64, 56, 48, 40, 32, 24, 16, 8]), 'exit'],
    },
    {
      id: 'callee-keeps-every-slot',
      flags: ['Frames'],
      asm: [
        ...store([64, 56, 48, 40, 32, 24, 16]), 'call f', ...store([8]), ...loadBack([64, 56, 48, 40, 32, 24, 16, 8]), 'exit',
        'f:', 'r1 = -1', ...[64, 56, 48, 40, 32, 24, 16, 8].map((k) => `*(u64 *)(r10 - ${k}) = r1`), 'r0 = *(u64 *)(r10 - 8)', 'exit',
      ],
    },
    {
      id: 'helper-keeps-every-slot-behind-pointer',
      asm: [
        'r6 = r10', 'r6 += -64', ...[0, 8, 16, 24, 32, 40, 48, 56].flatMap((at) => [set(1, 0x0303030303030303n + BigInt(at)), `*(u64 *)(r6 + ${at}) = r1`]), ...call,
        'r0 = 0', ...[0, 8, 16, 24, 32, 40, 48, 56].flatMap((at) => [`r1 = *(u64 *)(r6 + ${at})`, 'r0 *= 31', 'r0 += r1']), 'r6 = 0', 'exit',
      ],
    },
    {
      id: 'helper-in-loop',
      asm: ['r6 = 0', 'r7 = 0', '*(u64 *)(r10 - 8) = r7', ...call, 'r1 = *(u64 *)(r10 - 8)', 'r1 += r6', '*(u64 *)(r10 - 8) = r1', 'r6 += 1', 'if r6 < 6 goto -7', 'r0 = *(u64 *)(r10 - 8)', 'exit'],
    },
    {
      id: 'helper-result-is-argument',
      flags: ['SuiteHelper'],
      asm: [set(1, 0xfedcba9876543210n), 'call 5', 'r0 += 1', 'exit'],
      endian: 'both',
      unasked: true,
      spec: { source: 'bpf_conformance: helper 5 returns its argument', expect: { r0: '0xfedcba9876543211' } },
    },
    {
      id: 'helper-ends-program',
      flags: ['SuiteHelper'],
      asm: ['r6 = 3', 'call f', 'r0 = 9', 'exit', 'f:', 'r1 = 0', 'call 5', 'r0 = 8', 'exit'],
      unasked: true,
      spec: { source: 'bpf_conformance: helper 5 ends the program when its argument is 0', expect: { r0: '0x0' } },
    },
  ]; // prettier-ignore
}

const NOTES = {
  Registers: 'every argument register takes part, so that clobbered ones show',
  WrapperRefused: 'refused for the frame of the program that asks the kernel, not for itself',
  LinuxRefuses: 'the Linux verifier does not load it',
  SuiteHelper: 'helper 5 is that of the public suite; under Linux it is another one',
  Frames: 'every function has 512 bytes of stack of its own',
};

/** The topic of calls. */
export const CALL_TOPICS: readonly Topic[] = [
  {
    file: 'call-local',
    topic: 'local and helper calls: frames, saved registers, depth',
    spec: ['rfc9669 4.3.2', 'rfc9669 4.3.1'],
    notes: NOTES,
    drafts: calls(),
  },
];
