import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Btf, BtfComposite, BtfMember, BtfType } from '../src/btf-type.ts';
import { parseBtf } from '../src/parse-btf.ts';
import { printC } from '../src/print-c.ts';
import { resolveType, sizeOf, typeById } from '../src/resolve.ts';
import { describeWithTools, inTemporaryFolder, run } from './system-tools.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';

describeWithTools(['clang-19', 'gcc', 'llvm-objcopy-19'], 'printC through clang', () => {
  test.skipIf(!existsSync(VMLINUX))('the kernel: every struct, union, enumeration and member where it was', () => {
    const btf = parseBtf(new Uint8Array(readFileSync(VMLINUX)));
    // Sizes and offsets by the compiler's own word; bit fields, which have no offset in C, by the BTF that it writes.
    const asserts = assertions(btf);
    expect(asserts.length).toBeGreaterThan(50_000);
    const header = printC(btf);
    const withBitfields = (type: BtfComposite): boolean => hasBitfields(btf, type);
    const compared = expectSameLayout(btf, compile(`${header}\n${asserts.join('\n')}`, holders(btf, withBitfields)), withBitfields); // prettier-ignore
    expect(compared.composites).toBeGreaterThan(300);
    expect(compared.bitfields).toBeGreaterThan(1500);
  });

  const isX86 = process.arch === 'x64' && existsSync(VMLINUX);
  test.skipIf(!isX86)(`gcc on x86-64 puts all of it there too${isX86 ? '' : ' (needs such a kernel)'}`, () => {
    const btf = parseBtf(new Uint8Array(readFileSync(VMLINUX)));
    inTemporaryFolder((folder) => {
      const file = join(folder, 'a.c');
      writeFileSync(file, `${printC(btf)}\n${assertions(btf).join('\n')}`);
      run('gcc', '-fsyntax-only', '-w', file);
    });
  });

  test.each(['little', 'big'] as const)('awkward layouts, %s-endian', (endian) => {
    const flags = ['-target', endian === 'big' ? 'bpfeb' : 'bpfel'];
    const btf = compileSource(AWKWARD, flags);
    expect(btf.endian).toBe(endian);
    const compared = expectSameLayout(btf, compile(printC(btf), holders(btf), flags));
    expect(compared.composites).toBeGreaterThan(18);
  });
});

/** Names of all complete structs and unions; of several with one name the first, which printC gives the plain name. */
function holders(btf: Btf, isWanted: (type: BtfComposite) => boolean = () => true): string {
  const seen = new Set<string>();
  const lines = btf.types.flatMap((type, k) => {
    if (!isNewTag(type, seen)) return [];
    return !isNamedComposite(type) || type.size === 0 || !isWanted(type)
      ? []
      : [`${type.kind.toLowerCase()} ${type.name} m${k};`];
  });
  return `struct polybpf_all {\n${lines.join('\n')}\n};\nstruct polybpf_all *polybpf_all;\n`;
}

/** Of a struct itself, or of an anonymous one inside of it. */
function hasBitfields(btf: Btf, type: BtfComposite): boolean {
  return type.members.some((member) => {
    if (member.bitfieldSize > 0) return true;
    const inner = resolveType(btf, member.type);
    return (inner.kind === 'STRUCT' || inner.kind === 'UNION') && inner.name === '' && hasBitfields(btf, inner);
  });
}

/** What C can say about sizes and places: one line for each struct, union and member. */
function assertions(btf: Btf): string[] {
  const seen = new Set<string>();
  return btf.types.flatMap((type) => {
    if (!isNewTag(type, seen) || !isNamedComposite(type) || !/^\w+$/.test(type.name)) return [];
    const name = `${type.kind.toLowerCase()} ${type.name}`;
    const plain = type.members.filter((member) => member.name !== '' && member.bitfieldSize === 0);
    return [
      `_Static_assert(sizeof(${name}) == ${type.size}, "${name}");`,
      ...plain.map((member) => `_Static_assert(__builtin_offsetof(${name}, ${member.name}) == ${member.bitOffset / 8}, "${name}.${member.name}");`), // prettier-ignore
    ];
  });
}

/** The first of its name; structs, unions and enumerations share their names. */
function isNewTag(type: BtfType, seen: Set<string>): boolean {
  const isTag = isNamedComposite(type) || ((type.kind === 'ENUM' || type.kind === 'ENUM64') && type.name !== '');
  if (!isTag || seen.has(type.name)) return false;
  seen.add(type.name);
  return true;
}

function isNamedComposite(type: BtfType): type is BtfComposite {
  return (type.kind === 'STRUCT' || type.kind === 'UNION') && type.name !== '';
}

function compile(header: string, rest: string, flags: readonly string[] = ['-target', 'bpfel']): Btf {
  return compileSource(`${header}\n${rest}`, flags);
}

function compileSource(source: string, flags: readonly string[]): Btf {
  return inTemporaryFolder((folder) => {
    const [file, object, blob] = ['a.c', 'a.o', 'a.btf'].map((name) => join(folder, name)) as [string, string, string];
    writeFileSync(file, source);
    run('clang-19', ...flags, '-g', '-O1', '-Wall', '-Werror', '-Wno-bitfield-constant-conversion', '-c', file, '-o', object); // prettier-ignore
    run('llvm-objcopy-19', `--dump-section=.BTF=${blob}`, object);
    return parseBtf(new Uint8Array(readFileSync(blob)));
  });
}

function expectSameLayout(
  want: Btf,
  got: Btf,
  isWanted: (type: BtfComposite) => boolean = () => true,
): { composites: number; members: number; bitfields: number } {
  // prettier-ignore
  const counts = { composites: 0, members: 0, bitfields: 0 };
  const byName = new Map<string, BtfComposite>();
  for (const type of got.types) if (isNamedComposite(type)) byName.set(type.name, type);
  const seen = new Set<string>();
  const problems: string[] = [];
  const compareMembers = (a: BtfComposite, b: BtfComposite, path: string): void => {
    if (a.size !== b.size || a.members.length !== b.members.length) {
      problems.push(`${path}: ${a.size} bytes, ${a.members.length} members; got ${b.size}, ${b.members.length}`);
      return;
    }
    a.members.forEach((member, k) => {
      const [x, y] = [describeMember(want, member), describeMember(got, b.members[k]!)];
      counts.members++;
      if (member.bitfieldSize > 0) counts.bitfields++;
      if (x !== y) problems.push(`${path}: ${x}; got ${y}`);
      const [inner, other] = [resolveType(want, member.type), resolveType(got, b.members[k]!.type)];
      const isAnonymous = (inner.kind === 'STRUCT' || inner.kind === 'UNION') && inner.name === '';
      if (isAnonymous && (other.kind === 'STRUCT' || other.kind === 'UNION')) compareMembers(inner, other, `${path}.${member.name}`); // prettier-ignore
    });
  };
  for (const type of want.types) {
    if (!isNewTag(type, seen) || !isNamedComposite(type) || type.size === 0 || !isWanted(type)) continue;
    const other = byName.get(type.name);
    if (other === undefined) problems.push(`${type.name} is missing`);
    else compareMembers(type, other, type.name);
    counts.composites++;
  }
  expect(problems).toEqual([]);
  return counts;
}

function describeMember(btf: Btf, { name, bitOffset, bitfieldSize, type }: BtfMember): string {
  const resolved = resolveType(btf, type);
  const size = resolved.kind === 'FWD' ? 0 : sizeOf(btf, resolved.id);
  return `${name} at ${bitOffset}:${bitfieldSize}, ${kindOf(btf, typeById(btf, resolved.id))} of ${size} bytes`;
}

function kindOf(btf: Btf, type: BtfType): string {
  // gcc says of char that it is unsigned and no character.
  if (type.kind === 'INT') return `INT ${type.name === 'char' ? 'char' : type.encoding} ${type.bits}`;
  if (type.kind === 'ARRAY') return `ARRAY ${type.nelems} of ${kindOf(btf, resolveType(btf, type.type))}`;
  return type.kind;
}

/** What compilers lay out in ways of their own. */
const AWKWARD = `
typedef unsigned char u8; typedef unsigned long long u64;
enum tiny { TINY } __attribute__((packed));
enum middle { MIDDLE = 300 } __attribute__((packed));
enum wide { WIDE = 1ULL << 40 };
enum below { BELOW = -1, ABOVE = 5 };
enum lowest { LOWEST = -9223372036854775807LL - 1 };
struct packed1 { u8 a; u64 b; u8 c; } __attribute__((packed));
struct packed2 { u64 a; u8 b; } __attribute__((packed));
struct packed_aligned { u8 a; unsigned b; } __attribute__((packed, aligned(4)));
struct spaced { int a; long b __attribute__((aligned(64))); int c; };
struct tail { u8 a; } __attribute__((aligned(32)));
struct bits1 { unsigned a : 3; unsigned : 5; unsigned b : 9; unsigned : 0; int c : 4; u64 d : 33; u8 e : 1; };
struct bits2 { u8 a : 3; unsigned b : 30; _Bool c : 1; u64 d : 63; } __attribute__((packed));
struct bits3 { unsigned a : 1; char after; unsigned b : 2; short s; unsigned c : 31; };
struct bits4 { u64 a : 40; u64 b : 40; u64 c : 24; enum below d : 4; };
struct pad_only { u8 a[3]; u8 : 5; u8 b; };
union choice { u8 a[5]; u64 b; struct { int x, y; struct { u8 deep; }; }; };
union odd { u8 a[5]; unsigned b; } __attribute__((packed));
union large { u8 a; } __attribute__((aligned(128)));
struct nest { struct packed1 p; union odd o; struct { u8 x; union { u64 y; u8 z[9]; }; } in[2]; int flexible[]; };
struct loop1; struct loop2 { struct loop1 *back; }; struct loop1 { struct loop2 by_value; struct loop1 *self; };
typedef struct { int a; } anonymous_t; typedef anonymous_t again_t;
typedef int (*callback_t)(const struct loop1 *, void (*)(anonymous_t *, ...), u8 (*)[4]);
struct functions { callback_t cb; int (*table[3])(void); const char *const *names; void (*(*getter)(int))(void);
  int (*const volatile both)[2]; const int matrix[2][3]; char *volatile pv; __int128 wide; double d; float f; };
struct enums { enum tiny t; enum middle m; enum wide w; enum below b; enum lowest l; enum { INLINE1, INLINE2 } e; };
#define tag(t) __attribute__((btf_type_tag(t)))
struct tagged { int tag("user") *a; int *tag("percpu") *b; int c __attribute__((btf_decl_tag("counted"))); } __attribute__((btf_decl_tag("whole")));
struct everything { struct packed1 a; struct packed2 b; struct packed_aligned c; struct spaced d; struct tail e;
  struct bits1 f; struct bits2 g; struct bits3 h; struct bits4 i; struct pad_only j; union choice k; union odd l;
  union large m; struct loop1 o; again_t p; struct functions q; struct enums r; struct tagged s; struct nest n; };
struct everything *everything;
`;
