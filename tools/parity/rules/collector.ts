import type { TextCase } from '../case-runner.ts';

/** Cases as they are added, with names that tell them apart. */
export interface Collector {
  readonly list: TextCase[];
  add(topic: string, type: string, text: string, more?: Partial<TextCase>): void;
  /** True once in `n` calls. */
  every(n: number): boolean;
}

export function collector(): Collector {
  const list: TextCase[] = [];
  let calls = 0;
  return {
    list,
    add: (topic, type, text, more = {}) =>
      list.push({ name: `${topic.replace(/\n/g, '; ')} #${list.length}`, type, text, ...more }),
    every: (n) => calls++ % n === 0,
  };
}

/** Looks a zero key up in a map of the case; r0 is the value. */
export function lookup(map = 0): string {
  return `*(u64 *)(r10 - 8) = 0\nr2 = r10\nr2 += -8\nr1 = map_fd[${map}] ll\ncall bpf_map_lookup_elem\n`;
}
