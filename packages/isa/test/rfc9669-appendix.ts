import type { ConformanceGroup } from '@polybpf/isa';

/**
 * The opcode table of RFC 9669's appendix, one entry a line: opcode, src_reg, offset, imm, group. `any` is an operand.
 * Typed from the document, not from our table. Where the appendix and the text differ, the text is authoritative (the
 * appendix says so): `neg` of ALU64 is base64, packet access is the group `packet`, and the sign-extending loads are
 * base32, since sec. 5 puts only DW accesses into base64.
 */
const APPENDIX = `
04 0 0 any base32 | 05 0 any 0 base32 | 06 0 0 any base32 | 07 0 0 any base64 | 0c any 0 0 base32 | 0f any 0 0 base64
14 0 0 any base32 | 15 0 any any base64 | 16 0 any any base32 | 17 0 0 any base64
18 0 0 any base64 | 18 1 0 any base64 | 18 2 0 any base64 | 18 3 0 any base64 | 18 4 0 any base64 | 18 5 0 any base64 | 18 6 0 any base64
1c any 0 0 base32 | 1d any any 0 base64 | 1e any any 0 base32 | 1f any 0 0 base64
20 0 0 any packet | 24 0 0 any divmul32 | 25 0 any any base64 | 26 0 any any base32 | 27 0 0 any divmul64
28 0 0 any packet | 2c any 0 0 divmul32 | 2d any any 0 base64 | 2e any any 0 base32 | 2f any 0 0 divmul64
30 0 0 any packet | 34 0 0 any divmul32 | 34 0 1 any divmul32 | 35 0 any any base64 | 36 0 any any base32
37 0 0 any divmul64 | 37 0 1 any divmul64 | 3c any 0 0 divmul32 | 3c any 1 0 divmul32 | 3d any any 0 base64
3e any any 0 base32 | 3f any 0 0 divmul64 | 3f any 1 0 divmul64
40 any 0 any packet | 44 0 0 any base32 | 45 0 any any base64 | 46 0 any any base32 | 47 0 0 any base64
48 any 0 any packet | 4c any 0 0 base32 | 4d any any 0 base64 | 4e any any 0 base32 | 4f any 0 0 base64
50 any 0 any packet | 54 0 0 any base32 | 55 0 any any base64 | 56 0 any any base32 | 57 0 0 any base64
5c any 0 0 base32 | 5d any any 0 base64 | 5e any any 0 base32 | 5f any 0 0 base64
61 any any 0 base32 | 62 0 any any base32 | 63 any any 0 base32 | 64 0 0 any base32 | 65 0 any any base64
66 0 any any base32 | 67 0 0 any base64 | 69 any any 0 base32 | 6a 0 any any base32 | 6b any any 0 base32
6c any 0 0 base32 | 6d any any 0 base64 | 6e any any 0 base32 | 6f any 0 0 base64
71 any any 0 base32 | 72 0 any any base32 | 73 any any 0 base32 | 74 0 0 any base32 | 75 0 any any base64
76 0 any any base32 | 77 0 0 any base64 | 79 any any 0 base64 | 7a 0 any any base64 | 7b any any 0 base64
7c any 0 0 base32 | 7d any any 0 base64 | 7e any any 0 base32 | 7f any 0 0 base64
81 any any 0 base32 | 84 0 0 0 base32 | 85 0 0 any base32 | 85 1 0 any base32 | 85 2 0 any base32 | 87 0 0 0 base64
89 any any 0 base32 | 91 any any 0 base32 | 94 0 0 any divmul32 | 94 0 1 any divmul32 | 95 0 0 0 base32
97 0 0 any divmul64 | 97 0 1 any divmul64 | 9c any 0 0 divmul32 | 9c any 1 0 divmul32 | 9f any 0 0 divmul64 | 9f any 1 0 divmul64
a4 0 0 any base32 | a5 0 any any base64 | a6 0 any any base32 | a7 0 0 any base64 | ac any 0 0 base32 | ad any any 0 base64
ae any any 0 base32 | af any 0 0 base64 | b4 0 0 any base32 | b5 0 any any base64 | b6 0 any any base32 | b7 0 0 any base64
bc any 0 0 base32 | bc any 8 0 base32 | bc any 16 0 base32 | bd any any 0 base64 | be any any 0 base32
bf any 0 0 base64 | bf any 8 0 base64 | bf any 16 0 base64 | bf any 32 0 base64
c3 any any 0x00 atomic32 | c3 any any 0x01 atomic32 | c3 any any 0x40 atomic32 | c3 any any 0x41 atomic32 | c3 any any 0x50 atomic32
c3 any any 0x51 atomic32 | c3 any any 0xa0 atomic32 | c3 any any 0xa1 atomic32 | c3 any any 0xe1 atomic32 | c3 any any 0xf1 atomic32
c4 0 0 any base32 | c5 0 any any base64 | c6 0 any any base32 | c7 0 0 any base64 | cc any 0 0 base32 | cd any any 0 base64
ce any any 0 base32 | cf any 0 0 base64 | d4 0 0 0x10 base32 | d4 0 0 0x20 base32 | d4 0 0 0x40 base64
d5 0 any any base64 | d6 0 any any base32 | d7 0 0 0x10 base32 | d7 0 0 0x20 base32 | d7 0 0 0x40 base64
db any any 0x00 atomic64 | db any any 0x01 atomic64 | db any any 0x40 atomic64 | db any any 0x41 atomic64 | db any any 0x50 atomic64
db any any 0x51 atomic64 | db any any 0xa0 atomic64 | db any any 0xa1 atomic64 | db any any 0xe1 atomic64 | db any any 0xf1 atomic64
dc 0 0 0x10 base32 | dc 0 0 0x20 base32 | dc 0 0 0x40 base64 | dd any any 0 base64 | de any any 0 base32
`;

export interface AppendixEntry {
  readonly opcode: number;
  readonly src_reg: number | 'any';
  readonly offset: number | 'any';
  readonly imm: number | 'any';
  readonly group: ConformanceGroup;
}

const value = (text: string): number | 'any' => (text === 'any' ? 'any' : Number(text));

export const RFC_9669_APPENDIX: readonly AppendixEntry[] = APPENDIX.trim()
  .split(/[|\n]/)
  .map((entry) => {
    const [opcode, src_reg, offset, imm, group] = entry.trim().split(' ');
    return {
      opcode: Number.parseInt(opcode!, 16),
      src_reg: value(src_reg!),
      offset: value(offset!),
      imm: value(imm!),
      group: group as ConformanceGroup,
    };
  });
