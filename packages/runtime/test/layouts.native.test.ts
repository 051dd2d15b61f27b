import { existsSync, readFileSync } from 'node:fs';
import { type Btf, type BtfComposite, findTypes, parseBtf, resolveType, sizeOf } from '@polybpf/btf';
import { CONTEXT_STRUCTS, REGISTER_LAYOUTS } from '@polybpf/runtime';
import { expect, test } from 'vitest';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const isCi = !['', 'false', undefined].includes(process.env['CI']);
const title = 'context structs and registers lie as in the running kernel';

/** Offset and size of each member, those of anonymous structs and unions included. */
function members(btf: Btf, type: BtfComposite, base = 0): [string, number, number][] {
  return type.members.flatMap((member): [string, number, number][] => {
    const at = base + member.bitOffset / 8;
    const inner = resolveType(btf, member.type);
    if (member.name === '' && (inner.kind === 'STRUCT' || inner.kind === 'UNION')) {
      // A pointer in a union that makes it 64 bits wide (`__bpf_md_ptr`).
      return members(btf, inner, at);
    }
    return member.name === '' ? [] : [[member.name, at, sizeOf(btf, member.type)]];
  });
}

if (!existsSync(VMLINUX) && !isCi) test.skip(`${title} (skipped: no ${VMLINUX})`, () => undefined);
else {
  test(title, () => {
    const btf = parseBtf(readFileSync(VMLINUX));
    for (const { name, size, fields } of Object.values(CONTEXT_STRUCTS)) {
      const type = findTypes(btf, name, 'STRUCT')[0] as BtfComposite;
      const truth = new Map(members(btf, type).map(([member, offset, bytes]) => [member, [offset, bytes]]));
      expect([name, size]).toEqual([name, type.size]);
      for (const [field, place] of Object.entries(fields)) {
        expect([name, field, place.offset, place.size * place.count]).toEqual([
          name,
          field,
          ...(truth.get(field) ?? []),
        ]);
      }
    }
    if (process.arch !== 'x64') return;
    const { names, size } = REGISTER_LAYOUTS['x86_64']!;
    const regs = findTypes(btf, 'pt_regs', 'STRUCT')[0] as BtfComposite;
    const short: Readonly<Record<string, string>> = {
      orig_ax: 'orig_rax',
      ip: 'rip',
      flags: 'eflags',
      cs: 'cs',
      ss: 'ss',
    };
    const truth = members(btf, regs).filter(([, , bytes]) => bytes === 8).map(([member, offset]) => [short[member] ?? (member.length === 2 && !/\d/.test(member) ? `r${member}` : member), offset]); // prettier-ignore
    for (const [member, offset] of truth) {
      if (names.includes(member as string))
        expect([member, names.indexOf(member as string) * 8]).toEqual([member, offset]);
    }
    expect(size).toBe(regs.size);
  });
}
