import { makeProgram, type MapDef, type Program } from '@polybpf/isa';
import { expect, it } from 'vitest';
import { describeEachMachine } from './each-machine.ts';

/** The program with ld_imm64 insns that refer to maps by index, as the loader makes them. */
function withMaps(program: Program, maps: readonly MapDef[]): Program {
  return { ...program, maps };
}

const DATA: MapDef = { name: '.data', kind: 'data', type: 2, keySize: 4, valueSize: 16, maxEntries: 1, flags: 0 };
const HASH: MapDef = { name: 'table', kind: 'map', type: 1, keySize: 4, valueSize: 8, maxEntries: 16, flags: 0 };

describeEachMachine('maps', (fixture) => {
  const counter = (map: MapDef): Program =>
    withMaps(
      fixture.program(`.map "${map.name}" type=array kind=data key=4 value=16 entries=1
        r1 = map_value ${map.name}[8] ll
        r0 = *(u64 *)(r1 + 0)
        r0 += 1
        *(u64 *)(r1 + 0) = r0
        exit`),
      [map],
    );

  it('global data has its initial contents, keeps what programs write, and can be reset', () => {
    const initial = new Uint8Array(16);
    new DataView(initial.buffer).setBigUint64(8, 41n, fixture.target.endian === 'little');
    const map = { ...DATA, initial };
    const prepared = fixture.machine.prepare([counter(map), counter({ ...map })]);
    const [one, two] = prepared.programs;
    expect(one!.run().r0).toBe(42n);
    expect(two!.run().r0).toBe(43n);
    expect(prepared.maps).toHaveLength(1);
    expect(fixture.machine.memory.read(prepared.maps[0]!.valuesAddress! + 8n, 8)).toBe(43n);
    prepared.resetData();
    expect(one!.run({ repeat: 10 }).r0).toBe(51n);
    prepared.dispose();
  });

  it('global data is reached at odd offsets', () => {
    const map: MapDef = { ...DATA, initial: Uint8Array.from({ length: 16 }, (_, i) => i + 100) };
    const text = `.map ".data" type=array kind=data key=4 value=16 entries=1
      r1 = map_value .data[3] ll
      r0 = *(u8 *)(r1 + 0)
      r1 = map_value .data[13] ll
      r2 = *(u8 *)(r1 + 1)
      r0 += r2
      exit`;
    expect(fixture.machine.prepare(withMaps(fixture.program(text), [map])).run().r0).toBe(103n + 114n);
  });

  it('programs that are prepared apart do not share', () => {
    const [one, two] = [counter(DATA), counter(DATA)].map((program) => fixture.machine.prepare(program));
    expect([one!.run().r0, one!.run().r0, two!.run().r0]).toEqual([1n, 2n, 1n]);
  });

  it('addresses in global data point to maps, data and functions', () => {
    const symbols = [
      { offset: 0, size: 8, kind: 'map', symbol: 'table', map: 1, addend: 0 },
      { offset: 8, size: 8, kind: 'subprogram', symbol: 'callee', addend: 0 },
      { offset: 16, size: 8, kind: 'data', symbol: 'x', map: 0, addend: 24 },
      { offset: 24, size: 4, kind: 'extern', symbol: 'known', addend: 2 },
    ] as const;
    const data: MapDef = { ...DATA, valueSize: 32, initialSymbols: symbols };
    const program = withMaps(
      fixture.program(`.map "table" type=hash key=4 value=8 entries=16
        .map ".data" type=array kind=data key=4 value=32 entries=1
        r6 = map_value .data[0] ll
        r1 = *(u64 *)(r6 + 16)
        r7 = *(u32 *)(r1 + 0)
        r2 = *(u64 *)(r6 + 8)
        callx r2
        r0 += r7
        r1 = *(u64 *)(r6 + 0)
        r2 = map table ll
        if r1 == r2 goto same
        r0 = -1
        same:
        exit
        .function callee
        r0 = 1000
        exit`),
      [],
    );
    // The text declares the table first.
    const ordered: Program = { ...program, maps: [HASH, data] };
    const swapped = {
      ...data,
      initialSymbols: symbols.map((symbol) => ('map' in symbol ? { ...symbol, map: 1 - symbol.map } : symbol)),
    };
    const prepared = fixture.machine.prepare(
      { ...ordered, maps: [HASH, swapped] },
      { symbols: (name) => (name === 'known' ? 5n : undefined) },
    );
    expect(prepared.run().r0).toBe(1007n);
  });

  it('are known to helpers by handle', () => {
    const program = withMaps(
      fixture.program(`.map "table" type=hash key=4 value=8 entries=16
        *(u32 *)(r10 - 4) = 7
        r2 = r10
        r2 += -4
        r1 = map table ll
        call 1
        if r0 == 0 goto none
        r1 = *(u64 *)(r0 + 0)
        r1 += 1
        *(u64 *)(r0 + 0) = r1
        r0 = r1
        none:
        exit`),
      [HASH],
    );
    const values = new Map([[7n, fixture.machine.allocate(8)]]);
    const prepared = fixture.machine.prepare(program, {
      maps: () => ({ object: values }),
      helpers: [
        {
          id: 1,
          call: ({ arg, memory, mapAt }) => {
            const map = mapAt(arg(1))!;
            expect(map.def).toBe(HASH);
            return (map.object as typeof values).get(memory.read(arg(2), 4)) ?? 0n;
          },
        },
      ],
    });
    expect(prepared.run({ repeat: 5 }).r0).toBe(5n);
    values.clear();
    expect(prepared.run().r0).toBe(0n);
  });

  it('tail calls go to the program that the array names, 33 of them at most, in each repetition', () => {
    const array: MapDef = {
      name: 'jumps',
      kind: 'map',
      type: 3,
      keySize: 4,
      valueSize: 4,
      maxEntries: 4,
      flags: 0,
      initialSymbols: [{ offset: 2, size: 4, kind: 'program', symbol: 'again', addend: 0 }],
    };
    const text = `.map "jumps" type=prog_array key=4 value=4 entries=4
      r6 = r1
      r7 = *(u32 *)(r6 + 0)
      r7 += 1
      *(u32 *)(r6 + 0) = r7
      r2 = map jumps ll
      r3 = INDEX
      call 12
      r0 = r7
      exit`;
    const again = withMaps(fixture.program(text.replace('INDEX', '2'), 'again'), [array]);
    const empty = withMaps(fixture.program(text.replace('INDEX', '1'), 'empty'), [array]);
    const outside = withMaps(fixture.program(text.replace('INDEX', '100'), 'outside'), [array]);
    const { programs } = fixture.machine.prepare([again, empty, outside]);
    const count = (i: number, repeat: number): number => {
      const { r0, mem } = programs[i]!.run({ mem: new Uint8Array(4), repeat });
      expect(new DataView(mem.buffer).getUint32(0, fixture.target.endian === 'little')).toBe(Number(r0));
      return Number(r0);
    };
    expect(count(0, 1)).toBe(34);
    expect(count(0, 3)).toBe(34 * 3);
    expect(count(1, 1)).toBe(1);
    expect(count(2, 1)).toBe(1);
    const leaf = fixture.machine.prepare(fixture.program('r0 = 77\nexit', 'leaf'));
    const given = fixture.machine.prepare(empty, {
      tailCalls: (map, index) => (map.def.name === 'jumps' && index === 1 ? leaf : undefined),
    });
    expect(given.run({ mem: new Uint8Array(4) }).r0).toBe(77n);
  });

  it('an extern without address is E_JIT_LINK, a weak one is 0', () => {
    const text = '.extern limit\nr0 = limit ll\nexit';
    const program = fixture.program(text);
    expect(() => fixture.machine.prepare(program)).toThrow(expect.objectContaining({ code: 'E_JIT_LINK' }));
    expect(fixture.machine.prepare(program, { symbols: () => 124n }).run().r0).toBe(124n);
    expect(fixture.machine.prepare(fixture.program(text.replace('.extern', '.weak'))).run().r0).toBe(0n);
  });

  it('a program without instructions is refused', () => {
    expect(() => fixture.machine.prepare(makeProgram([], { endian: fixture.target.endian }))).toThrow(
      expect.objectContaining({ name: 'BpfError' }),
    );
  });
});
