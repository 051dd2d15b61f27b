/** The command line of `npm run bench`. */

/** Parts of the speed bench. */
export const PARTS = ['interpreter', 'wasm', 'native', 'sandbox', 'compile', 'text', 'verifier'] as const;
export type Part = (typeof PARTS)[number];

/** What is measured; `speed` is what no word on the command line means. */
export const COMMANDS = ['speed', 'sizes', 'executed', 'scale', 'browser'] as const;
export type Command = (typeof COMMANDS)[number];

/** Another runtime, started through the plugin protocol of bpf_conformance. */
export interface PeerOption {
  readonly name: string;
  /** Shell command; `{repeat}` in it stands for the number of runs. */
  readonly command: string;
}

export interface BenchOptions {
  readonly command: Command;
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
  readonly peers: readonly PeerOption[];
  readonly json?: string;
  /** Of browser: where the page is written. */
  readonly page?: string;
  readonly help: boolean;
}

export const USAGE = `npm run bench [-- OPTIONS]          speed, beside native C of the same run
npm run bench -- sizes [OPTIONS]    bytes of code, beside the kernel's JITs
npm run bench -- executed [OPTIONS] instructions that other CPUs execute under QEMU, beside the kernel's one-to-one code
npm run bench -- scale [OPTIONS]    programs of up to 1,000,000 instructions: time and memory
npm run bench -- browser [OPTIONS]  the same table in headless Chromium, and the page that makes it
npm run bench -- verifier [OPTIONS] the verifier alone, beside the kernel's; short for --only verifier

  --only LIST    of ${PARTS.join(',')}
  --target LIST  of targets; default all
  --quick        small inputs, few rounds; of scale: up to 100,000 instructions
  --full         large inputs for the interpreter too
  --larger       of sizes: only what is larger than the kernel's
  --check        exit 1 when a bar is missed or a class is larger than the kernel's
  --peer NAME=COMMAND
                 another runtime beside native C, by the plugin protocol of bpf_conformance; {repeat} in the command
                 becomes the number of runs, without it one run is timed and the start of the process subtracted
  --page FILE    of browser: only write the page
  --json FILE    the figures as JSON; - is standard output
  --write        docs/performance/results.json, README.md and the chart
  --help`;

const FLAGS = ['quick', 'full', 'check', 'larger', 'write', 'help'] as const;
const VALUES = ['only', 'target', 'json', 'page', 'peer'] as const;

/**
 * Reads the command line.
 *
 * @returns the options, or what is wrong with the arguments
 */
export function parseBenchOptions(args: readonly string[]): BenchOptions | string {
  const flags = Object.fromEntries(FLAGS.map((name) => [name, false])) as Record<(typeof FLAGS)[number], boolean>;
  const values: Partial<Record<(typeof VALUES)[number], string>> = {};
  const peers: PeerOption[] = [];
  let command: Command = 'speed';
  let parts = new Set<Part>(PARTS);
  for (let i = 0; i < args.length; i++) {
    const [name, attached] = splitOption(args[i]!);
    if (isOneOf(FLAGS, name) && attached === undefined) flags[name] = true;
    else if (i === 0 && isOneOf(COMMANDS, args[i]!)) command = args[i] as Command;
    else if (i === 0 && args[i] === 'verifier') parts = new Set(['verifier']);
    else if (isOneOf(VALUES, name)) {
      const value = attached ?? args[++i];
      if (value === undefined) return `--${name} needs a value`;
      if (name === 'only') {
        const unknown = value.split(',').find((part) => !isOneOf(PARTS, part));
        if (unknown !== undefined) return `--only: "${unknown}" is none of ${PARTS.join(', ')}`;
        parts = new Set(value.split(',') as Part[]);
      } else if (name === 'peer') {
        const peer = /^([^=]+)=(.+)$/s.exec(value);
        if (peer === null) return `--peer: "${value}" is not NAME=COMMAND`;
        peers.push({ name: peer[1]!, command: peer[2]! });
      } else values[name] = value;
    } else return `unexpected argument "${args[i]}"`;
  }
  if (flags.quick && flags.full) return '--quick and --full exclude each other';
  return {
    command,
    parts,
    ...flags,
    peers,
    targets: values.target ?? 'all',
    ...(values.json !== undefined && { json: values.json }),
    ...(values.page !== undefined && { page: values.page }),
  };
}

/** `--name=value` as `name` and `value`; what is no option has the name ''. */
function splitOption(arg: string): [name: string, value: string | undefined] {
  if (!arg.startsWith('--')) return ['', undefined];
  const equals = arg.indexOf('=');
  return equals < 0 ? [arg.slice(2), undefined] : [arg.slice(2, equals), arg.slice(equals + 1)];
}

function isOneOf<Name extends string>(names: readonly Name[], name: string): name is Name {
  return (names as readonly string[]).includes(name);
}
