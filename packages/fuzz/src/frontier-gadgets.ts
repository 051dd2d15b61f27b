/**
 * Pieces of programs near the border of what a verifier takes. Each is right as it stands; a slip makes it a little
 * wrong in one way: a bound off by one, a check left out, a pointer used after it died. What a slip does to the verdict
 * depends on what stands around it, and some slips are harmless: the verifier decides.
 *
 * Between pieces only r6 (the context) and r9 (an unknown number) are known. r0 to r5, r7, r8 and the stack are free.
 */

/** Program types that pieces are written for, as the kernel calls them. */
export type FrontierType = 'xdp' | 'sched_cls' | 'socket_filter' | 'kprobe';

/** What a piece is made with. */
export interface GadgetContext {
  readonly type: FrontierType;
  /** One of the values, by the next pick of the shape. */
  readonly one: <T>(...values: readonly T[]) => T;
  /** Whether the slip with this number, from 1, is made. */
  readonly slip: (number: number) => boolean;
  /** A label for this piece only. */
  readonly label: (name: string) => string;
}

/** One piece. */
export interface Gadget {
  readonly name: string;
  /** Program types that can have it; absent: all. */
  readonly types?: readonly FrontierType[];
  readonly lines: (g: GadgetContext) => string[];
}

/** Maps that every program has. */
export const FRONTIER_MAPS: readonly string[] = [
  '.map values type=array key=4 value=24 entries=4',
  '.map table type=hash key=8 value=16 entries=8',
  '.map ring type=ringbuf key=0 value=0 entries=4096',
  '.map jumps type=prog_array key=4 value=4 entries=2',
];

const VALUE_BYTES = 24;

const WIDTHS: readonly [string, number][] = [
  ['u8', 1],
  ['u16', 2],
  ['u32', 4],
  ['u64', 8],
];

function lookup(g: GadgetContext): string[] {
  return [
    g.slip(1) ? 'r2 = r10' : '*(u32 *)(r10 - 4) = 1',
    'r2 = r10',
    g.slip(2) ? 'r2 += -3' : 'r2 += -4',
    'r1 = map values ll',
    'call 1',
  ];
}

/** Start and end of the packet in r7 and r8. */
function packetBounds({ type }: GadgetContext): string[] {
  const [data, end] = type === 'xdp' ? [0, 4] : [76, 80];
  return [`r7 = *(u32 *)(r6 + ${data})`, `r8 = *(u32 *)(r6 + ${end})`];
}

const PACKET: readonly FrontierType[] = ['xdp', 'sched_cls'];
const SOCKETS: readonly FrontierType[] = ['xdp', 'sched_cls'];

/** Every piece. */
export const GADGETS: readonly Gadget[] = [
  {
    name: 'map value',
    lines(g) {
      const [unit, width] = g.one(...WIDTHS);
      const room = VALUE_BYTES - width;
      const offset = g.slip(3) ? room + 1 : g.slip(4) ? -1 : g.one(0, room, room >> 1);
      const check = g.slip(5)
        ? []
        : g.slip(6)
          ? [`if r0 != 0 goto ${g.label('out')}`]
          : [`if r0 == 0 goto ${g.label('out')}`];
      const access = g.one(
        `r1 = *(${unit} *)(r0 + ${offset})`,
        `*(${unit} *)(r0 + ${offset}) = r9`,
        `*(${unit} *)(r0 + ${offset}) = 7`,
        width >= 4 ? `lock *(${unit} *)(r0 + ${offset - (offset % width)}) += r9` : `r1 = *(${unit} *)(r0 + ${offset})`,
      );
      return [...lookup(g), ...check, access, `${g.label('out')}:`];
    },
  },
  {
    name: 'bounded index',
    lines(g) {
      const [unit, width] = g.one(...WIDTHS);
      const room = VALUE_BYTES - width;
      const limit = g.slip(3) ? room + 1 : room;
      const out = g.label('out');
      const bound = g.slip(4)
        ? [`if r1 s> ${limit} goto ${out}`]
        : g.slip(5)
          ? [`if r1 < ${limit} goto ${out}`]
          : g.one(
              [`if r1 > ${limit} goto ${out}`],
              ['r1 &= 15'],
              ['r1 &= 0xffff', `r1 %= ${room + 1}`],
              [`if w1 > ${limit} goto ${out}`, 'w1 = w1'],
              [`if r1 s> ${limit} goto ${out}`, `if r1 s< 0 goto ${out}`],
              ['r1 >>= 60'],
              [`r2 = ${limit}`, `if r1 > r2 goto ${out}`],
            );
      // A copy learns what is compared, but not what is computed.
      const link = bound[0]!.startsWith('if r1') ? g.one<string[]>([], ['r7 = r1'], ['*(u64 *)(r10 - 16) = r1']) : [];
      const use = link.length === 0 || g.slip(6) ? 'r1' : link[0] === 'r7 = r1' ? 'r7' : 'r1';
      const refill = use === 'r1' && link[0]?.startsWith('*') === true ? ['r1 = *(u64 *)(r10 - 16)'] : [];
      return [
        ...lookup(g),
        `if r0 == 0 goto ${out}`,
        'r1 = r9',
        ...(g.slip(7) ? bound : [...link, ...bound]),
        ...refill,
        `r0 ${g.slip(8) ? '-' : '+'}= ${use}`,
        `r2 = *(${unit} *)(r0 + 0)`,
        `${out}:`,
      ];
    },
  },
  {
    name: 'packet',
    types: PACKET,
    lines(g) {
      const out = g.label('out');
      const bytes = g.one(1, 8, 14, 34, 64);
      const [unit, width] = g.one(...WIDTHS.filter(([, size]) => size <= bytes));
      const offset = g.slip(1) ? bytes - width + 1 : g.one(0, bytes - width);
      const check = g.slip(2)
        ? [`if r1 >= r7 goto ${out}`]
        : g.one([`if r1 > r8 goto ${out}`], [`if r8 < r1 goto ${out}`], [`if r1 <= r8 goto +1`, `goto ${out}`]);
      return [
        ...packetBounds(g),
        'r1 = r7',
        `r1 += ${bytes}`,
        ...(g.slip(3) ? [] : check),
        g.slip(4) ? `*(${unit} *)(r8 + 0) = 0` : `r2 = *(${unit} *)(r7 + ${offset})`,
        g.one(`*(${unit} *)(r7 + ${offset}) = r2`, 'r3 = r2', `r2 = *(${unit} *)(r7 + ${offset})`),
        `${out}:`,
      ].map((line) => (g.slip(4) ? line.replace('= r2', '= 1') : line));
    },
  },
  {
    name: 'variable header',
    types: PACKET,
    lines(g) {
      const out = g.label('out');
      const mask = g.slip(1) ? 0xffff : g.one(15, 31, 60, 0xff);
      return [
        ...packetBounds(g),
        'r1 = r7',
        'r1 += 20',
        `if r1 > r8 goto ${out}`,
        'r2 = *(u8 *)(r7 + 0)',
        ...(g.slip(2) ? ['r2 = r9'] : [`r2 &= ${mask}`]),
        g.one('r2 <<= 2', 'r2 += 4', 'r2 *= 4', 'w2 <<= 2'),
        'r7 += r2',
        'r1 = r7',
        'r1 += 8',
        ...(g.slip(3) ? [] : [`if r1 > r8 goto ${out}`]),
        `r3 = *(u64 *)(r7 + ${g.slip(4) ? 4 : 0})`,
        ...(g.slip(5) ? ['r7 *= 2'] : []),
        `${out}:`,
      ];
    },
  },
  {
    name: 'changed packet',
    types: PACKET,
    lines(g) {
      const out = g.label('out');
      const change =
        g.type === 'xdp' ? ['r1 = r6', 'r2 = 0', 'call 44'] : ['r1 = r6', `r2 = ${g.one(0, 40, 64)}`, 'call 39'];
      const check = ['r1 = r7', 'r1 += 14', `if r1 > r8 goto ${out}`];
      const again = g.slip(1) ? [] : [...packetBounds(g), ...(g.slip(2) ? [] : check)];
      return [
        ...packetBounds(g),
        ...check,
        'r2 = *(u16 *)(r7 + 12)',
        ...change,
        ...again,
        'r2 = *(u16 *)(r7 + 12)',
        `${out}:`,
      ];
    },
  },
  {
    name: 'spill',
    lines(g) {
      const out = g.label('out');
      const slot = g.one(-8, -16, -64, -512);
      const damage = g.slip(3)
        ? [`*(u8 *)(r10 + ${slot}) = 0`]
        : g.slip(4)
          ? [`*(u32 *)(r10 + ${slot + 4}) = r9`]
          : g.one<string[]>([], [`*(u32 *)(r10 + ${slot === -8 ? -12 : -4}) = 0`]);
      const fill = g.slip(5) ? `r1 = *(u32 *)(r10 + ${slot})` : `r1 = *(u64 *)(r10 + ${slot})`;
      return [
        ...lookup(g),
        `if r0 == 0 goto ${out}`,
        `*(u64 *)(r10 + ${slot}) = r0`,
        ...damage,
        ...(g.slip(6) ? [`r1 = *(u64 *)(r10 + ${slot + 8})`] : [fill]),
        'r2 = *(u8 *)(r1 + 3)',
        `${out}:`,
      ];
    },
  },
  {
    name: 'spilled number',
    lines(g) {
      const out = g.label('out');
      const [unit] = g.one(...WIDTHS.slice(2));
      return [
        ...lookup(g),
        `if r0 == 0 goto ${out}`,
        'r1 = r9',
        `*(${unit} *)(r10 - 24) = r1`,
        g.slip(3) ? `if r1 s> 16 goto ${out}` : `if r1 > 16 goto ${out}`,
        `r2 = *(${g.slip(4) ? 'u16' : unit} *)(r10 - 24)`,
        ...(g.slip(5) ? [] : [`if r2 > 16 goto ${out}`]),
        'r0 += r2',
        `r3 = *(u64 *)(r0 + ${g.slip(6) ? 1 : 0})`,
        `${out}:`,
      ];
    },
  },
  {
    name: 'stack',
    lines(g) {
      const [unit, width] = g.one(...WIDTHS);
      const offset = g.slip(1) ? 0 : g.slip(2) ? -512 - width : g.one(-512, -width, -256);
      const read = g.one(-512, -8, -40);
      return [
        `*(${unit} *)(r10 + ${offset}) = ${g.one('r9', '5')}`,
        `r1 = *(${g.one('u8', 'u64')} *)(r10 - ${-read})`,
        ...(g.slip(3) ? ['r2 = r10', 'r2 -= 8', '*(u64 *)(r2 + 0) = 1'] : []),
        ...(g.slip(4) ? ['r1 = *(u64 *)(r10 - 12)'] : []),
      ];
    },
  },
  {
    name: 'variable stack',
    lines(g) {
      return [
        '*(u64 *)(r10 - 16) = 0',
        '*(u64 *)(r10 - 8) = 0',
        'r1 = r9',
        g.slip(1) ? 'r1 &= 16' : 'r1 &= 8',
        'r2 = r10',
        `r2 += ${g.slip(2) ? -8 : -16}`,
        'r2 += r1',
        g.one('r3 = *(u64 *)(r2 + 0)', '*(u64 *)(r2 + 0) = r9', '*(u8 *)(r2 + 0) = 1'),
      ];
    },
  },
  {
    name: 'update',
    lines(g) {
      return [
        '*(u64 *)(r10 - 8) = 3',
        ...(g.slip(1) ? [] : ['*(u64 *)(r10 - 24) = r9', '*(u64 *)(r10 - 16) = r9']),
        'r1 = map table ll',
        'r2 = r10',
        'r2 += -8',
        'r3 = r10',
        `r3 += ${g.slip(2) ? -8 : -24}`,
        `r4 = ${g.slip(3) ? 'r10' : '0'}`,
        g.slip(4) ? 'call 3' : 'call 2',
        ...(g.slip(5) ? ['r0 = r1'] : []),
      ];
    },
  },
  {
    name: 'sized memory',
    types: ['sched_cls', 'socket_filter'],
    lines(g) {
      const out = g.label('out');
      const size = g.one(1, 8, 16, 32);
      const length = g.slip(1)
        ? [`r4 = ${size + 1}`]
        : g.slip(2)
          ? ['r4 = r9']
          : g.one(
              [`r4 = ${size}`],
              ['r4 = r9', `if r4 > ${size} goto ${out}`, `if r4 == 0 goto ${out}`],
              ['r4 = r9', `r4 &= ${size - 1}`, 'r4 += 1'],
            );
      return [
        'r1 = r6',
        `r2 = ${g.one('0', 'r9')}`,
        'r3 = r10',
        `r3 += ${-size}`,
        ...(g.slip(3) ? ['r4 = 0'] : length),
        'call 26',
        `${out}:`,
      ];
    },
  },
  {
    name: 'probe read',
    types: ['kprobe'],
    lines(g) {
      const size = g.one(1, 8, 16);
      return [
        'r1 = r10',
        `r1 += ${-size}`,
        g.slip(1) ? `r2 = ${size + 1}` : g.slip(2) ? 'r2 = r9' : `r2 = ${size}`,
        'r3 = r9',
        `call ${g.slip(3) ? 26 : 113}`,
        g.one(`r1 = *(u8 *)(r10 - ${size})`, 'r1 = r0'),
      ];
    },
  },
  {
    name: 'ring buffer',
    types: ['xdp', 'sched_cls', 'kprobe'],
    lines(g) {
      const out = g.label('out');
      const release = g.one('call 132', 'call 133');
      return [
        'r1 = map ring ll',
        g.slip(1) ? 'r2 = r9' : 'r2 = 16',
        'r3 = 0',
        'call 131',
        ...(g.slip(2) ? [] : [`if r0 == 0 goto ${out}`]),
        'r7 = r0',
        `*(u64 *)(r7 + ${g.slip(3) ? 9 : 8}) = 1`,
        ...(g.slip(4) ? ['if r9 == 3 goto ' + out] : []),
        'r1 = r7',
        'r2 = 0',
        ...(g.slip(5) ? [] : [release]),
        ...(g.slip(6) ? ['r2 = *(u64 *)(r7 + 0)'] : []),
        ...(g.slip(7) ? ['r1 = r7', 'r2 = 0', release] : []),
        `${out}:`,
      ];
    },
  },
  {
    name: 'socket',
    types: SOCKETS,
    lines(g) {
      const out = g.label('out');
      return [
        '*(u64 *)(r10 - 16) = 0',
        '*(u64 *)(r10 - 8) = 0',
        'r1 = r6',
        'r2 = r10',
        'r2 += -16',
        `r3 = ${g.slip(1) ? 20 : 12}`,
        'r4 = -1',
        'r5 = 0',
        `call ${g.one(84, 85)}`,
        'r7 = r0',
        ...(g.slip(2) ? [] : [`if r7 == 0 goto ${out}`]),
        `r2 = *(u32 *)(r7 + ${g.slip(3) ? 5 : g.one(0, 4, 8)})`,
        ...(g.slip(4) ? [`if r2 == 2 goto ${out}`] : []),
        'r1 = r7',
        ...(g.slip(5) ? [] : ['call 86']),
        ...(g.slip(6) ? ['r2 = *(u32 *)(r7 + 4)'] : []),
        `${out}:`,
      ];
    },
  },
  {
    name: 'loop',
    lines(g) {
      const head = g.label('head');
      const out = g.label('out');
      const count = g.one(3, 17, 100);
      const limit = g.slip(1)
        ? [`if r1 == r9 goto ${out}`]
        : g.one([`if r1 >= ${count} goto ${out}`], [`if r1 s> ${count} goto ${out}`], ['may_goto +' + 2]);
      if (limit[0]!.startsWith('may_goto')) return ['r1 = 0', `${head}:`, ...limit, 'r1 += 1', `goto ${head}`];
      return [
        'r1 = 0',
        `${head}:`,
        ...limit,
        ...(g.slip(2) ? [] : ['r1 += 1']),
        g.one('r2 = r9', 'r2 = r1', 'r2 *= 3').replace('r2 *= 3', 'r2 = 3'),
        `goto ${head}`,
        `${out}:`,
      ];
    },
  },
  {
    name: 'unknown count',
    lines(g) {
      const head = g.label('head');
      const out = g.label('out');
      return [
        'r1 = r9',
        ...(g.slip(1) ? [] : ['r1 &= 7']),
        'r2 = 0',
        `${head}:`,
        `if r2 ${g.slip(2) ? '!=' : '>='} r1 goto ${out}`,
        'r2 += 1',
        `goto ${head}`,
        `${out}:`,
      ];
    },
  },
  {
    name: 'tail call',
    lines(g) {
      return [
        g.slip(1) ? 'r1 = r9' : 'r1 = r6',
        g.slip(2) ? 'r2 = map values ll' : 'r2 = map jumps ll',
        g.one('r3 = 0', 'r3 = r9', 'r3 = 77'),
        'call 12',
        ...(g.slip(3) ? ['r1 = r3'] : []),
      ];
    },
  },
  {
    name: 'context',
    lines(g) {
      const reads: Record<FrontierType, readonly string[]> = {
        xdp: ['r1 = *(u32 *)(r6 + 12)', 'r1 = *(u32 *)(r6 + 16)', 'r1 = *(u32 *)(r6 + 0)'],
        sched_cls: [
          'r1 = *(u32 *)(r6 + 0)',
          'r1 = *(u16 *)(r6 + 16)',
          '*(u32 *)(r6 + 8) = r9',
          '*(u32 *)(r6 + 48) = 1',
        ],
        socket_filter: ['r1 = *(u32 *)(r6 + 0)', 'r1 = *(u8 *)(r6 + 4)', '*(u32 *)(r6 + 48) = r9'],
        kprobe: ['r1 = *(u64 *)(r6 + 0)', 'r1 = *(u64 *)(r6 + 112)', 'r1 = *(u64 *)(r6 + 8)'],
      };
      if (g.slip(1)) return ['r1 = *(u64 *)(r6 + 4)'];
      if (g.slip(2)) return ['*(u32 *)(r6 + 0) = 1'];
      if (g.slip(3)) return ['r1 = *(u32 *)(r6 + 200)'];
      if (g.slip(4)) return ['r1 = r6', 'r2 = r9', 'r2 &= 4', 'r1 += r2', 'r1 = *(u32 *)(r1 + 0)'];
      if (g.slip(5)) return ['r1 = r6', 'r1 += 8', 'r1 = *(u32 *)(r1 - 8)'];
      return [g.one(...reads[g.type])];
    },
  },
  {
    name: 'legacy packet access',
    types: ['sched_cls', 'socket_filter'],
    lines(g) {
      return [
        ...(g.slip(1) ? ['r6 = 0'] : []),
        g.one('r0 = *(u16 *)skb[12]', 'r0 = *(u8 *)skb[0]', 'r1 = r9', 'r0 = *(u32 *)skb[14]').replace('r1 = r9', 'r0 = *(u8 *)skb[r9 + 2]'), // prettier-ignore
        ...(g.slip(2) ? ['r0 = r2'] : []),
        'r7 = r0',
      ];
    },
  },
  {
    name: 'pointer arithmetic',
    lines(g) {
      const out = g.label('out');
      const wrong = [1, 2, 3, 4, 5, 6, 7, 8].find((number) => g.slip(number));
      const step = [
        g.one('r0 += 8', 'r1 = r0', 'r1 = 8'),
        'r0 *= 2',
        'w0 += 4',
        'r0 ^= r9',
        'r0 += r10',
        'r0 -= r10',
        'r0 = -r0',
        'r0 -= r9',
        'r0 += -32',
      ][wrong ?? 0]!;
      return [
        '*(u32 *)(r10 - 4) = 0',
        'r2 = r10',
        'r2 += -4',
        'r1 = map values ll',
        'call 1',
        `if r0 == 0 goto ${out}`,
        step,
        'r3 = *(u8 *)(r0 + 0)',
        `${out}:`,
      ];
    },
  },
  {
    name: 'call',
    lines(g) {
      return [
        g.slip(1) ? 'r1 = r6' : 'r1 = r10',
        ...(g.slip(1) ? [] : ['r1 += -16']),
        ...(g.slip(2) ? [] : ['*(u64 *)(r10 - 16) = r9', '*(u64 *)(r10 - 8) = 0']),
        'r2 = r9',
        `call ${g.one('sum', 'fill')}`,
        ...(g.slip(3) ? ['r3 = r2'] : []),
        ...(g.slip(4) ? ['r3 = *(u8 *)(r0 + 0)'] : []),
      ];
    },
  },
];

/** Functions that pieces call, by name. */
export const FRONTIER_FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
  sum: ['r0 = *(u64 *)(r1 + 0)', 'r0 += r2', 'exit'],
  fill: ['*(u64 *)(r1 + 8) = r2', 'r0 = 0', 'exit'],
};
