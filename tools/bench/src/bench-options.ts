/** The command line of `npm run bench`. */

/** Parts of the speed bench. */
export const PARTS = ['interpreter', 'wasm', 'native', 'sandbox', 'compile', 'text', 'verifier'] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  readonly command: 'speed' | 'sizes';
  readonly parts: ReadonlySet<Part>;
  /** Names of targets, separated by commas. */
  readonly targets: string;
  readonly quick: boolean;
  readonly full: boolean;
  /** Fail when a bar of the acceptance list is missed or a class is larger than the kernel's. */
  readonly check: boolean;
  /** Of sizes: print only what is larger than the kernel's. */
  readonly larger: boolean;
  readonly write: boolean;
  readonly json?: string;
  readonly help: boolean;
}

export const USAGE = `npm run bench [-- OPTIONS]          speed, beside native C of the same run
npm run bench -- sizes [OPTIONS]    bytes of code, beside the kernel's JITs
npm run bench -- verifier [OPTIONS] the verifier alone, beside the kernel's; short for --only verifier

  --only LIST    of ${PARTS.join(',')}
  --target LIST  of targets; default all
  --quick        small inputs, few rounds
  --full         large inputs for the interpreter too
  --larger       of sizes: only what is larger than the kernel's
  --check        exit 1 when a bar is missed or a class is larger than the kernel's
  --json FILE    the figures as JSON; - is standard output
  --write        docs/performance/results.json and docs/performance/README.md
  --help`;

/**
 * Reads the command line.
 *
 * @returns the options, or what is wrong with the arguments
 */
export function parseBenchOptions(args: readonly string[]): BenchOptions | string {
  const flags = { '--quick': false, '--full': false, '--check': false, '--larger': false, '--write': false, '--help': false }; // prettier-ignore
  let command: BenchOptions['command'] = 'speed';
  let parts = new Set<Part>(PARTS);
  let json: string | undefined;
  let targets = 'all';
  for (let i = 0; i < args.length; i++) {
    const [name, attached] = splitOption(args[i]!);
    if (name in flags && attached === undefined) flags[name as keyof typeof flags] = true;
    else if (name === 'sizes' && i === 0) command = 'sizes';
    else if (name === 'verifier' && i === 0) parts = new Set([name]);
    else if (name === '--json' || name === '--only' || name === '--target') {
      const value = attached ?? args[++i];
      if (value === undefined) return `${name} needs a value`;
      if (name === '--json') json = value;
      else if (name === '--target') targets = value;
      else {
        const unknown = value.split(',').find((part) => !isPart(part));
        if (unknown !== undefined) return `--only: "${unknown}" is none of ${PARTS.join(', ')}`;
        parts = new Set(value.split(',') as Part[]);
      }
    } else return `unexpected argument "${args[i]}"`;
  }
  if (flags['--quick'] && flags['--full']) return '--quick and --full exclude each other';
  return {
    command,
    parts,
    targets,
    quick: flags['--quick'],
    full: flags['--full'],
    check: flags['--check'],
    larger: flags['--larger'],
    write: flags['--write'],
    help: flags['--help'],
    ...(json !== undefined && { json }),
  };
}

function splitOption(arg: string): [name: string, value: string | undefined] {
  const equals = arg.startsWith('--') ? arg.indexOf('=') : -1;
  return equals < 0 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
}

function isPart(name: string): name is Part {
  return (PARTS as readonly string[]).includes(name);
}
