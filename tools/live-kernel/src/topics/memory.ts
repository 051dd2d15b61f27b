/** Loads, stores, byte swaps, atomics. */
import { type Draft, hex, set, tag, type Topic } from '../draft.ts';

const MEM = Array.from({ length: 64 }, (_, i) => ((i * 37 + 129) & 255).toString(16).padStart(2, '0')).join('');
const SIZES = [['b', 8], ['h', 16], ['w', 32], ['dw', 64]] as const; // prettier-ignore

/** Bytes `from` to `from + width/8` of a hex string as a number in one order. */
function read(mem: string, from: number, width: number, order: 'little' | 'big'): bigint {
  const bytes = mem.match(/../g)!.slice(from, from + width / 8);
  if (order === 'little') bytes.reverse();
  return BigInt(`0x${bytes.join('')}`);
}

function loads(): Draft[] {
  const drafts: Draft[] = [];
  for (const [suffix, width] of SIZES) {
    for (const offset of [0, 1, 8, 17, 40, 56]) {
      const at = offset + width / 8 > 64 ? 64 - width / 8 : offset;
      drafts.push({
        id: `ldx${suffix}-at-${at}`,
        mem: MEM,
        asm: [`r0 = *(u${width} *)(r1 + ${at})`, 'exit'],
        spec: {
          source: 'rfc9669 5.1',
          expect: {
            little: { r0: hex(read(MEM, at, width, 'little')) },
            big: { r0: hex(read(MEM, at, width, 'big')) },
          },
        },
      });
      if (width === 64) continue;
      const signed = (order: 'little' | 'big'): string => hex(BigInt.asIntN(width, read(MEM, at, width, order)));
      drafts.push({
        id: `ldxs${suffix}-at-${at}`,
        mem: MEM,
        asm: [`r0 = *(s${width} *)(r1 + ${at})`, 'exit'],
        spec: { source: 'rfc9669 5.2', expect: { little: { r0: signed('little') }, big: { r0: signed('big') } } },
      });
    }
    drafts.push({
      id: `ldx${suffix}-into-base`,
      mem: '0102030405060708',
      flags: ['Aliased'],
      endian: 'little',
      asm: [`r1 = *(u${width} *)(r1 + 0)`, 'r0 = r1', 'exit'],
    });
    drafts.push({
      id: `stx${suffix}-whole-register`,
      mem: '00'.repeat(16),
      endian: 'little',
      asm: [set(2, 0x8899aabbccddeeffn), `*(u${width} *)(r1 + 4) = ${width === 64 ? 'r2' : 'w2'}`, 'r0 = 0', 'exit'],
    });
    for (const r of [0, 2, 3, 4, 5, 6, 7, 8, 9]) {
      drafts.push({
        id: `stx${suffix}-from-r${r}`,
        mem: '00'.repeat(16),
        endian: 'little',
        flags: ['Registers'],
        asm: [
          set(r, 0x8899aabbccddeef0n + BigInt(r)),
          `*(u${width} *)(r1 + 8) = ${width === 64 ? 'r' : 'w'}${r}`,
          'r0 = 0',
          'exit',
        ],
      });
    }
    drafts.push(...storesInBothOrders(suffix, width));
    for (const value of [0, 1, -1, 0x7fffffff, -0x80000000, 255, 256]) {
      drafts.push({
        id: `st${suffix}-${value < 0 ? `minus-${-value}` : value}`,
        mem: 'ee'.repeat(16),
        endian: 'little',
        flags: ['SignExtended'],
        asm: [`*(u${width} *)(r1 + 8) = ${value}`, 'r0 = 0', 'exit'],
      });
    }
  }
  return drafts;
}

/** The low `width` bits of a value as they lie in memory. */
function bytesOf(value: bigint, width: number, order: 'little' | 'big'): string {
  const text = BigInt.asUintN(width, value)
    .toString(16)
    .padStart(width / 4, '0');
  return order === 'big' ? text : text.match(/../g)!.reverse().join('');
}

/** What stores leave in memory, on machines of either order. */
function storesInBothOrders(suffix: string, width: number): Draft[] {
  const after = (value: bigint, order: 'little' | 'big'): { r0: string; mem: string } => {
    const bytes = bytesOf(value, width, order);
    return { r0: '0x0', mem: `${'ee'.repeat(3)}${bytes}${'ee'.repeat(13 - width / 8)}` };
  };
  const both = (value: bigint): Pick<Draft, 'mem' | 'spec'> => ({
    mem: 'ee'.repeat(16),
    spec: { source: 'rfc9669 5.1', expect: { little: after(value, 'little'), big: after(value, 'big') } },
  });
  const registers = [0, 2, 3, 4, 5, 6, 7, 8, 9].map((r): Draft => {
    const value = 0x8899aabbccddeef0n + BigInt(r);
    const place = `*(u${width} *)(r1 + 3)`;
    return {
      id: `stx${suffix}-orders-r${r}`,
      flags: ['Registers'],
      ...both(value),
      asm: [set(r, value), `${place} = ${width === 64 ? 'r' : 'w'}${r}`, 'r0 = 0', 'exit'],
    };
  });
  const immediates = [0, -1, 255, 256, 0x7fff, 0x8000, -0x8000, -0x8001, 0x12345678, -0x80000000].map((imm): Draft => ({
    id: `st${suffix}-orders-${imm < 0 ? `minus-${-imm}` : imm}`,
    flags: ['SignExtended'],
    ...both(BigInt(imm)),
    asm: [`*(u${width} *)(r1 + 3) = ${imm}`, 'r0 = 0', 'exit'],
  }));
  return [...registers, ...immediates];
}

/** Offsets at the limits of displacement fields, on the stack and in memory. */
function offsets(): Draft[] {
  const drafts: Draft[] = [];
  for (const [suffix, width] of SIZES) {
    const size = width / 8;
    for (const below of [size, 64, 120, 128, 129 + (size - 1), 136, 255 + size, 256, 264, 504, 512]) {
      const at = Math.ceil(below / size) * size;
      drafts.push({
        id: `stack-${suffix}-below-${at}`,
        flags: ['Displacement'],
        asm: [
          set(1, 0x1122334455667788n),
          `*(u${width} *)(r10 - ${at}) = ${width === 64 ? 'r1' : 'w1'}`,
          'r1 = 0',
          `r0 = *(u${width} *)(r10 - ${at})`,
          'exit',
        ],
      });
    }
    // The base is moved away, so that the displacement is large and the memory is not.
    for (const at of [
      127, 128, 255, 256, 4088, 4095, 4096, 8191, 16380, 32752, -1, -8, -255, -256, -257, -2048, -2049, -4096, -32768,
    ]) {
      const aligned = Math.floor(at / size) * size;
      if (aligned < -32768) continue;
      const access = `*(u${width} *)(r1 ${aligned < 0 ? '-' : '+'} ${Math.abs(aligned)})`;
      const name = aligned < 0 ? `minus-${-aligned}` : String(aligned);
      drafts.push({
        id: `displacement-${suffix}-${name}`,
        mem: '00'.repeat(16),
        flags: ['Displacement'],
        asm: [
          `r1 += ${-aligned}`,
          set(2, 0x1122334455667788n),
          `${access} = ${width === 64 ? 'r2' : 'w2'}`,
          `r0 = ${access}`,
          `${access} = 0`,
          'r3 = r1',
          `r3 += ${aligned}`,
          'r4 = *(u8 *)(r3 + 8)',
          'r0 += r4',
          'exit',
        ],
      });
    }
  }
  // Displacements that instructions which count in words do not have.
  for (const width of [16, 32, 64]) {
    for (const at of [
      1, 2, 3, 6, 2047, 2049, 2050, 4097, 4098, 8190, 8191, 32761, 32766, 32767, -1, -2, -2047, -2049, -4097, -8190,
      -32765, -32767,
    ]) {
      const place = `*(u${width} *)(r1 ${at < 0 ? '-' : '+'} ${Math.abs(at)})`;
      const value = width === 64 ? 'r2' : 'w2';
      drafts.push({
        id: `unaligned-${width}-${at < 0 ? `minus-${-at}` : at}`,
        mem: '00'.repeat(16),
        flags: ['Displacement'],
        asm: [`r1 += ${-at}`, set(2, 0x1122334455667788n), `${place} = ${value}`, `r0 = ${place}`, `${place} = 0`, 'exit'],
      }); // prettier-ignore
    }
  }
  // Load-linked and its like have other displacements than loads.
  for (const width of [32, 64]) {
    for (const at of [
      248, 252, 256, 264, 504, 512, 2040, 2044, 2048, 4088, 4092, 4096, 32760, 32764, -256, -260, -264, -512, -520,
      -2048, -2052, -2056, -4096, -4104, -32768,
    ]) {
      if (at % (width / 8) === 0) drafts.push(atomicsAt(width, at));
    }
  }
  const seen = new Set<string>();
  return drafts.filter(({ id }) => !seen.has(id) && seen.add(id));
}

/** Every atomic operation that ends in another loop, at one displacement. */
function atomicsAt(width: number, at: number): Draft {
  const place = `r1 ${at < 0 ? '-' : '+'} ${Math.abs(at)}`;
  const name = (register: number): string => `${width === 64 ? 'r' : 'w'}${register}`;
  const suffix = width === 64 ? '_64' : '32_32';
  return {
    id: `atomics-${width}-${at < 0 ? `minus-${-at}` : at}`,
    mem: '00'.repeat(16),
    flags: ['Displacement'],
    asm: [
      `r1 += ${-at}`,
      'r2 = 5',
      `lock *(u${width} *)(${place}) += ${name(2)}`,
      'r3 = 7',
      `${name(3)} = atomic_fetch_add((u${width} *)(${place}), ${name(3)})`,
      'r0 = 12',
      'r4 = 99',
      `${name(0)} = cmpxchg${suffix}(${place}, ${name(0)}, ${name(4)})`,
      'r5 = 1',
      `${name(5)} = xchg${suffix}(${place}, ${name(5)})`,
      'r0 *= 31',
      'r0 += r3',
      'r0 *= 31',
      'r0 += r5',
      `*(u${width} *)(${place}) = 0`,
      'exit',
    ],
  };
}

function swaps(): Draft[] {
  const drafts: Draft[] = [];
  const values = [0x0123456789abcdefn, 0xfedcba98fedc8000n, 0x80n, 0xffffffffffffff00n];
  const swap = (value: bigint, width: number): bigint => {
    let result = 0n;
    for (let i = 0; i < width; i += 8) result = (result << 8n) | ((value >> BigInt(i)) & 255n);
    return result;
  };
  for (const value of values) {
    for (const width of [16, 32, 64]) {
      const low = BigInt.asUintN(width, value);
      const swapped = hex(swap(value, width));
      const both = {
        le: { little: { r0: hex(low) }, big: { r0: swapped } },
        be: { little: { r0: swapped }, big: { r0: hex(low) } },
      };
      for (const op of ['le', 'be'] as const) {
        drafts.push({
          id: `${op}${width}-${tag(value)}`,
          asm: [set(0, value), `r0 = ${op}${width} r0`, 'exit'],
          spec: { source: 'rfc9669 4.2', expect: both[op] },
        });
      }
      drafts.push({
        id: `bswap${width}-${tag(value)}`,
        asm: [set(0, value), `r0 = bswap${width} r0`, 'exit'],
        spec: { source: 'rfc9669 4.2', expect: { r0: swapped } },
      });
    }
  }
  for (let r = 1; r <= 9; r++)
    drafts.push({
      id: `bswap-r${r}`,
      flags: ['Registers'],
      asm: [
        set(r, 0x0123456789abcdefn),
        `r${r} = bswap64 r${r}`,
        `r0 = r${r}`,
        `r${r} = bswap16 r${r}`,
        `r0 += r${r}`,
        `r${r} = bswap32 r${r}`,
        `r0 ^= r${r}`,
        'exit',
      ],
    });
  drafts.push({
    id: 'load-then-swap',
    mem: '0123456789abcdef',
    endian: 'little',
    asm: [
      'r2 = *(u16 *)(r1 + 0)',
      'r2 = be16 r2',
      'r3 = *(u32 *)(r1 + 2)',
      'r3 = be32 r3',
      'r4 = *(u64 *)(r1 + 0)',
      'r4 = be64 r4',
      'r0 = r2',
      'r0 *= 31',
      'r0 += r3',
      'r0 *= 31',
      'r0 += r4',
      'exit',
    ],
  });
  drafts.push({
    id: 'wide-load-then-narrow-swap',
    mem: '0123456789abcdef',
    endian: 'little',
    asm: [
      'r2 = *(u64 *)(r1 + 0)',
      'r2 = be16 r2',
      'r3 = *(u32 *)(r1 + 0)',
      'r3 = be16 r3',
      'r0 = r2',
      'r0 <<= 16',
      'r0 += r3',
      'exit',
    ],
  });
  return drafts;
}

function atomics(): Draft[] {
  const drafts: Draft[] = [];
  const initial: [bigint, bigint][] = [[5n, 3n], [0xffffffffffffffffn, 1n], [0x8000000080000000n, 0x8000000080000000n], [0x1234567890abcdefn, 0xdeadbeef0badf00dn]]; // prettier-ignore
  for (const width of [64, 32]) {
    const r = (n: number): string => `${width === 64 ? 'r' : 'w'}${n}`;
    const place = width === 64 ? `(u64 *)(r10 - 8)` : `(u32 *)(r10 - 8)`;
    const fetch = (name: string): string => `${r(2)} = atomic_fetch_${name}(${place}, ${r(2)})`;
    const plain = (op: string): string => `lock *${place} ${op} ${r(2)}`;
    const forms: [string, string][] = [
      ['add', plain('+=')], ['or', plain('|=')], ['and', plain('&=')], ['xor', plain('^=')],
      ['fetch-add', fetch('add')], ['fetch-or', fetch('or')], ['fetch-and', fetch('and')], ['fetch-xor', fetch('xor')],
      ['xchg', width === 64 ? 'r2 = xchg_64(r10 - 8, r2)' : 'w2 = xchg32_32(r10 - 8, w2)'],
    ]; // prettier-ignore
    for (const [name, line] of forms) {
      initial.forEach(([memory, operand], i) => {
        const init =
          width === 64
            ? [set(1, memory), '*(u64 *)(r10 - 8) = r1']
            : ['r1 = 0', '*(u64 *)(r10 - 8) = r1', set(1, memory), '*(u32 *)(r10 - 8) = w1'];
        const result = width === 64 ? 'r0 = *(u64 *)(r10 - 8)' : 'w0 = *(u32 *)(r10 - 8)';
        drafts.push({
          id: `${name}${width}-${i}`,
          asm: [...init, set(2, operand), line, result, 'r0 *= 31', 'r0 += r2', 'exit'],
          flags: width === 32 ? ['DirtyUpper'] : [],
        });
      });
    }
    const cmpxchg = width === 64 ? 'r0 = cmpxchg_64(r10 - 8, r0, r2)' : 'w0 = cmpxchg32_32(r10 - 8, w0, w2)';
    const store = width === 64 ? '*(u64 *)(r10 - 8) = r1' : '*(u32 *)(r10 - 8) = w1';
    const load = width === 64 ? 'r3 = *(u64 *)(r10 - 8)' : 'w3 = *(u32 *)(r10 - 8)';
    for (const [name, compare, memory] of [
      ['equal', 0x1122334455667788n, 0x1122334455667788n],
      ['differs', 0x1122334455667789n, 0x1122334455667788n],
      ['upper-differs', 0xffffffff55667788n, 0x1122334455667788n],
    ] as const) {
      // prettier-ignore
      drafts.push({ id: `cmpxchg${width}-${name}`, flags: ['DirtyUpper'], asm: [set(1, memory), store, set(0, compare), set(2, 0xaaaaaaaabbbbbbbbn), cmpxchg, load, 'r0 *= 31', 'r0 += r3', 'r0 += r2', 'exit'] });
      drafts.push({
        id: `cmpxchg${width}-${name}-new-is-r0`,
        flags: ['Aliased'],
        asm: [
          set(1, memory),
          store,
          set(0, compare),
          cmpxchg.replace(/[rw]2\)/, (m) => m.replace('2', '0')),
          load,
          'r0 *= 31',
          'r0 += r3',
          'exit',
        ],
      });
    }
    // Every register as operand; the others must survive.
    for (const n of [0, 1, 2, 3, 4, 5, 6, 9]) {
      const fold = [1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((k) => ['r0 *= 33', `r0 ^= r${k}`]);
      const initAll = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((k) => set(k, 0x0101010101010101n * BigInt(k + 3)));
      const init = [...initAll, '*(u64 *)(r10 - 8) = r7'];
      for (const name of ['add', 'or', 'and', 'xor']) {
        drafts.push(atomicInEqualWidth(`fetch-${name}`, width, n, `${r(n)} = atomic_fetch_${name}(${place}, ${r(n)})`));
        drafts.push({
          id: `fetch-${name}${width}-r${n}`,
          flags: ['Registers'],
          endian: width === 64 ? 'both' : 'little',
          asm: [
            ...init,
            `${r(n)} = atomic_fetch_${name}(${place}, ${r(n)})`,
            ...fold,
            'r1 = *(u64 *)(r10 - 8)',
            'r0 += r1',
            'exit',
          ],
        });
      }
      drafts.push(
        atomicInEqualWidth(
          'xchg',
          width,
          n,
          width === 64 ? `r${n} = xchg_64(r10 - 8, r${n})` : `w${n} = xchg32_32(r10 - 8, w${n})`,
        ),
        atomicInEqualWidth(
          'cmpxchg',
          width,
          n,
          width === 64 ? `r0 = cmpxchg_64(r10 - 8, r0, r${n})` : `w0 = cmpxchg32_32(r10 - 8, w0, w${n})`,
        ),
        ...(n === 9 ? [] : atomicBases(width, n)),
      );
      drafts.push({
        id: `xchg${width}-r${n}`,
        flags: ['Registers'],
        endian: width === 64 ? 'both' : 'little',
        asm: [
          ...init,
          width === 64 ? `r${n} = xchg_64(r10 - 8, r${n})` : `w${n} = xchg32_32(r10 - 8, w${n})`,
          ...fold,
          'r1 = *(u64 *)(r10 - 8)',
          'r0 += r1',
          'exit',
        ],
      });
    }
    drafts.push({
      id: `fetch-result-dead-${width}`,
      asm: ['r1 = 5', '*(u64 *)(r10 - 8) = r1', 'r2 = 3', fetch('add'), 'r2 = 0', 'r0 = *(u64 *)(r10 - 8)', 'exit'],
      endian: width === 64 ? 'both' : 'little',
    });
  }
  drafts.push(...atomicsAndUpperHalves());
  for (const width of [8, 16, 32, 64]) {
    const reg = width === 64 ? 'r' : 'w';
    drafts.push({
      id: `load-acquire-${width}`,
      mem: 'f1f2f3f4f5f6f7f8',
      endian: 'little',
      asm: [`${reg}0 = load_acquire((u${width} *)(r1 + 0))`, 'exit'],
    });
    drafts.push({
      id: `store-release-${width}`,
      mem: '00'.repeat(16),
      endian: 'little',
      asm: [set(2, 0x8899aabbccddeeffn), `store_release((u${width} *)(r1 + 8), ${reg}2)`, 'r0 = 0', 'exit'],
    });
  }
  return drafts;
}

const foldAll = [1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((k) => ['r0 *= 33', `r0 ^= r${k}`]);

/** Memory is written and read in the width of the operation, so that the result does not depend on byte order. */
function atomicInEqualWidth(name: string, width: number, n: number, line: string): Draft {
  const r = width === 64 ? 'r' : 'w';
  const registers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((k) => set(k, 0x8101010181010101n * BigInt(k + 3)));
  const init = `*(u${width} *)(r10 - 8) = ${r}7`;
  return {
    id: `${name}${width}-equal-width-r${n}`,
    flags: ['Registers', 'DirtyUpper'],
    asm: [...registers, init, line, ...foldAll, `${r}1 = *(u${width} *)(r10 - 8)`, 'r0 += r1', 'exit'],
  };
}

/** Every register as the base of an operation whose operand is r9; r0 too, which some CPUs need for themselves. */
function atomicBases(width: number, n: number): Draft[] {
  const r = width === 64 ? 'r' : 'w';
  const place = `(u${width} *)(r${n} + 8)`;
  const forms: [string, string][] = [
    ...['add', 'or', 'and', 'xor'].flatMap((op): [string, string][] => [
      [`fetch-${op}`, `${r}9 = atomic_fetch_${op}(${place}, ${r}9)`],
      [op, `lock *${place} ${{ add: '+=', or: '|=', and: '&=', xor: '^=' }[op]} ${r}9`],
    ]),
    ['xchg', width === 64 ? `r9 = xchg_64(r${n} + 8, r9)` : `w9 = xchg32_32(r${n} + 8, w9)`],
    ...(n === 0
      ? []
      : ([
          ['cmpxchg', width === 64 ? `r0 = cmpxchg_64(r${n} + 8, r0, r9)` : `w0 = cmpxchg32_32(r${n} + 8, w0, w9)`],
        ] as [string, string][])),
  ];
  return forms.map(([name, line]) => ({
    id: `${name}${width}-base-r${n}`,
    flags: ['Registers'],
    asm: [
      ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((k) => set(k, 0x8101010181010101n * BigInt(k + 3))),
      `*(u${width} *)(r10 - 16) = ${r}7`,
      `r${n} = r10`,
      `r${n} += -24`,
      line,
      `r${n} -= r10`,
      ...foldAll,
      `${r}1 = *(u${width} *)(r10 - 16)`,
      'r0 += r1',
      'exit',
    ],
  }));
}

/** What is computed right before, and which half of the result is read afterwards. */
function atomicsAndUpperHalves(): Draft[] {
  const memory = 0x8877665544332211n;
  const store = [set(1, memory), '*(u64 *)(r10 - 8) = r1'];
  const load = ['r1 = *(u64 *)(r10 - 8)', 'r0 *= 31', 'r0 += r1', 'exit'];
  const store32 = [set(1, memory), '*(u32 *)(r10 - 8) = w1'];
  const drafts: [string, string[]][] = [
    [
      'cmpxchg64-computed-r0',
      [...store, set(0, memory - 5n), set(2, 3n), 'r0 += 5', 'r0 = cmpxchg_64(r10 - 8, r0, r2)', ...load],
    ],
    [
      'cmpxchg64-then-zero-extend',
      [...store, 'w0 = 5', 'r2 = 1', 'r0 = cmpxchg_64(r10 - 8, r0, r2)', 'w0 = w0', ...load],
    ],
    [
      'cmpxchg32-equal-new-is-dead',
      [...store32, set(0, 0xdeadbeef44332211n), set(2, 3n), 'w0 = cmpxchg32_32(r10 - 8, w0, w2)', 'r2 = 0', 'exit'],
    ],
    [
      'cmpxchg32-differs-new-is-dead',
      [...store32, set(0, 0xdeadbeef44332210n), set(2, 3n), 'w0 = cmpxchg32_32(r10 - 8, w0, w2)', 'r2 = 0', 'exit'],
    ],
  ];
  for (const [name, call] of [
    ['fetch-add', 'atomic_fetch_add((u64 *)(r10 - 8), r2)'],
    ['fetch-or', 'atomic_fetch_or((u64 *)(r10 - 8), r2)'],
    ['xchg', 'xchg_64(r10 - 8, r2)'],
  ] as const) {
    drafts.push(
      [`${name}64-low-half-read`, [...store, 'r2 = 3', `r2 = ${call}`, 'w0 = w2', ...load]],
      [`${name}64-then-zero-extend`, [...store, 'w2 = 3', `r2 = ${call}`, 'w2 = w2', 'r0 = r2', ...load]],
      [`${name}64-computed-operand`, [...store, set(2, memory), 'r2 *= r2', `r2 = ${call}`, 'r0 = r2', ...load]],
    );
  }
  for (const width of [64, 32]) {
    // One access through r10 and every register in use: r0 is alive around it.
    const r = width === 64 ? 'r' : 'w';
    for (const op of ['add', 'or', 'and', 'xor']) {
      drafts.push([
        `fetch-${op}${width}-frame-keeps-r0`,
        [
          `*(u${width} *)(r10 - 8) = 0x1234567`,
          ...[0, 1, 2, 3, 4, 5, 6].map((k) => set(k, 0x8101010181010101n * BigInt(k + 3))),
          `${r}2 = atomic_fetch_${op}((u${width} *)(r10 - 8), ${r}2)`,
          ...[1, 2, 3, 4, 5, 6].flatMap((k) => ['r0 *= 33', `r0 ^= r${k}`]),
          'exit',
        ],
      ]);
    }
  }
  // Operand, old value and r0 with upper halves that are read before and so are really there.
  for (const [name, line] of [
    ['fetch-add', 'w2 = atomic_fetch_add((u32 *)(r10 - 8), w2)'],
    ['fetch-or', 'w2 = atomic_fetch_or((u32 *)(r10 - 8), w2)'],
    ['fetch-and', 'w2 = atomic_fetch_and((u32 *)(r10 - 8), w2)'],
    ['fetch-xor', 'w2 = atomic_fetch_xor((u32 *)(r10 - 8), w2)'],
    ['xchg', 'w2 = xchg32_32(r10 - 8, w2)'],
    ['cmpxchg', 'w0 = cmpxchg32_32(r10 - 8, w0, w2)'],
    ['cmpxchg-of-r0', 'w0 = cmpxchg32_32(r10 - 8, w0, w0)'],
    ['load-acquire', 'w2 = load_acquire((u32 *)(r10 - 8))'],
  ] as const) {
    for (const [kind, r0] of [
      ['equal', 0xdeadbeef44332211n],
      ['differs', 0xdeadbeef44332210n],
    ] as const) {
      if (kind === 'differs' && !name.startsWith('cmpxchg')) continue;
      for (const dead of [false, true]) {
        drafts.push([
          `${name}32-kept${name.startsWith('cmpxchg') ? `-${kind}` : ''}${dead ? '-operand-dead' : ''}`,
          [
            ...store32,
            set(0, r0),
            set(2, 0xcafebabe90abcdefn),
            'r3 = r0',
            'r3 ^= r2',
            line,
            ...(dead && name.startsWith('cmpxchg') ? ['r2 = 7'] : []),
            'r0 *= 31',
            'r0 += r2',
            'r0 *= 31',
            'r0 ^= r3',
            'w1 = *(u32 *)(r10 - 8)',
            'r0 *= 31',
            'r0 += r1',
            'exit',
          ],
        ]);
        if (!name.startsWith('cmpxchg')) break;
      }
    }
  }
  return drafts.map(([id, asm]) => ({ id, flags: ['DirtyUpper'], asm })); // prettier-ignore
}

const NOTES = {
  Aliased: 'an operand is also the result',
  Registers: 'every register takes part, so that clobbered ones show',
  SignExtended: 'the immediate is sign-extended to 64 bits before it is stored',
  Displacement: 'the offset is at the limit of a displacement field of some CPU',
  DirtyUpper: 'upper halves are dirty; 32-bit results are zero-extended',
};

function topic(file: string, name: string, spec: string, drafts: Draft[]): Topic {
  const flags = new Set(drafts.flatMap((draft) => draft.flags ?? []));
  const notes = Object.fromEntries(Object.entries(NOTES).filter(([flag]) => flags.has(flag)));
  return { file, topic: name, spec: [spec], notes, drafts };
}

/** All topics of memory. */
export const MEMORY_TOPICS: readonly Topic[] = [
  topic('memory', 'loads and stores of all widths', 'rfc9669 5.1', loads()),
  topic('memory-offset', 'offsets at the limits of displacement fields', 'rfc9669 5.1', offsets()),
  topic('byte-swap', 'byte order conversions', 'rfc9669 4.2', swaps()),
  topic('atomic', 'atomic operations, 32 and 64 bits; ordered loads and stores', 'rfc9669 5.3', atomics()),
];
