/** `polybpf kernel ...`: the commands that ask the running Linux kernel. */
import { type Command, Option } from 'commander';
import { EXIT_DONE, EXIT_FAILED } from '../exit-code.ts';
import { INPUT_KINDS } from '../input.ts';
import { type KernelDumpFlags, runKernelDump } from './kernel-dump.ts';
import { type KernelInfoFlags, runKernelInfo } from './kernel-info.ts';
import { type KernelLoadFlags, runKernelLoad } from './kernel-load.ts';
import { type KernelProbeFlags, runKernelProbe } from './kernel-probe.ts';
import { type KernelRunFlags, runKernelRun } from './kernel-run.ts';

const FILE = 'ELF object, raw bytes, hex text or assembly, found by content; - is standard input';

/**
 * Adds the sub-commands.
 *
 * @param finish - told the exit status of a sub-command that ends badly without an error of its own
 */
export function addKernelCommands(kernel: Command, finish: (exitCode: number) => void): void {
  const add = (name: string, description: string): Command =>
    kernel
      .command(name)
      .description(description)
      .exitOverride()
      .option('--json', 'print one JSON document; schemas/kernel-*.schema.json in the package describes it');
  const withFile = (command: Command): Command =>
    command
      .argument('<FILE>', FILE)
      .addOption(new Option('--input <kind>', 'what FILE is, when its content does not tell').choices(INPUT_KINDS));

  add('info', 'release, settings, capabilities, and what works here').action((flags: KernelInfoFlags) =>
    runKernelInfo(flags),
  );

  withFile(add('load', "what the kernel's verifier says to each program; nothing stays loaded"))
    .option('--type <TYPE>', 'program type, e.g. xdp; default: by section name; socket_filter for bytes and text')
    .option('--prog <NAME>', 'only this program')
    .option('-v, --verbose <N>', "print the verifier's log: 1 trace, 2 more of it, 4 figures, or a sum of these")
    .action((file: string, flags: KernelLoadFlags) => finish(runKernelLoad(file, flags) ? EXIT_DONE : EXIT_FAILED));

  withFile(add('run', 'run a program in the kernel and print all 64 bits of r0'))
    .option('--type <TYPE>', 'program type; default: sched_cls')
    .option('--prog <NAME>', 'program of an object that has several')
    .option('--mem <HEX|@FILE>', 'memory: r1 = its address, r2 = its length')
    .option('--mem-out <FILE>', 'write the memory afterwards')
    .option('--data <HEX|@FILE>', "packet; r1 is then the context of the program's type")
    .option('--data-out <FILE>', 'write the packet afterwards')
    .option('--ctx <HEX|@FILE>', 'context, e.g. struct __sk_buff')
    .option('--repeat <N>', 'run N times, memory carried on')
    .option('--registers', 'print r0 to r9')
    .action((file: string, flags: KernelRunFlags) => runKernelRun(file, flags));

  withFile(add('dump', "machine code of the kernel's JIT beside our own; objdump, if it is there, gives the text"))
    .option('--type <TYPE>', 'program type; default: by section name; socket_filter for bytes and text')
    .option('--prog <NAME>', 'program of an object that has several')
    .action((file: string, flags: KernelDumpFlags) => runKernelDump(file, flags));

  add('probe', 'find out what this kernel offers: program and map types, helpers, contexts, limits; about 20 seconds')
    .option('-o, --output <FILE>', 'write the profile; default: standard output')
    .option('--compare <FILE>', 'say what differs from this profile; exit status 1 unless all of it is explained')
    .option('--profile <FILE>', 'compare this one instead of probing')
    .action((flags: KernelProbeFlags) => finish(runKernelProbe(flags) ? EXIT_DONE : EXIT_FAILED));
}
