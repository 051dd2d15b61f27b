// Tracepoints as text: each field once, each list of fields once, then names by group. `tracepoints.ts` of the package
// reads them.
import type { TracepointFacts } from './read-facts.ts';

export interface PackedTracepoints {
  /** `name|type|size`, `|s` behind signed ones. */
  readonly fields: readonly string[];
  /** Numbers of fields in base 36, `@offset` behind those that do not follow on the one before. */
  readonly lists: readonly string[];
  /** `group name:list name:list`, lists in base 36. */
  readonly groups: readonly string[];
}

/** Bytes of the common header, which no row has. */
const HEADER = 8;

export function packTracepoints({ groups }: TracepointFacts): PackedTracepoints {
  const fields = createIndex();
  const lists = createIndex();
  const lines = Object.entries(groups).map(([group, events]) => {
    const names = Object.entries(events).map(([name, rows]) => {
      let end = HEADER;
      const list = rows.map(([field, type, offset, size, signed]) => {
        const number = fields.of(`${field}|${type}|${size}${signed ? '|s' : ''}`);
        const place = offset === follow(end, size) ? '' : `@${offset}`;
        end = offset + size;
        return number + place;
      });
      return `${name}:${lists.of(list.join(' '))}`;
    });
    return [group, ...names].join(' ');
  });
  return { fields: fields.all, lists: lists.all, groups: lines };
}

/** Where a field of this size would be after another: aligned to its size, or to 4. */
function follow(end: number, size: number): number {
  const align = size === 1 || size === 2 || size === 4 || size === 8 ? size : 4;
  return Math.ceil(end / align) * align;
}

/** Numbers texts in the order in which they come. */
function createIndex(): { readonly all: string[]; of(text: string): string } {
  const all: string[] = [];
  const known = new Map<string, number>();
  return {
    all,
    of(text) {
      let number = known.get(text);
      if (number === undefined) {
        number = all.push(text) - 1;
        known.set(text, number);
      }
      return number.toString(36);
    },
  };
}
