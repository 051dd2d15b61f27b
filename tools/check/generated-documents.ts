// Documents that are written from the code, whole or between two markers. `npm run gen:docs` writes them;
// `npm run check:docs` fails when one differs from what would be written.
//
// Only the part between `<!-- generated: NAME -->` and `<!-- end generated -->` is replaced, so one file can hold prose
// and generated tables. A file that does not exist yet is created from `frame`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '@polybpf/errors';
import { INSN_TABLE, type InsnRow } from '@polybpf/isa';
import { ALL_TARGETS, PLANNED_TARGETS } from '../../packages/targets/src/all-targets.ts';
import { workspaceFolders } from '../test-summary/summary.mjs';
import { renderCliReference } from './cli-reference.ts';
import { isTracked, ROOT } from './repository.ts';
import { type PeerFeatures, renderPeerTable, renderSupportTable, type SupportMatrix } from './support-table.ts';
import { renderTargetCost } from './target-cost.ts';
import { renderMutants, renderVectorTopics } from './testing-document.ts';

/** One generated part of a document. */
export interface GeneratedPart {
  /** The document, relative to the root. */
  readonly path: string;
  /** The name in the opening marker. */
  readonly name: string;
  /** The document around the part, for when it does not exist; undefined: the document is someone else's to write. */
  readonly frame?: string;
  /** The content; `toRoot` leads from the document to the root folder: '' or '../'. */
  readonly render: (toRoot: string) => string;
}

/** Every generated part. */
export const GENERATED_PARTS: readonly GeneratedPart[] = [
  {
    path: 'docs/ERRORS.md',
    name: 'error codes',
    frame: [
      '# Errors',
      '',
      'Every error that an input can cause is a `BpfError` (`packages/errors/src/bpf-error.ts`) with one of these codes.',
      'A code is never renamed and never reused. This table is written from `packages/errors/src/codes.ts` by',
      '`npm run gen:docs`.',
      '',
    ].join('\n'),
    render: renderErrorCodes,
  },
  {
    path: 'docs/isa.md',
    name: 'instructions',
    frame: [
      '# Instructions',
      '',
      'Every row of the instruction table, `packages/isa/src/insn-table.ts`, written by `npm run gen:docs`. A row matches an',
      'instruction by its opcode and its fixed fields; fields that are neither fixed nor an operand must be zero.',
      '',
    ].join('\n'),
    render: renderInstructions,
  },
  { path: 'docs/CLI.md', name: 'commands', render: renderCliReference },
  { path: 'README.md', name: 'packages', render: renderPackageTable },
  { path: 'README.md', name: 'support matrix', render: renderSupportMatrix },
  { path: 'README.md', name: 'targets', render: renderTargets },
  { path: 'README.md', name: 'peers', render: renderPeers },
  { path: 'docs/ARCHITECTURE.md', name: 'packages', render: renderPackageTable },
  { path: 'docs/ADDING-AN-ARCH.md', name: 'target cost', render: renderTargetCost },
  { path: 'docs/TESTING.md', name: 'vectors', render: renderVectorTopics },
  { path: 'docs/TESTING.md', name: 'mutants', render: renderMutants },
];

/** The text with the part replaced, or undefined when it has no such marker. */
export function replacePart(text: string, name: string, content: string): string | undefined {
  const opening = `<!-- generated: ${name} -->`;
  const closing = '<!-- end generated -->';
  const start = text.indexOf(opening);
  const end = text.indexOf(closing, start);
  if (start === -1 || end === -1) return undefined;
  return `${text.slice(0, start + opening.length)}\n${content}\n${text.slice(end)}`;
}

/** The document as it should be; `current` is undefined when there is none. Undefined: nothing to generate there. */
export function expectedDocument(part: GeneratedPart, current: string | undefined): string | undefined {
  const framed =
    part.frame === undefined ? undefined : `${part.frame}\n<!-- generated: ${part.name} -->\n<!-- end generated -->\n`;
  const base = current ?? framed;
  return base === undefined
    ? undefined
    : replacePart(base, part.name, part.render('../'.repeat(part.path.split('/').length - 1)));
}

function renderErrorCodes(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return ['', '| code | meaning |', '| --- | --- |', ...rows, ''].join('\n');
}

function renderInstructions(): string {
  const rows = INSN_TABLE.map((row) => {
    const cells = [
      `\`${row.name}\``,
      `0x${row.opcode.toString(16).padStart(2, '0')}`,
      fixedFields(row),
      operandFields(row),
      row.group,
      row.since,
      row.linux,
      row.spec,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const head = '| row | opcode | fixed | operands | group | LLVM cpu | Linux | source |';
  return ['', head, '| --- | --- | --- | --- | --- | --- | --- | --- |', ...rows, ''].join('\n');
}

function fixedFields(row: InsnRow): string {
  return Object.entries(row.fixed)
    .map(([field, value]) => `${field} ${field === 'imm' ? `0x${(value >>> 0).toString(16)}` : value}`)
    .join(', ');
}

function operandFields(row: InsnRow): string {
  const uses = { dst_reg: row.dst, src_reg: row.src, offset: row.offsetUse, imm: row.immUse, next_imm: row.nextImmUse };
  return Object.entries(uses)
    .filter(([, use]) => use !== 'none' && use !== 'fixed')
    .map(([field, use]) => (field === use ? field : `${field} (${use})`))
    .join(', ');
}

interface Manifest {
  readonly name: string;
  readonly description: string;
  readonly private?: boolean;
  readonly nx: { readonly tags: readonly string[] };
}

/** One row for each published package that git knows, from the lowest layer up. */
function renderPackageTable(toRoot: string): string {
  const rows = workspaceFolders(ROOT)
    .filter((folder) => isTracked(ROOT, join(folder, 'package.json')))
    .map((folder) => ({
      folder: folder.slice(ROOT.length),
      manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest,
    }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ folder, manifest, layer: Number(tagValue(manifest, 'layer')) }))
    .sort((a, b) => a.layer - b.layer || a.manifest.name.localeCompare(b.manifest.name, 'en'))
    .map(
      ({ folder, manifest, layer }) =>
        `| ${layer} | [\`${manifest.name}\`](${toRoot}${folder}) | ${manifest.description} |`,
    );
  return ['', '| layer | package | what it is |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

function tagValue(manifest: Manifest, tag: string): string {
  return manifest.nx.tags.find((item) => item.startsWith(`${tag}:`))?.slice(tag.length + 1) ?? '';
}

/** What `npm run gen:matrix` measured last; a native test measures it again. */
function renderSupportMatrix(): string {
  return renderSupportTable(JSON.parse(readFileSync(join(ROOT, 'docs/support-matrix.json'), 'utf8')) as SupportMatrix);
}

function renderPeers(): string {
  return renderPeerTable(JSON.parse(readFileSync(join(ROOT, 'docs/peer-features.json'), 'utf8')) as PeerFeatures);
}

function renderTargets(): string {
  const names = (list: readonly string[]): string => list.map((name) => `\`${name}\``).join(', ');
  const done = ALL_TARGETS.map(({ name, title }) => `\`${name}\` (${title})`).join(', ');
  const planned =
    PLANNED_TARGETS.length === 0 ? '' : ` Named, but without a code generator: ${names(PLANNED_TARGETS)}.`;
  return `\nCPUs with a code generator: ${done}.${planned}\n`;
}
