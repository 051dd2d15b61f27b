/** How many lines of two logs are the same. */

/** Without what is a host's own: addresses of maps and symbols, times, the dot that loaders put in front of names. */
function comparable(line: string): string {
  return line
    .replace(
      /(\(18\) r\d+ = 0x)ffff[89a-f][0-9a-f]{11}( *)(;|$)/,
      (_, head: string, gap: string, end: string) => `${head}0${end === '' ? '' : `${gap}${' '.repeat(15)};`}`,
    ) // prettier-ignore
    .replace(/^verification time \d+/, 'verification time 0')
    .replace('map=.', 'map=')
    .trimEnd();
}

/** Lines of the first log that the second has in the same order, and the first place where they part. */
export function equalLines(kernel: string, ours: string): { total: number; equal: number; parts: string | undefined } {
  const a = kernel.split('\n').map(comparable);
  const b = ours.split('\n').map(comparable);
  let i = 0;
  let k = 0;
  let equal = 0;
  let parts: string | undefined;
  while (i < a.length && k < b.length) {
    if (a[i] === b[k]) {
      equal++;
      i++;
      k++;
      continue;
    }
    parts ??= `kernel: ${a[i]!}\n    ours:   ${b[k]!}`;
    const [di, dk] = resume(a, i, b, k);
    i += di;
    k += dk;
  }
  if (parts === undefined && a.length !== b.length)
    parts = `kernel: ${a[i] ?? '(end)'}\n    ours:   ${b[k] ?? '(end)'}`;
  return { total: a.length, equal, parts };
}

/** Lines to leave out on both sides so that the logs agree again. */
function resume(a: readonly string[], i: number, b: readonly string[], k: number): [number, number] {
  for (let distance = 1; distance < 60; distance++) {
    for (let di = 0; di <= distance; di++) {
      const line = a[i + di];
      if (line !== undefined && line !== '' && line === b[k + distance - di]) return [di, distance - di];
    }
  }
  return [1, 1];
}

/** Sums of many logs. */
export class LogTally {
  programs = 0;
  same = 0;
  total = 0;
  equal = 0;
  private readonly causes = new Map<string, { times: number; example: string }>();

  add(name: string, kernel: string, ours: string): void {
    const { total, equal, parts } = equalLines(kernel, ours);
    this.programs++;
    this.total += total;
    this.equal += equal;
    if (parts === undefined) {
      this.same++;
      return;
    }
    const key = parts.replace(/\d+/g, '#').slice(0, 120);
    const cause = this.causes.get(key) ?? { times: 0, example: `${name}\n    ${parts}` };
    cause.times++;
    this.causes.set(key, cause);
  }

  print(title: string): void {
    console.log(`${title}: ${this.equal} of ${this.total} lines equal (${((100 * this.equal) / this.total).toFixed(3)} %), ${this.same} of ${this.programs} logs`); // prettier-ignore
    const sorted = [...this.causes.values()].sort((x, y) => y.times - x.times);
    for (const { times, example } of sorted.slice(0, 10)) console.log(`${String(times).padStart(5)} ${example}`);
  }
}
