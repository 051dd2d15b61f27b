/** The command line: one sub-command each, with the options that other tools rely on. */
import { formatError } from '@polybpf/errors';
import { EXIT_DONE, EXIT_FAILED, exitCodeOf } from './exit-code.ts';
import { INPUT_KINDS, type InputKind } from './input.ts';
import { Command, Option } from 'commander';
import { type AsmFlags, runAsm } from './commands/asm.ts';
import { addBtfCommands } from './commands/btf.ts';
import { type CompileFlags, runCompile } from './commands/compile.ts';
import { type ConformanceFlags, runConformance } from './commands/conformance.ts';
import { type CompatFlags, runCompat } from './commands/compat.ts';
import { type DisasmFlags, runDisasm } from './commands/disasm.ts';
import { type ExplainFlags, runExplain } from './commands/explain.ts';
import { type FuzzFlags, runFuzz } from './commands/fuzz.ts';
import { addGenCommands } from './commands/gen.ts';
import { type HelpersFlags, runHelpers } from './commands/helpers.ts';
import { type InspectFlags, runInspect } from './commands/inspect.ts';
import { KERNEL_HELP } from './kernel-profile.ts';
import { addKernelCommands } from './commands/kernel.ts';
import { type LinkFlags, runLink } from './commands/link.ts';
import { type PluginFlags, runPlugin } from './commands/plugin.ts';
import { type ReplayFlags, runReplay } from './commands/replay.ts';
import { type RunFlags, runRun } from './commands/run.ts';
import { runTargets, type TargetsFlags } from './commands/targets.ts';
import { PRIVILEGES, runVerify, VERIFY_LOGS, type VerifyFlags } from './commands/verify.ts';

const FILE = 'ELF object, raw bytes, hex text or assembly, found by content; - is standard input';
const EXIT_STATUS =
  '\nExit status: 0 done, 1 refused or failed, 2 usage or bad input, 3 unsupported or a tool missing.';

/**
 * The command with all its sub-commands; throws `CommanderError` on wrong usage, after it has said what is wrong.
 *
 * @param finish - told the exit status of a sub-command that ends badly without an error of its own
 */
export function buildCommand(finish: (exitCode: number) => void): Command {
  const program = new Command('polybpf')
    .description('assemble, disassemble, inspect, run and compile eBPF for every CPU')
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(run with --help for the options)')
    .addHelpText('after', EXIT_STATUS);
  const add = (name: string, description: string): Command =>
    program.command(name).description(description).exitOverride().option('--json', 'print one JSON document; schemas/*.schema.json in the package describes it'); // prettier-ignore
  const choice = (flags: string, description: string, choices: readonly string[]): Option =>
    new Option(flags, description).choices(choices);
  const inputOptions = (command: Command): Command =>
    command
      .addOption(choice('--input <kind>', 'what FILE is, when its content does not tell', INPUT_KINDS))
      .addOption(choice('--endian <order>', 'byte order of raw bytes, hex and assembly (default: little, or that of the target)', ['little', 'big'])); // prettier-ignore
  const kernelOptions = (command: Command, otherwise: string): Command =>
    command
      .option(
        '--btf <FILE>',
        `kernel types to apply CO-RE relocations with (ELF, plain BTF, live, none), then those of modules; ${otherwise}`,
        collectFirst,
      ) // prettier-ignore
      .option('--kconfig <FILE>', "the kernel's .config, for externs of the object");
  const bounds = (): Option =>
    choice('--bounds <how>', 'memory accesses of native code: unchecked, or confined to an arena (default: none)', ['none', 'sandbox']); // prettier-ignore
  const syntax = (): Option => choice('--syntax <syntax>', 'dialect of the text', ['kernel', 'ubpf']);

  add('asm', 'assemble text')
    .argument('<FILE>', 'assembly text; - is standard input')
    .option('-o, --output <OUT>', 'output file; standard output unless told')
    .addOption(choice('--format <format>', 'default: by the name of OUT, else hex', ['raw', 'hex', 'object']))
    .addOption(choice('--endian <order>', 'byte order of the output', ['little', 'big']).default('little'))
    .addOption(syntax())
    .action((file: string, flags: AsmFlags) => runAsm(file, flags));

  kernelOptions(inputOptions(add('disasm', 'show a program as text')), 'default: none')
    .argument('<FILE>', FILE)
    .addOption(syntax().default('kernel'))
    .option('-S, --source', 'source lines before their instructions')
    .option('--bytes', 'addresses and bytes before each instruction')
    .option('--prog <NAME>', 'only this program of an object')
    .action((file: string, flags: DisasmFlags & { input?: InputKind }) => {
      const problem = runDisasm(file, flags);
      if (problem === undefined) return;
      process.stderr.write(`polybpf: ${formatError(problem)}
`);
      finish(exitCodeOf(problem.code));
    });

  kernelOptions(add('inspect', 'list programs, maps and unresolved symbols of an object'), 'default: none')
    .argument('<OBJ>', 'ELF object')
    .action((file: string, flags: InspectFlags) => runInspect(file, flags));

  kernelOptions(
    inputOptions(add('run', 'run a program and print r0')),
    'default: live where the object has any, and none where that cannot be read',
  )
    .argument('<FILE>', FILE)
    .addOption(
      choice(
        '--engine <engine>',
        'default: interpreter, or native with --target; wasm compiles, auto interprets short runs and compiles long ones',
        ['interpreter', 'native', 'wasm', 'wasm-interpreter', 'auto'],
      ),
    ) // prettier-ignore
    .option('--target <ARCH>', 'CPU of native code; default: this host')
    .option('--mem <HEX|@FILE>', 'memory: r1 = its address, r2 = its length')
    .option('--mem-out <FILE>', 'write the memory afterwards')
    .option('--prog <NAME>', 'program of an object that has several')
    .option('--budget <N>', 'instructions at most (all engines but native)')
    .option('--repeat <N>', 'run N times, memory carried on')
    .addOption(bounds())
    .option('--ctx <JSON|@FILE>', 'run in a virtual machine with maps and helpers: one event, as in event files')
    .option('--packet <HEX|@FILE>', 'likewise: a packet, for network programs')
    .option('--pcap <FILE>', 'likewise: every packet of a capture (pcap, pcapng)')
    .option('--pcap-out <FILE>', 'write the packets that the programs let go on')
    .option('--events <FILE>', 'likewise: an event on each line, as JSON')
    .option('--interval <TIME>', 'print the maps each time that so much event time has passed, e.g. 2s')
    .option('--dump-maps', 'print the maps at the end')
    .option('--kernel <PROFILE>', `helpers of a kernel: ${KERNEL_HELP}`)
    .option('--cpus <N>', 'CPUs of the virtual machine (default: 1)')
    .option('--seed <N>', 'of bpf_get_prandom_u32 (default: 1)')
    .option('--record <FILE>', 'write object, events and results, for polybpf replay')
    .action((file: string, flags: RunFlags) => finish(runRun(file, flags) ? EXIT_DONE : EXIT_FAILED));

  add('replay', 'run a recording of run --record again and compare')
    .argument('<FILE>', 'recording')
    .action((file: string, flags: ReplayFlags) => finish(runReplay(file, flags) ? EXIT_DONE : EXIT_FAILED));

  kernelOptions(inputOptions(add('compile', 'compile to machine code')), 'default: none')
    .argument('<FILE>', FILE)
    .requiredOption(
      '--target <ARCH[,ARCH]|all|wasm>',
      'CPUs to compile for; wasm: a WebAssembly module that owns its memory',
    )
    .option('--prog <NAME>', 'only this program of an object')
    .addOption(choice('--format <format>', 'default: by the name of OUT, else listing', ['raw', 'object', 'listing']))
    .option('-o, --output <OUT|DIR>', 'output file, or folder when there are several targets')
    .option('--header <FILE>', 'write a C header with prototypes')
    .option('--map', 'print where each BPF register lives, function by function, instead of code')
    .option('--abi <NAME>', 'another calling convention: an option of the target, see targets')
    .option('--cpu <NAME[,NAME]>', 'newer or fewer instructions: options of the target, see targets')
    .addOption(bounds())
    .option(
      '--verified',
      'verify first, and leave out what is never reached and checks that are proven; 1 when refused',
    )
    .option('--type <TYPE>', 'program type to verify as; default: by section name; socket_filter for bytes and text')
    .action((file: string, flags: CompileFlags) => finish(runCompile(file, flags) ? EXIT_DONE : EXIT_FAILED));

  add('conformance', 'run test vectors on engines and targets')
    .option('--suite <PATH>', 'file or folder of .json, .data or .jsonl vectors; may be given again', collect, [])
    .option('--engine <LIST>', 'of interpreter, native, wasm, wasm-interpreter, auto; default: interpreter,native')
    .option('--target <LIST>', 'CPUs of the native engine, or all; default: all that run here')
    .addOption(choice('--format <format>', 'report', ['text', 'tap', 'json', 'junit']).default('text'))
    .option('--filter <RE>', 'only vectors whose name matches')
    .addOption(bounds())
    .action((flags: ConformanceFlags) => finish(runConformance(flags) ? EXIT_DONE : EXIT_FAILED));

  add('plugin', 'the plugin protocol of bpf_conformance: program hex on standard input, r0 hex on standard output')
    .argument('[MEM_HEX]', 'memory')
    .addOption(
      choice('--engine <engine>', 'default: interpreter, or native with --target', [
        'interpreter',
        'native',
        'wasm',
        'wasm-interpreter',
        'auto',
      ]),
    )
    .option('--target <ARCH>', 'CPU of native code')
    .option('--repeat <N>', 'runs, each on a fresh copy of the memory; for timing')
    .action((memory: string | undefined, flags: PluginFlags) => runPlugin(memory, flags));

  add('fuzz', 'run generated programs on several engines and compare')
    .option(
      '--against <LIST>',
      'engines: kernel, interpreter, wasm, wasm-interpreter, auto, native:ARCH, sandbox:ARCH; default: all that run here',
    )
    .option('--count <N>', 'programs; default 1000, or no limit with --time')
    .option('--time <S>', 'seconds')
    .option('--seed <N>', 'default: a fresh one')
    .option('--index <N>', 'number of the first program; with --count 1 just that one')
    .addOption(choice('--isa <version>', 'newest instructions', ['v1', 'v2', 'v3', 'v4']).default('v4'))
    .addOption(
      choice('--flavour <flavour>', 'what the kernel takes, or all that is defined; default: kernel with that engine', [
        'kernel',
        'any',
      ]),
    ) // prettier-ignore
    .option('--save <DIR>', 'write each disagreement as a vector file')
    .option('--hostile', 'programs that try to leave the sandbox of --against native:ARCH[,native:ARCH...], instead')
    .option('--keep-going', 'do not stop at the first disagreement')
    .action((flags: FuzzFlags) => finish(runFuzz(flags) ? EXIT_DONE : EXIT_FAILED));

  add('verify', 'tell whether a kernel would accept the programs of a file, and why not')
    .argument('[FILE]', FILE)
    .addOption(choice('--input <kind>', 'what FILE is, when its content does not tell', INPUT_KINDS))
    .option('--prog <NAME>', 'only this program of an object')
    .option('--type <TYPE>', 'program type, e.g. xdp; default: by section name; socket_filter for bytes and text')
    .option('--kernel <P[,P]>', `kernels to ask for: ${KERNEL_HELP}; default 6.18`)
    .option(
      '--btf <FILE>',
      'types of the kernel: BTF or an ELF file with it, live, or none; default: live, where it can be read',
    ) // prettier-ignore
    .addOption(
      choice('--privilege <who>', 'who loads: root, one with CAP_BPF but not CAP_PERFMON, nobody', PRIVILEGES).default(
        'root',
      ),
    ) // prettier-ignore
    .option('-v, --verbose <N>', "the verifier's log: 1 trace, 2 more of it, 4 figures, or a sum of these")
    .addOption(choice('--log <form>', 'form of the report; default: a table and the log', VERIFY_LOGS))
    .option('--annotate', 'print the programs with the state at each instruction, visits, and where the work went')
    .option('--csv', 'one line for each program, with the columns of veristat')
    .option('--compare <BASE>', 'tell what changed since the output of verify --json')
    .option('--case <FILE>', 'instead of FILE: single cases, a JSON document a line; prints one for each')
    .action((file: string | undefined, flags: VerifyFlags) => finish(runVerify(file, flags, VERSION)));

  add('explain', "say what a log of the kernel's verifier means, line by line, and what to do")
    .argument('<LOG>', 'log of any level, classic or of kernel 7.3; - is standard input')
    .option('--obj <OBJ>', 'verify the program here too, and show the first line that differs; exit status 1 then')
    .option('--prog <NAME>', 'program of an object that has several')
    .option('--type <TYPE>', 'program type, e.g. xdp; default: by section name; socket_filter for bytes and text')
    .option('--kernel <P>', `kernel of the log: ${KERNEL_HELP}; default 6.18`)
    .option('--btf <FILE>', 'types of the kernel, as for verify')
    .option('--all', 'show all lines of a long log')
    .action((file: string, flags: ExplainFlags) => finish(runExplain(file, flags)));

  add('targets', 'list CPUs, what they compile and how their code runs here')
    .option('--features', 'what tests gave for each feature and target, and what other implementations cover')
    .action((flags: TargetsFlags) => runTargets(flags));

  add('helpers', 'list helpers and kfuncs: what they take, which programs may call them, since when')
    .argument('[NAME]', 'helper or kfunc by name or id; all helpers unless told')
    .option('--type <TYPE>', 'only those that programs of this type may call')
    .option('--attach-type <TYPE>', 'attach type, where the type has several')
    .option('--kernel <P>', `kernel: ${KERNEL_HELP}; default 6.18`)
    .option('--kfuncs', 'kernel functions instead of helpers')
    .action((name: string | undefined, flags: HelpersFlags) => runHelpers(name, flags));

  add('compat', 'tell the lowest kernel that takes an object, and why')
    .argument('<OBJ>', 'ELF object')
    .option('--kernel <P[,P]>', `only these kernels, and what they lack: ${KERNEL_HELP}`)
    .option('--prog <NAME>', 'only this program')
    .action((file: string, flags: CompatFlags) => finish(runCompat(file, flags) ? EXIT_DONE : EXIT_FAILED));

  add('link', 'link objects into one')
    .argument('<OBJ...>', 'ELF objects of one byte order')
    .requiredOption('-o, --output <OUT>', 'output file')
    .action((files: string[], flags: LinkFlags) => runLink(files, flags));
  addBtfCommands(program.command('btf').description('types of kernels and objects').exitOverride(), finish);
  addGenCommands(program.command('gen').description('code for the user-space half of a program').exitOverride());
  addKernelCommands(program.command('kernel').description('the running Linux kernel: verify, run, dump, probe; needs root or CAP_BPF').exitOverride(), finish); // prettier-ignore
  return program;
}

/** Given again, an option without a default adds to what it was given before. */
function collectFirst(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

/** Set by the release; see nx.json. */
const VERSION = '0.1.0';
